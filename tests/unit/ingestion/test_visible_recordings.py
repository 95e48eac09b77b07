"""The real videos in the folder named by UNDERSTUDY_TEST_DATA: nothing lost, nothing doubled, turns on their marks."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingestion.extraction import Extracted, extract
from ingestion.origins.folder import Bundle, discover_folder

# These files have one sentence a cue, one voice tag before it, and no other markup.
_CUE = re.compile(r"^(\d\d):(\d\d):(\d\d)\.(\d\d\d) --> .*\n<v ([^>]*)>(.*)$", re.MULTILINE)
_CLOCK = re.compile(r":(?:\d\d:\d\d:\d\d)?$")


@dataclass(frozen=True)
class Recording:
    """What a file says when it is read in the simplest way, and what extraction makes of it."""

    name: str
    info: dict[str, Any]
    written: list[tuple[int, str, str]]  # start in ms, voice, text
    extracted: Extracted


@pytest.fixture(scope="module")
def recordings(test_data: Path) -> list[Recording]:
    return [_read(item, test_data / "creators") for item in discover_folder(test_data / "creators")]


def _read(item: object, root: Path) -> Recording:
    assert isinstance(item, Bundle), item
    info = json.loads((root / f"{item.name}.info.json").read_text("utf-8"))
    cues = _CUE.findall((root / f"{item.name}.en.vtt").read_text("utf-8"))
    written = [
        (((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms), voice, text)
        for h, m, s, ms, voice, text in cues
    ]
    return Recording(item.name, info, written, extract(item))


@pytest.mark.data
def test_every_word_comes_out_once_and_in_order(recordings: list[Recording]) -> None:
    """Save the names that stand before a colon at the start of a sentence, which say who speaks."""
    assert len(recordings) >= 60
    for recording in recordings:
        written = [word for _, _, text in recording.written for word in text.split()]
        said = [word for segment in recording.extracted.segments for word in segment.text.split()]
        rest: Iterator[str] = iter(written)
        assert all(word in rest for word in said), recording.name  # `in` moves `rest` on: order counts
        names = [*recording.info["speakers"], *(voice for _, voice, _ in recording.written)]
        labels = {word for name in names for word in name.split()}
        gone = Counter(written) - Counter(said)
        assert {_CLOCK.sub("", word) for word in gone} <= labels, recording.name
        assert gone.total() < 80, recording.name


@pytest.mark.data
def test_segments_follow_each_other(recordings: list[Recording]) -> None:
    for recording in recordings:
        segments = recording.extracted.segments
        starts = [segment.start_ms or 0 for segment in segments]
        assert starts == sorted(starts), recording.name
        assert all((segment.end_ms or 0) >= (segment.start_ms or 0) for segment in segments), recording.name
        assert [segment.ordinal for segment in segments] == list(range(len(segments)))


@pytest.mark.data
def test_turns_start_at_their_marks(recordings: list[Recording]) -> None:
    """All but those whose own mark runs backwards among its neighbours."""
    marks = missed = 0
    for recording in recordings:
        written = {(start_ms, text) for start_ms, _, text in recording.written}
        begun: dict[int, list[str]] = {}
        for segment in recording.extracted.segments:
            begun.setdefault(segment.start_ms or 0, []).append(segment.text)
        for mark in recording.info["turn_starts"]:
            marks += 1
            texts = [text for start_ms, text in written if start_ms == mark * 1000]
            missed += not any(text.endswith(said) for text in texts for said in begun.get(mark * 1000, []))
    assert marks > 7000
    assert missed <= marks * 0.002


@pytest.mark.data
def test_voices_are_whom_the_info_file_lists(recordings: list[Recording]) -> None:
    """A voice that is spelled as listed keeps its name, on every cue that carries no other label."""
    for recording in recordings:
        listed = set(recording.info["speakers"])
        said = {(segment.text, segment.speaker) for segment in recording.extracted.segments}
        wrong = [
            text for _, voice, text in recording.written if voice in listed and (text, voice) not in said
        ]
        assert all(":" in text for text in wrong), (recording.name, wrong)

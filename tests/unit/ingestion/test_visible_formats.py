"""Real videos of the folder named by UNDERSTUDY_TEST_DATA, written in every other format: the same comes out of all."""

import html
import re
from pathlib import Path

import pytest

from ingestion.captions import parse_captions
from tests.unit.ingestion.caption_formats import ALL, WITH_VOICES, WITHOUT_ENDS, Said

_CUE = re.compile(
    r"^(\d\d):(\d\d):(\d\d)\.(\d\d\d) --> (\d\d):(\d\d):(\d\d)\.(\d\d\d)\n<v ([^>]*)>(.*)$", re.MULTILINE
)
_SHARE = 3  # of each channel's videos, by name


def _ms(parts: tuple[str, ...]) -> int:
    hours, minutes, seconds, ms = map(int, parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


def _written(path: Path) -> list[Said]:
    """The cues as they stand there, in order, without those whose times run backwards or that name their speaker again."""
    cues: list[Said] = []
    for found in _CUE.findall(path.read_text("utf-8")):
        start_ms, end_ms = _ms(found[:4]), _ms(found[4:8])
        text = html.unescape(found[9]).strip()
        if text and start_ms < end_ms and ":" not in text and (not cues or start_ms >= cues[-1].end_ms):
            cues.append(Said(start_ms, end_ms, " ".join(text.split()), html.unescape(found[8]).strip()))
    return cues


@pytest.fixture(scope="module")
def videos(test_data: Path) -> dict[str, list[Said]]:
    channels = sorted(path for path in (test_data / "creators").iterdir() if path.is_dir())
    files = [file for channel in channels for file in sorted(channel.glob("*.vtt"))[:_SHARE]]
    found = {f"{file.parent.name}/{file.name}": _written(file) for file in files}
    assert len(found) >= 18
    assert sum(map(len, found.values())) > 5000
    return found


@pytest.mark.data
@pytest.mark.parametrize("name", ALL)
def test_the_same_words_at_the_same_times(videos: dict[str, list[Said]], name: str) -> None:
    for video, cues in videos.items():
        captions = parse_captions(ALL[name](cues), known_speakers={cue.voice for cue in cues if cue.voice})
        said = [(cue.start_ms, word) for cue in captions.cues for word in cue.text.split()]
        assert said == [(cue.start_ms, word) for cue in cues for word in cue.words], video
        if name not in WITHOUT_ENDS:
            assert [cue.end_ms for cue in captions.cues] == [cue.end_ms for cue in cues], video
        if name in WITH_VOICES:
            assert [cue.speaker for cue in captions.cues] == [
                (cue.voice or "").strip("[]") for cue in cues
            ], video

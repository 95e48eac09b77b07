"""The demo creator's files are whole: what `make demo` seeds can be imported and shows what it should."""

import json
import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

DEMO = Path(__file__).parents[3] / "creators" / "demo"
LIBRARY = DEMO / "library"

_TIME = r"(\d{2}):(\d{2}):(\d{2})[.,](\d{3})"
_TIMING = re.compile(rf"^{_TIME} --> {_TIME}(?: .*)?$")
_WORD_TIME = re.compile(rf"<{_TIME}><c>")
_VOICE = re.compile(r"<v ([^>]+)>")
_PREFIX = re.compile(r"^([A-Z][a-z]+): ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cue:
    start_ms: int
    end_ms: int
    text: str


def _info(video: str) -> dict[str, Any]:
    return json.loads((LIBRARY / f"{video}.info.json").read_text(encoding="utf-8"))


def _captions(video: str) -> list[Path]:
    return sorted([*LIBRARY.glob(f"{video}.en.vtt"), *LIBRARY.glob(f"{video}.en.srt")])


def _ms(hours: str, minutes: str, seconds: str, millis: str) -> int:
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(millis)


def _cues(video: str) -> list[Cue]:
    lines = _captions(video)[0].read_text(encoding="utf-8").split("\n")
    at = [index for index, line in enumerate(lines) if _TIMING.match(line)]
    cues: list[Cue] = []
    for index, following in zip(at, [*at[1:], len(lines)], strict=True):
        found = _TIMING.match(lines[index])
        assert found is not None
        text = "\n".join(lines[index + 1 : following])
        cues.append(Cue(_ms(*found.groups()[:4]), _ms(*found.groups()[4:]), text))
    return cues


def _speakers(video: str) -> set[str]:
    texts = [cue.text for cue in _cues(video)]
    return {name for text in texts for name in _VOICE.findall(text) or _PREFIX.findall(text)}


VIDEOS = sorted(path.name.removesuffix(".info.json") for path in LIBRARY.glob("*.info.json"))
DOCUMENTS = sorted(path.name for path in LIBRARY.glob("*.md"))


def test_there_are_enough_videos_and_documents() -> None:
    assert len(VIDEOS) >= 6
    assert len(DOCUMENTS) >= 2


def test_every_caption_file_has_its_info_file() -> None:
    captioned = {path.name.split(".")[0] for pattern in ("*.vtt", "*.srt") for path in LIBRARY.glob(pattern)}
    assert captioned == set(VIDEOS)


@pytest.mark.parametrize("video", VIDEOS)
def test_info_file_describes_its_captions(video: str) -> None:
    info = _info(video)
    assert len(_captions(video)) == 1
    assert info["id"] == video
    assert info["webpage_url"] == f"https://www.youtube.com/watch?v={video}"
    assert (info["extractor"], info["language"]) == ("youtube", "en")
    assert info["title"].strip()
    assert info["description"].strip()
    published = date.fromisoformat(info["upload_date"])
    assert 2021 <= published.year <= 2026


@pytest.mark.parametrize("video", VIDEOS)
def test_id_has_the_form_of_a_youtube_id_and_is_nobodys(video: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{11}", video)
    # 11 characters of 6 bits hold 64 bits, so the last one of a real id is a multiple of four.
    assert video[-1] not in "AEIMQUYcgkosw048"


@pytest.mark.parametrize("video", VIDEOS)
def test_cues_run_forward_within_the_duration(video: str) -> None:
    cues = _cues(video)
    assert len(cues) >= 50
    ends = [0, *(cue.end_ms for cue in cues)]
    for cue, end_before_ms in zip(cues, ends, strict=False):
        assert end_before_ms <= cue.start_ms < cue.end_ms <= cue.start_ms + 6_000
        assert cue.text.strip()
    assert cues[-1].end_ms <= _info(video)["duration"] * 1000
    assert 240 <= _info(video)["duration"] <= 480


@pytest.mark.parametrize("video", VIDEOS)
def test_word_times_run_forward_within_their_cue(video: str) -> None:
    for cue in _cues(video):
        times = [_ms(*found) for found in _WORD_TIME.findall(cue.text)]
        assert times == sorted(times)
        assert all(cue.start_ms <= time < cue.end_ms for time in times)


@pytest.mark.parametrize("video", VIDEOS)
def test_chapters_follow_each_other_within_the_duration(video: str) -> None:
    info = _info(video)
    chapters = info["chapters"]
    assert len(chapters) >= 3
    assert chapters[0]["start_time"] == 0
    assert chapters[-1]["end_time"] == info["duration"]
    for chapter, following in pairwise(chapters):
        assert chapter["end_time"] == following["start_time"]
    for chapter in chapters:
        assert chapter["start_time"] < chapter["end_time"]
        assert chapter["title"].strip()


def test_exactly_one_video_has_a_guest() -> None:
    creator = json.loads((DEMO / "creator.json").read_text(encoding="utf-8"))
    own = set(creator["persona"]["voices"])
    speakers = {video: _speakers(video) for video in VIDEOS}
    with_guest = [video for video, names in speakers.items() if len(names) == 2]
    assert len(with_guest) == 1
    assert len(speakers[with_guest[0]] & own) == 1
    assert all(names <= own for video, names in speakers.items() if video not in with_guest)


def test_one_video_carries_a_sponsor_chapter_and_one_rolls_up() -> None:
    sponsored = [
        video for video in VIDEOS if any(c["title"].startswith("Sponsor: ") for c in _info(video)["chapters"])
    ]
    rolled = [video for video in VIDEOS if any(_WORD_TIME.search(cue.text) for cue in _cues(video))]
    assert len(sponsored) == 1
    assert len(rolled) == 1


def test_rolled_up_captions_repeat_the_line_before() -> None:
    (video,) = [name for name in VIDEOS if any(_WORD_TIME.search(cue.text) for cue in _cues(name))]
    cues = _cues(video)
    spoken, fillers = cues[::2], cues[1::2]
    assert all(cue.end_ms - cue.start_ms == 10 for cue in fillers)
    for filler, following in zip(fillers, spoken[1:], strict=False):
        assert filler.text.split("\n")[0] == following.text.split("\n")[0]


def test_creator_file_has_what_the_catalogue_needs() -> None:
    creator = json.loads((DEMO / "creator.json").read_text(encoding="utf-8"))
    assert set(creator) == {"handle", "name", "persona", "languages", "visibility", "demo_question"}
    assert re.fullmatch(r"[a-z0-9-]{2,63}", creator["handle"])
    assert creator["languages"] == ["en"]
    assert creator["visibility"] == "public"
    assert creator["demo_question"].endswith("?")
    persona = creator["persona"]
    assert set(persona) == {"voice", "greeting", "suggested_questions", "voices"}
    assert len(set(persona["suggested_questions"])) == 4
    assert creator["name"] in persona["voices"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_has_a_title_and_headings(document: str) -> None:
    text = (LIBRARY / document).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(re.findall(r"^## ", text, re.MULTILINE)) >= 3
    assert 400 <= len(text.split()) <= 800

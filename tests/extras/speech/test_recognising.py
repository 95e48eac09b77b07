"""What is said comes out with its times; what the model cannot know comes out as an error."""

from itertools import pairwise
from pathlib import Path

import pytest

from evals import word_error_rate
from runtime.errors import InvalidInput
from tests.extras.speech.conftest import Make, hear, words
from tests.extras.speech.sounds import clip, encode, music, silence, write_wav

FOREIGN = [f"{language}-00{number}" for language in ("de", "fr", "es", "pt") for number in (0, 1)]


def english(clips: Path) -> list[Path]:
    return sorted(clips.glob("fleurs-en-*.ogg"))


async def test_english_clips_come_out_as_they_were_said(make: Make, clips: Path) -> None:
    heard: list[tuple[str, str]] = []
    for path in english(clips):
        pieces = await hear(make(), path)
        assert [piece.language for piece in pieces] == ["en"]
        assert pieces[0].unclear_ms == 0
        heard.append((path.with_suffix(".txt").read_text(encoding="utf-8"), words(pieces)))
    assert len(heard) == 6
    assert word_error_rate(heard) < 0.2


@pytest.mark.parametrize("name", FOREIGN)
async def test_another_language_is_an_error_and_never_text(make: Make, clips: Path, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await hear(make(), clips / f"fleurs-{name}.ogg")
    assert caught.value.code == "speech_language_unsupported"
    assert "UNDERSTUDY_SPEECH__MODEL" in caught.value.next_step


async def test_a_language_that_is_known_is_named_before_listening(make: Make, clips: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        await hear(make(), clips / "fleurs-de-000.ogg", language="de")
    assert caught.value.code == "speech_language_unsupported"
    assert "German" in caught.value.detail


async def test_what_the_operator_says_is_believed_and_still_no_text_is_invented(
    make: Make, clips: Path
) -> None:
    pieces = await hear(make(language="en"), clips / "fleurs-de-000.ogg")
    assert words(pieces) == ""
    assert pieces[0].unclear_ms > 5000


async def test_each_word_has_a_time_and_they_never_go_back(make: Make, clips: Path) -> None:
    (piece,) = await hear(make(), clips / "fleurs-en-005.ogg")
    for said in piece.utterances:
        assert len(said.word_starts_ms) == len(said.text.split())
        assert all(first <= second for first, second in pairwise(said.word_starts_ms))
        assert said.start_ms <= said.word_starts_ms[0]
        assert said.word_starts_ms[-1] <= said.end_ms <= piece.end_ms


async def test_silence_and_music_give_no_words(make: Make, clips: Path, tmp_path: Path) -> None:
    for path in (clips / "silent_1s.wav", write_wav(tmp_path / "music.wav", [music(40)])):
        pieces = await hear(make(), path)
        assert words(pieces) == ""
        assert pieces[-1].last


async def test_times_count_from_the_start_of_the_recording(make: Make, clips: Path, tmp_path: Path) -> None:
    said = clip(clips / "fleurs-en-003.ogg")
    (alone,) = await hear(make(), write_wav(tmp_path / "a.wav", [said]))
    (late,) = await hear(make(), write_wav(tmp_path / "b.wav", [silence(25), music(5), silence(2), said]))
    first = alone.utterances[0].word_starts_ms[0] + 32_000
    assert "cabbage" in words([late])
    assert abs(late.utterances[0].word_starts_ms[0] - first) < 500


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp3", "libmp3lame"),
        ("a.m4a", "aac"),
        ("a.aac", "aac"),
        ("a.wav", "pcm_s16le"),
        ("a.flac", "flac"),
        ("a.ogg", "libopus"),
        ("a.opus", "libopus"),
        ("a.mp4", "aac"),
        ("a.mov", "aac"),
        ("a.mkv", "aac"),
        ("a.webm", "libopus"),
    ],
)
async def test_every_container(make: Make, clips: Path, tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, clip(clips / "fleurs-en-005.ogg"), codec, title=" A  title ")
    (piece,) = await hear(make(), path)
    said = (clips / "fleurs-en-005.txt").read_text(encoding="utf-8")
    assert word_error_rate([(said, words([piece]))]) < 0.15
    assert piece.damaged == 0
    assert piece.end_ms == pytest.approx(11_420, abs=200)  # AAC pads, and Matroska does not say so
    assert piece.media.title == (None if name == "a.aac" else "A title")
    assert piece.media.duration_ms == pytest.approx(11_420, abs=1000 if name == "a.aac" else 200)


async def test_a_video_with_sound(make: Make, clips: Path) -> None:
    for name in ("sample_10s.mp3", "sample_10s_video.mp4"):
        pieces = await hear(make(), clips / name)
        assert "All LibriVox recordings are in the public domain" in words(pieces)
        assert pieces[0].media.title == "Shakespeare on Scenery"

"""Files that are broken, cut short, or something else, each end with their own error or with what could be heard."""

from pathlib import Path

import numpy as np
import pytest

from ingestion.bundles import Bundle, BundleFile
from ingestion.extraction import identify
from runtime.errors import InvalidInput, Unavailable
from tests.extras.speech.conftest import Make, hear, words
from tests.extras.speech.sounds import clip, encode


async def refusal(make: Make, path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        await hear(make(), path)
    assert caught.value.next_step
    return caught.value.code


async def test_a_video_without_sound(make: Make, tmp_path: Path) -> None:
    path = encode(tmp_path / "mute.mp4", None, "", picture=True)
    assert await refusal(make, path) == "media_without_sound"


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.mkv"])
async def test_text_with_the_name_of_a_recording(make: Make, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("This is a letter.\n" * 100, encoding="utf-8")
    assert await refusal(make, path) == "media_not_recognised"
    with pytest.raises(InvalidInput) as caught:
        identify(Bundle(name, (BundleFile(name, path),)))
    assert caught.value.code == "media_not_recognised"


async def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    with pytest.raises(InvalidInput) as caught:
        identify(Bundle("a.mp3", (BundleFile("a.mp3", tmp_path / "a.mp3"),)))
    assert caught.value.code == "media_empty"


async def test_a_play_list_opens_nothing_else(make: Make, clips: Path, tmp_path: Path) -> None:
    other = encode(tmp_path / "other.mp3", clip(clips / "fleurs-en-005.ogg"), "libmp3lame")
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:12,\n{other}\n#EXT-X-ENDLIST\n"
    for start in ("", "ID3\x03\x00\x00\x00\x00\x00\x00"):
        path = tmp_path / "list.mp3"
        path.write_text(start + text, encoding="utf-8")
        assert await refusal(make, path) in {"media_not_recognised", "media_broken"}


async def test_a_video_cut_off_before_its_index(make: Make, clips: Path, tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", clip(clips / "fleurs-en-005.ogg"), "aac").read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    assert await refusal(make, path) == "media_broken"


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.mkv", "aac"), ("a.flac", "flac")])
async def test_a_recording_cut_off_gives_what_is_there(
    make: Make, clips: Path, tmp_path: Path, name: str, codec: str
) -> None:
    path = encode(tmp_path / name, clip(clips / "fleurs-en-005.ogg"), codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    (piece,) = await hear(make(), path)
    assert words([piece]).startswith("The hospital has followed protocol")
    assert "infection of others" not in words([piece])
    assert piece.end_ms < 8500


async def test_damage_in_the_middle_is_passed_over_and_counted(
    make: Make, clips: Path, tmp_path: Path
) -> None:
    path = encode(tmp_path / "a.mp3", clip(clips / "fleurs-en-005.ogg"), "libmp3lame")
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 4000] = np.random.default_rng(3).bytes(4000)
    path.write_bytes(data)
    (piece,) = await hear(make(), path)
    assert "The hospital" in words([piece])
    assert "others" in words([piece])
    assert piece.damaged > 0


async def test_random_bytes_in_every_container_never_end_the_process(
    make: Make, clips: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    for name, codec in (("a.ogg", "libopus"), ("a.m4a", "aac"), ("a.webm", "libopus")):
        path = encode(tmp_path / name, clip(clips / "fleurs-en-004.ogg"), codec)
        data = bytearray(path.read_bytes())
        for place in random.integers(64, len(data), 60):
            data[place] = random.integers(256)
        path.write_bytes(data)
        try:
            await hear(make(), path)
        except InvalidInput as error:
            assert error.code in {"media_broken", "media_without_sound", "speech_language_unsupported"}  # noqa: PT017


async def test_too_little_memory_is_said(make: Make, clips: Path) -> None:
    with pytest.raises((Unavailable, InvalidInput)) as caught:
        await hear(make(memory_mb=256), clips / "fleurs-en-005.ogg")
    assert caught.value.code in {"speech_process_lost", "speech_model_missing"}

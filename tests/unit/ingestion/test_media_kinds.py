"""Recordings are known by how they begin, and FFmpeg is told what they are."""

import pytest

from ingestion.bundles import Bundle, BundleFile
from ingestion.extraction import extract, identify, spoken_language
from ingestion.speech.kinds import demuxer_of
from runtime.errors import InvalidInput

WAV = b"RIFF\x00\x00\x00\x00WAVEfmt "


@pytest.mark.parametrize(
    ("head", "demuxer"),
    [
        (b"ID3\x04", "mp3"),
        (b"\xff\xfb\x90\x00", "mp3"),
        (b"\x00" * 100 + b"\xff\xf3\x40", "mp3"),
        (b"\xff\xf1\x50", "aac"),
        (WAV, "wav"),
        (b"fLaC\x00", "flac"),
        (b"OggS\x00", "ogg"),
        (b"\x00\x00\x00\x20ftypM4A ", "mov"),
        (b"\x1aE\xdf\xa3", "matroska"),
        (b"#EXTM3U\nother.mp3\n", None),
        (b"ffconcat version 1.0\nfile other.mp3\n", None),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"Hello", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_demuxer(head: bytes, demuxer: str | None) -> None:
    assert demuxer_of(head) == demuxer


def test_a_recording_alone_is_known_by_its_name_until_it_is_played() -> None:
    bundle = Bundle("talks/a talk.wav", (BundleFile("talks/a talk.wav", WAV),))
    facts = identify(bundle)
    assert (facts.origin, facts.kind, facts.title, facts.external_id) == (
        "file",
        "audio",
        "a talk",
        "talks/a talk.wav",
    )
    assert facts.duration_ms is None
    with pytest.raises(InvalidInput) as caught:
        extract(bundle)
    assert caught.value.code == "speech_not_installed"
    assert "make speech" in caught.value.next_step


def test_the_info_file_beside_a_recording_says_what_it_is() -> None:
    info = b'{"id": "x1", "title": "About x", "duration": 9, "language": "pt-BR", "extractor_key": "Vimeo"}'
    bundle = Bundle("x1", (BundleFile("x1.info.json", info), BundleFile("x1.mkv", b"\x1aE\xdf\xa3")))
    facts = identify(bundle)
    assert (facts.title, facts.duration_ms, facts.kind) == ("About x", 9000, "video")
    assert spoken_language(bundle) == "pt"

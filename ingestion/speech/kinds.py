"""Which files are recordings: by name, and by how their content begins."""

from typing import Final

AUDIO_SUFFIXES: Final = (".mp3", ".m4a", ".wav", ".flac", ".ogg", ".oga", ".opus", ".aac")
VIDEO_SUFFIXES: Final = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
MEDIA_SUFFIXES: Final = AUDIO_SUFFIXES + VIDEO_SUFFIXES
# How much of the start of a file `demuxer_of` wants to see, in bytes: room for padding before the first MPEG frame.
HEAD_BYTES: Final = 4096

_MAGIC: Final = (
    (b"ID3", 0, "mp3"),
    (b"fLaC", 0, "flac"),
    (b"OggS", 0, "ogg"),
    (b"WAVE", 8, "wav"),
    (b"ftyp", 4, "mov"),
    (b"moov", 4, "mov"),
    (b"mdat", 4, "mov"),
    (b"wide", 4, "mov"),
    (b"\x1aE\xdf\xa3", 0, "matroska"),
)


def demuxer_of(head: bytes) -> str | None:
    """FFmpeg's name of the container that a file beginning with `head` is; None when it is no recording.

    The name is given to FFmpeg, so that it does not guess: among what it would guess are play lists, which make it open
    other files and addresses.
    """
    for mark, place, name in _MAGIC:
        if head.startswith(mark, place):
            return name
    bare = head.lstrip(b"\x00")
    if (
        len(bare) > 2 and bare[0] == 0xFF and bare[1] & 0xE0 == 0xE0
    ):  # ISO 11172-3: eleven bits of synchronisation
        # A layer of 0 is what ADTS has (ISO 13818-7), and MPEG audio never.
        return "mp3" if bare[1] & 0x06 else "aac"
    return None

"""Items and the files they consist of.

A recording is `<name>.info.json` with captions `<name>.<language>.vtt` beside it, or `.srt` or another of the caption
suffixes; where there are no captions, its media file is what is read, and a media file is a recording without an info file, too.
What else carries its name (media beside captions, thumbnail, description) belongs to it and is not read. A document is any
file whose name ends like those in `DOCUMENT_SUFFIXES`; what it is, its content says. An archive (zip, or tar as it is or
compressed) holds items of its own; the numbered parts of one Google Takeout archive are one item.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Collection, Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ingestion.speech.kinds import AUDIO_SUFFIXES, MEDIA_SUFFIXES
from runtime.errors import InvalidInput, TooLarge, UnderstudyError

INFO_SUFFIX: Final = ".info.json"
# A transcript for readers says so in its name: `.txt` and `.html` alone are documents.
TRANSCRIPT_SUFFIXES: Final = (".transcript.json", ".transcript.html", ".transcript.txt")
CAPTION_SUFFIXES: Final = (
    *(".vtt", ".srt", ".sbv", ".ttml", ".dfxp", ".json3", ".srv3", ".srv2", ".srv1"),
    *TRANSCRIPT_SUFFIXES,
)
# Also the suffix of much else: captions only where the rest of the name says so, or the content.
JSON_SUFFIX: Final = ".json"
ARCHIVE_SUFFIXES: Final = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
TEXT_SUFFIXES: Final = (".md", ".markdown", ".txt")
# Read by `ingestion.parsing`; those at the end only to be refused with a reason.
PARSED_SUFFIXES: Final = (
    ".pdf", ".docx", ".docm", ".pptx", ".pptm", ".xlsx", ".xlsm", ".odt", ".rtf", ".epub", ".html", ".htm", ".xhtml",
    ".eml", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".doc", ".ppt", ".xls",
)  # fmt: skip
DOCUMENT_SUFFIXES: Final = (*TEXT_SUFFIXES, *PARSED_SUFFIXES)
# What is read whole. A day of captions with a time for each word is 12 MB; an info file with its comments can be larger.
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
# What is held of a file at once on its way from one place to another.
_CHUNK_BYTES: Final = 1024 * 1024

# `takeout-20260102T030405Z-001.zip`; several exports at once are counted before the part.
_TAKEOUT_PART: Final = re.compile(
    r"(.*takeout-[0-9]{8}T[0-9]{6}Z(?:-[0-9]+)?)-[0-9]{3}\.(?:zip|tgz)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of an item: its name (in a folder: relative, with `/`), and where its bytes are, or what reads them in turn."""

    name: str
    content: Path | bytes | Callable[[], Generator[bytes]]

    def read(self) -> bytes:
        """The whole content. Raises InvalidInput `file_unreadable`, TooLarge `file_too_large`."""
        data = bytearray()
        with closing(self._chunks()) as chunks:
            for chunk in chunks:
                data += chunk
                if len(data) > MAX_FILE_BYTES:
                    raise file_too_large(self.name)
        return bytes(data)

    def head(self, size: int) -> bytes:
        """The first bytes of the content, at most 1 MiB. Raises InvalidInput `file_unreadable`."""
        with closing(self._chunks()) as chunks:
            return next(chunks, b"")[:size]

    async def stream(self) -> AsyncIterator[bytes]:
        """The content bit by bit: recordings are larger than what should be held at once. Raises as `head` does."""
        chunks = self._chunks()
        try:
            while chunk := await asyncio.to_thread(next, chunks, b""):
                yield chunk
        finally:
            # Given up while a thread is still reading: the file is closed when that has ended.
            with suppress(ValueError):
                chunks.close()

    def _chunks(self) -> Generator[bytes]:
        if isinstance(self.content, bytes):
            return _bytes_of(self.content)
        return _bytes_in(self.name, self.content) if isinstance(self.content, Path) else self.content()


@dataclass(frozen=True, slots=True)
class Bundle:
    """One item: an info file with its captions or its media file, a media file alone, one document, or an archive in
    all its parts."""

    name: str
    files: tuple[BundleFile, ...]

    @property
    def media(self) -> BundleFile | None:
        """The media file, when it is what is to be listened to: captions win."""
        if any(has_suffix(file.name, CAPTION_SUFFIXES) for file in self.files):
            return None
        return next((file for file in self.files if has_suffix(file.name, MEDIA_SUFFIXES)), None)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file or item that cannot be taken, and why; the others are not affected."""

    name: str
    error: UnderstudyError


def group_files(files: Iterable[BundleFile]) -> Iterator[Bundle | Problem]:
    """Put the files of one folder together to items, in the order of their names."""
    groups = _Groups()
    for file in sorted(files, key=lambda file: file.name):
        groups.add(file)
    return groups.items()


def stem_of_captions(name: str) -> str:
    """The name of a caption file without suffix and language."""
    stem = without_caption_suffix(name)
    base, dot, language = stem.rpartition(".")
    return base if dot and base and is_language(language) else stem


def without_caption_suffix(name: str) -> str:
    """The name of a caption file up to its language."""
    suffix = next((suffix for suffix in TRANSCRIPT_SUFFIXES if has_suffix(name, suffix)), None)
    return name[: -len(suffix)] if suffix else os.path.splitext(name)[0]


def is_captions(name: str) -> bool:
    """Whether a file of this name holds captions; a `.json` file may hold anything, its content decides."""
    return has_suffix(name, (*CAPTION_SUFFIXES, JSON_SUFFIX)) and not has_suffix(name, INFO_SUFFIX)


def is_archive(name: str) -> bool:
    """Whether a file of this name holds other files."""
    return has_suffix(name, ARCHIVE_SUFFIXES)


def is_language(code: str) -> bool:
    """Whether `code` looks like what yt-dlp puts before the suffix: `en`, `pt-BR`, `zh-Hans`, `en-orig`."""
    first, *rest = code.split("-")
    return (
        2 <= len(first) <= 3
        and first.isascii()
        and first.isalpha()
        and all(0 < len(part) <= 16 and part.isascii() and part.isalnum() for part in rest)
    )


def has_suffix(name: str, suffixes: tuple[str, ...] | str) -> bool:
    """Whether `name` ends like that, in lower or upper case."""
    return name.lower().endswith(suffixes)


def _bytes_of(content: bytes) -> Generator[bytes]:
    yield content


def _bytes_in(name: str, path: Path) -> Generator[bytes]:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise file_unreadable(name, error) from error


def file_too_large(name: str) -> TooLarge:
    """A file holds more than is read of one."""
    return TooLarge(
        "file_too_large",
        f"{name} is larger than {MAX_FILE_BYTES // 1024**2} MiB.",
        next_step="Split it, or leave out what is not speech or text.",
    )


def file_unreadable(name: str, error: OSError) -> InvalidInput:
    """A file is there and cannot be read."""
    return InvalidInput(
        "file_unreadable",
        f"{name} cannot be read: {error.strerror or error}.",
        next_step="Check that it exists and that this user may read it, then try again.",
    )


@dataclass(slots=True)
class _Groups:
    infos: dict[str, list[BundleFile]] = field(default_factory=dict[str, list[BundleFile]])
    captions: list[BundleFile] = field(default_factory=list[BundleFile])
    documents: list[BundleFile] = field(default_factory=list[BundleFile])
    media: list[BundleFile] = field(default_factory=list[BundleFile])
    archives: dict[str, list[BundleFile]] = field(default_factory=dict[str, list[BundleFile]])
    others: list[BundleFile] = field(default_factory=list[BundleFile])

    def add(self, file: BundleFile) -> None:
        if has_suffix(file.name, INFO_SUFFIX):
            self.infos[file.name[: -len(INFO_SUFFIX)]] = [file]
        elif has_suffix(file.name, CAPTION_SUFFIXES):
            self.captions.append(file)
        elif is_archive(file.name):
            part = _TAKEOUT_PART.fullmatch(file.name)
            self.archives.setdefault(part[1] if part else file.name, []).append(file)
        elif has_suffix(file.name, DOCUMENT_SUFFIXES):
            self.documents.append(file)
        elif has_suffix(file.name, MEDIA_SUFFIXES):
            self.media.append(file)
        else:
            self.others.append(file)

    def items(self) -> Iterator[Bundle | Problem]:
        orphans = self._give_captions()
        alone = self._give_media(orphans)
        for stem, files in self.infos.items():
            yield from _recording(stem, files)
        yield from orphans.values()
        for file in self.documents:
            # A picture beside an info file, and named like it, is its thumbnail.
            if has_suffix(file.name, TEXT_SUFFIXES) or self._recording_of(file.name) is None:
                yield Bundle(file.name, (file,))
        for files in (*([file] for file in alone), *self.archives.values()):
            yield Bundle(files[0].name, tuple(files))
        for file in self.others:
            if self._recording_of(file.name) is None:
                yield Problem(file.name, type_unsupported(file.name))

    def _give_captions(self) -> dict[str, Problem]:
        """Give each info file its captions; those that belong to none, by what they would be captions of."""
        orphans: dict[str, Problem] = {}
        for file in self.captions:
            stem = self._recording_of(file.name)
            if stem is not None:
                self.infos[stem].append(file)
            else:
                orphans.setdefault(stem_of_captions(file.name), Problem(file.name, info_missing(file.name)))
        for file in self.others:  # which may be a recording's captions as JSON
            stem = self._recording_of(file.name)
            if stem is not None and is_captions(file.name) and stem_of_captions(file.name) == stem:
                self.infos[stem].append(file)
        return orphans

    def _give_media(self, captioned: Collection[str]) -> list[BundleFile]:
        """Give each info file without captions its media file; those that belong to no item are left over."""
        alone: list[BundleFile] = []
        # yt-dlp may leave the parts of a recording beside it: `a.mp4` goes before `a.f137.mp4`, which has no sound.
        for file in sorted(
            self.media, key=lambda file: (file.name.count("."), not has_suffix(file.name, AUDIO_SUFFIXES))
        ):
            stem = self._recording_of(file.name)
            if stem is None and os.path.splitext(file.name)[0] not in captioned:
                alone.append(file)
            elif stem is not None and len(self.infos[stem]) == 1:
                self.infos[stem].append(file)
        return alone

    def _recording_of(self, name: str) -> str | None:
        """The longest name of an info file that `name` continues with a dot."""
        end = len(name)
        while (end := name.rfind(".", 0, end)) > 0:
            if name[:end] in self.infos:
                return name[:end]
        return None


def _recording(stem: str, files: list[BundleFile]) -> Iterator[Bundle | Problem]:
    if len(files) > 1:
        yield Bundle(stem, tuple(files))
        return
    # Loaded only when used: folders are looked through by the command, which is to start fast.
    from ingestion.info import is_playlist  # noqa: PLC0415

    try:
        playlist = is_playlist(files[0].read())
    except InvalidInput as error:
        yield Problem(files[0].name, error)
        return
    if not playlist:  # the info file of a playlist or channel describes no recording of its own
        yield Problem(files[0].name, captions_missing(files[0].name))


def info_missing(name: str) -> InvalidInput:
    """Captions came without the file that says which recording they belong to."""
    return InvalidInput(
        "info_missing",
        f"{name} has no info file beside it, so its title and address are not known.",
        next_step="Download it again with yt-dlp --write-info-json, and add both files together.",
    )


def captions_missing(name: str) -> InvalidInput:
    """An info file came without captions."""
    return InvalidInput(
        "captions_missing",
        f"{name} has no captions beside it (.vtt, .srt, .ttml, .json3 or another caption format).",
        next_step="Download them with yt-dlp --write-subs --write-auto-subs --convert-subs vtt, or put the recording beside it"
        " and add --media.",
    )


def type_unsupported(name: str) -> InvalidInput:
    """A file is none of the types that are understood."""
    return InvalidInput(
        "file_type_unsupported",
        f"{name} is not a type of file that can be read.",
        next_step="Add .info.json with captions, recordings, PDF, office, web, mail, text or image files, or an archive of them.",
    )

"""Archives: zip, and tar as it is or compressed by gzip, bzip2 or xz. What they are is seen by their content.

Nothing is ever written under a name from an archive: members are read one by one, and a compressed tar is first unpacked,
as one file, into a temporary file without a name. What makes an archive dangerous as a whole (too many members, members
that share their bytes, a stream that grows without end) refuses it; what makes one member so only names that member.
"""

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final, cast

from ingestion.bundles import is_archive
from runtime.errors import InvalidInput, TooLarge, UnderstudyError

_CHUNK: Final = 1024 * 1024
_ERRORS: Final = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, ValueError, OverflowError, RecursionError, NotImplementedError, RuntimeError),
)
_COMPRESSED: Final = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_OTHER_ARCHIVES: Final = (".7z", ".rar", ".gz", ".bz2", ".xz", ".zst", ".cab", ".iso", ".jar")
# What systems add to archives on their own.
_LITTER: Final = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_LONGEST_NAME: Final = 255
_LOCAL_HEADER: Final = 30  # before the name and the data of a zip's member
_UTF8_FLAG: Final = 0x800
_ENCRYPTED_FLAG: Final = 0x1
# Text does not shrink to less than a fiftieth; below this size it does no harm if it does.
_SMALL: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an archive may hold. `unpacked_bytes` are those that are read; `directory_bytes` a zip's list of members."""

    members: int = 20_000
    unpacked_bytes: int = 4 * 1024**3
    ratio: int = 200
    depth: int = 16
    directory_bytes: int = 16 * 1024**2


LIMITS: Final = ArchiveLimits()


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its name with `/`, its size, and why it cannot be taken if so."""

    name: str
    size: int
    error: UnderstudyError | None = None


class Archive:
    """An open archive. `members` are in the order of their names, each name once, the last of a name if it comes twice."""

    def __init__(self, name: str, found: Iterable["_Found"], limits: ArchiveLimits) -> None:
        self._limits = limits
        self._left = limits.unpacked_bytes
        self._name = name
        self._found = {one.member.name: one for one in found}
        self.members = tuple(self._found[key].member for key in sorted(self._found))

    def stream(self, name: str) -> Generator[bytes]:
        """The content of a member, bit by bit.

        Raises InvalidInput `archive_broken`, TooLarge `archive_too_large` once all that was read is too much.
        """
        found = self._found[name]
        if found.member.error is not None:
            raise found.member.error
        left = found.member.size
        try:
            with found.open() as file:
                while chunk := file.read(_CHUNK):
                    left -= len(chunk)
                    self._spend(len(chunk))
                    if left < 0:
                        raise _broken(f"{name} in {self._name}")
                    yield chunk
        except _ERRORS as error:
            raise _broken(f"{name} in {self._name}") from error

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _too_large(self._name, self._limits)


@dataclass(frozen=True, slots=True)
class _Found:
    member: Member
    open: partial[IO[bytes]]


@contextmanager
def open_archive(path: Path, name: str, limits: ArchiveLimits = LIMITS) -> Generator[Archive]:
    """The archive in the file `path`, which people call `name`; closed at the end of the block.

    Raises InvalidInput `archive_broken`, `archive_bomb`; TooLarge `archive_too_large`.
    """
    with ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(path.open("rb"))
        try:
            if is_zip(file.read(4)):
                found = list(_zip_members(stack, file, name, limits))
            else:
                found = list(_tar_members(stack, file, name, limits))
        except _ERRORS as error:
            raise _broken(name) from error
        yield Archive(name, found, limits)


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip."""
    return head.startswith(_ZIP)


def looks_packed(head: bytes) -> bool:
    """Whether a file that begins with these 512 bytes can be an archive."""
    return is_zip(head) or any(head.startswith(magic) for magic, _ in _COMPRESSED) or _is_tar(head)


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _zip_members(stack: ExitStack, file: IO[bytes], name: str, limits: ArchiveLimits) -> Iterator[_Found]:
    _check_directory(file, name, limits)
    packed = stack.enter_context(zipfile.ZipFile(file))
    infos = packed.infolist()
    if len(infos) > limits.members:
        raise _too_many(name, limits)
    _check_overlap(infos, name)
    for info in infos:
        if info.is_dir():
            continue
        member = _member(_zip_name(info), info.file_size, limits, _zip_problem(info, limits))
        if member is not None:
            yield _Found(member, partial(cast("partial[IO[bytes]]", packed.open), info))


def _check_directory(file: IO[bytes], name: str, limits: ArchiveLimits) -> None:
    """Refuse a list of members that takes more memory than it may, before it is read.

    The end record and its 64-bit form are sections 4.3.14 to 4.3.16 of PKWARE's APPNOTE.
    """
    file.seek(0, 2)
    length = file.tell()
    file.seek(max(0, length - 65_557 - 20))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise _broken(name)
    size: int = struct.unpack_from("<L", tail, at + 12)[0]
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        file.seek(struct.unpack_from("<Q", tail, at - 12)[0])
        record = file.read(56)
        size = struct.unpack_from("<Q", record, 40)[0] if record.startswith(b"PK\x06\x06") else length
    file.seek(0)
    if size > limits.directory_bytes:
        raise _too_many(name, limits)


def _check_overlap(infos: list[zipfile.ZipInfo], name: str) -> None:
    """Members that share their bytes are how a few kilobytes become petabytes (D. Fifield, "A better zip bomb", 2019)."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise InvalidInput(
                "archive_bomb",
                f"Members of {name} share the same bytes, as no honest program packs them.",
                next_step="Pack the files again with the program of your system, and send that.",
            )
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name; some programs write UTF-8 without saying so, which then was read as the code page of DOS."""
    if info.flag_bits & _UTF8_FLAG:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _zip_problem(info: zipfile.ZipInfo, limits: ArchiveLimits) -> tuple[str, str] | None:
    mode = info.external_attr >> 16
    if info.flag_bits & _ENCRYPTED_FLAG:
        return "archive_member_encrypted", "is encrypted"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "archive_member_special", "is a link or a device, not a file"
    if info.file_size > _SMALL and info.file_size > limits.ratio * max(1, info.compress_size):
        return "archive_bomb", "would unpack to far more than text ever does"
    return None


def _tar_members(stack: ExitStack, file: IO[bytes], name: str, limits: ArchiveLimits) -> Iterator[_Found]:
    plain = cast("IO[bytes]", _Bounded(_unpacked(stack, file, name, limits)))
    packed = stack.enter_context(
        tarfile.open(fileobj=plain, mode="r:", errors="surrogateescape")  # noqa: SIM115 - the stack closes it
    )
    for count, info in enumerate(packed):
        if count >= limits.members:
            raise _too_many(name, limits)
        if info.isdir():
            continue
        problem = (
            None
            if info.isreg() and not info.issparse()
            else ("archive_member_special", "is a link or a device, not a file")
        )
        written = info.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        member = _member(written, info.size, limits, problem)
        if member is not None:
            yield _Found(member, partial(cast("partial[IO[bytes]]", packed.extractfile), info))


class _Bounded:
    """A file of which nobody can ask for too much at once: a tar's headers say how long they are, and may lie."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= 4 * _CHUNK:
            raise tarfile.ReadError("a header that is longer than any")
        return self._file.read(size)


def _unpacked(stack: ExitStack, file: IO[bytes], name: str, limits: ArchiveLimits) -> IO[bytes]:
    """The tar itself."""
    file.seek(0)
    head = file.read(8)
    size = file.seek(0, 2)
    file.seek(0)
    unpack = next((unpack for magic, unpack in _COMPRESSED if head.startswith(magic)), None)
    if unpack is None:
        return file
    plain = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    written = 0
    with cast("IO[bytes]", unpack(file, "rb")) as stream:
        while chunk := stream.read(_CHUNK):
            written += len(chunk)
            if written > _SMALL and written > limits.ratio * size:
                raise InvalidInput(
                    "archive_bomb",
                    f"{name} would unpack to far more than text ever does.",
                    next_step="Check what the archive holds; pack the captions and documents alone.",
                )
            if written > limits.unpacked_bytes:
                raise _too_large(name, limits)
            plain.write(chunk)
    plain.seek(0)
    return plain


def _member(written: str, size: int, limits: ArchiveLimits, problem: tuple[str, str] | None) -> Member | None:
    """A member by its name; None for what systems add on their own."""
    name = written.replace("\\", "/").removeprefix("./")
    steps = name.split("/")
    if any(step.startswith(".") and step != ".." for step in steps) or not _LITTER.isdisjoint(steps):
        return None
    shown = name if name.isprintable() else name.encode("unicode_escape").decode("ascii")
    if ".." in steps or "" in steps or name[1:2] == ":":
        problem = "archive_member_outside", "has a name that leads out of the archive"
    elif shown != name or len(name) > _LONGEST_NAME or "\ufffd" in name:
        problem = "archive_member_name", "has a name that no file should have"
    elif len(steps) > limits.depth:
        problem = "archive_member_name", f"lies more than {limits.depth} folders deep"
    elif problem is None and (is_archive(name) or name.lower().endswith(_OTHER_ARCHIVES)):
        problem = "archive_nested", "is an archive within an archive, which is not opened"
    shown = shown[:_LONGEST_NAME]
    return Member(shown, size, _refusal(shown, *problem) if problem else None)


_NEXT_STEPS: Final = {
    "archive_member_encrypted": "Pack the files without a password, and send that.",
    "archive_nested": "Unpack it and send what it holds, or send it on its own.",
    "archive_member_special": "Pack the file itself.",
}


def _refusal(name: str, code: str, why: str) -> InvalidInput:
    return InvalidInput(
        code,
        f"{name} {why}.",
        next_step=_NEXT_STEPS.get(code, "Pack the file again under a plain name, and send that."),
    )


def _broken(name: str) -> InvalidInput:
    return InvalidInput(
        "archive_broken",
        f"{name} cannot be unpacked: it is damaged, cut off, or no zip or tar.",
        next_step="Download or pack it again, and send it again.",
    )


def _too_many(name: str, limits: ArchiveLimits) -> TooLarge:
    return TooLarge(
        "archive_too_large",
        f"{name} holds more than {limits.members:,} files.",
        next_step="Pack the captions and documents alone, or in several archives.",
    )


def _too_large(name: str, limits: ArchiveLimits) -> TooLarge:
    return TooLarge(
        "archive_too_large",
        f"What {name} holds is larger than {limits.unpacked_bytes // 1024**2:,} MiB.",
        next_step="Pack the captions and documents alone, or in several archives.",
    )

"""Items from a folder as `yt-dlp` writes it, and from the folders below it.

Files are opened when an item is worked on, not when it is discovered.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.bundles import (
    INFO_SUFFIX,
    Bundle,
    BundleFile,
    Problem,
    file_unreadable,
    group_files,
    has_suffix,
    info_missing,
    is_archive,
    is_captions,
    stem_of_captions,
    type_unsupported,
)
from ingestion.speech.kinds import MEDIA_SUFFIXES
from runtime.errors import InvalidInput

__all__ = ["Bundle", "BundleFile", "Problem", "discover_folder"]


def discover_folder(path: Path, *, lone_captions: bool = False) -> Iterator[Bundle | Problem]:
    """The items in the folder `path` and below, by name, or the one item that the file `path` belongs to.

    With `lone_captions`, a file of captions that is named itself, and has no info file beside it, is an item.
    Hidden files are passed over; links are followed only to files inside the folder. A file that cannot be
    taken is a Problem and does not stop the others. Raises InvalidInput `folder_missing` or
    `folder_unreadable`, before the first item.
    """
    try:
        found, is_folder = path.exists(), path.is_dir()
    except OSError as error:
        raise _folder_unreadable(str(path), error) from error
    if not found:
        raise InvalidInput(
            "folder_missing",
            f"There is no folder or file {path}.",
            next_step="Check the path and try again.",
        )
    if not is_folder:
        return _item_of(path, lone_captions=lone_captions)
    walk = _Walk(path.resolve())
    first = walk.list(walk.root)
    if isinstance(first, Problem):
        raise first.error
    return walk.items(first)


def _item_of(path: Path, *, lone_captions: bool) -> Iterator[Bundle | Problem]:
    """The item that one file belongs to: for captions, an info file, media or an archive, with what stands beside it."""
    file = BundleFile(path.name, path.resolve())
    of_several = has_suffix(path.name, (INFO_SUFFIX, *MEDIA_SUFFIXES))
    if not of_several and not is_captions(path.name) and not is_archive(path.name):
        yield from group_files([file])
        return
    walk = _Walk(path.parent.resolve())
    beside = walk.list(walk.root)
    others = [] if isinstance(beside, Problem) else beside.files
    items = list(group_files([file, *(other for other in others if other.name != path.name)]))
    mine = [item for item in items if path.name in _names(item)]
    # Media that captions stand beside is not read itself; its item is.
    if not mine and has_suffix(path.name, MEDIA_SUFFIXES):
        mine = [item for item in items if path.name.startswith(f"{_stem(item)}.")]
    if lone_captions and is_captions(path.name) and not any(isinstance(item, Bundle) for item in mine):
        mine = [Bundle(path.name, (file,))]
    yield from mine or [Problem(path.name, info_missing(path.name))]


def _stem(item: Bundle | Problem) -> str:
    return item.name if isinstance(item, Bundle) else stem_of_captions(item.name)


def _names(item: Bundle | Problem) -> set[str]:
    return {item.name} if isinstance(item, Problem) else {file.name for file in item.files}


@dataclass(slots=True)
class _Listing:
    files: list[BundleFile] = field(default_factory=list[BundleFile])
    folders: list[Path] = field(default_factory=list[Path])
    problems: list[Problem] = field(default_factory=list[Problem])


class _Walk:
    """Lists folders under `root`, one at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def items(self, listing: _Listing) -> Iterator[Bundle | Problem]:
        """What is in the folder of `listing`, then in those below it, depth first."""
        open_folders: list[Path] = []
        while True:
            yield from listing.problems
            yield from group_files(listing.files)
            open_folders += reversed(listing.folders)
            listing = _Listing()
            if not open_folders:
                return
            below = self.list(open_folders.pop())
            if isinstance(below, Problem):
                yield below
            else:
                listing = below

    def list(self, folder: Path) -> _Listing | Problem:
        """What lies in `folder`, or why it cannot be listed."""
        listing = _Listing()
        try:
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if not entry.name.startswith("."):
                        self._take(entry, listing)
        except OSError as error:
            name = self._name(folder)
            return Problem(name, _folder_unreadable(name, error))
        return listing

    def _take(self, entry: os.DirEntry[str], listing: _Listing) -> None:
        path = Path(entry.path)
        name = self._name(path)
        if entry.is_dir(follow_symlinks=False):
            listing.folders.append(path)
            return
        try:
            target = path.resolve(strict=True)
            mode = target.stat().st_mode
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            cause = error if isinstance(error, OSError) else OSError(str(error))
            listing.problems.append(Problem(name, file_unreadable(name, cause)))
            return
        if not target.is_relative_to(self.root):
            listing.problems.append(Problem(name, _outside(name)))
        elif stat.S_ISREG(mode):
            listing.files.append(BundleFile(name, target))
        elif not stat.S_ISDIR(mode):  # a link to a folder inside: its files are found where they are
            listing.problems.append(Problem(name, type_unsupported(name)))

    def _name(self, path: Path) -> str:
        """Relative to the folder, with `/`; bytes that are no text are shown as such."""
        relative = path.relative_to(self.root).as_posix() if path != self.root else path.name
        return os.fsencode(relative).decode("utf-8", "backslashreplace")


def _outside(name: str) -> InvalidInput:
    return InvalidInput(
        "file_outside_folder",
        f"{name} is a link that leads out of the folder.",
        next_step="Put the file itself into the folder.",
    )


def _folder_unreadable(name: str, error: OSError) -> InvalidInput:
    refusal = InvalidInput(
        "folder_unreadable",
        f"The folder {name} cannot be read: {error.strerror or error}.",
        next_step="Check that this user may list it, then try again.",
    )
    refusal.__cause__ = error
    return refusal

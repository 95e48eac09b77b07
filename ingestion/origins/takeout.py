"""A Google Takeout archive: the videos of a channel by their titles, with what the archive says about them.

Files are named by the title, with `_` for what file systems dislike, cut at 47 characters. Ids, dates and privacy stand in
`.csv` files (`video metadata/videos.csv`, headings and folders in the language of the account), in older archives in a
`.json` beside each video. So metadata is known by what is in it, and a video's files by its title. Of all else that a
Takeout holds, such as what its owner watched, nothing is taken.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final, cast

from ingestion.bundles import (
    INFO_SUFFIX,
    Bundle,
    BundleFile,
    Problem,
    has_suffix,
    info_missing,
    is_captions,
    stem_of_captions,
)
from ingestion.decoding import decode
from ingestion.origins.youtube.details import length_s, part
from runtime.errors import InvalidInput

ROOT: Final = "Takeout/"
# Names are cut at 47 characters; `(1)` and the like come on top.
_CUT_AT: Final = 47
_VIDEO_SUFFIXES: Final = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".3gp", ".m4v", ".mpg", ".wmv", ".flv")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{11}")
_LONGEST_TITLE: Final = 200
_COUNTED: Final = re.compile(r"\s?\([0-9]{1,3}\)$")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,16}(?:Z|[+-][0-9]{2}:?[0-9]{2})")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def _words(text: str) -> frozenset[str]:
    return frozenset(word.replace("_", " ") for word in text.split())


# How the language of the account says "public", and that it is not; what is in neither list stays out.
_PUBLIC: Final = _words(
    """
    public öffentlich publique público pública pubblica pubblico publica openbaar offentlig offentligt julkinen
    publiczny publiczna veřejné открытый общедоступное 公開 公开 공개
    """
)
_CLOSED: Final = _words(
    """
    private unlisted privat nicht_gelistet privée privé non_répertoriée privado no_listado oculto não_listado
    privata privato non_in_elenco verborgen 非公開 限定公開 비공개 일부_공개 私享 不公开列出 закрытый
    """
)


@dataclass(frozen=True, slots=True)
class _Video:
    """`titles` are what may be its title, each with the word for who may see the video if that is the title."""

    id: str
    titles: tuple[tuple[str, str | None], ...]
    published_at: str | None = None
    duration_ms: int | None = None
    language: str | None = None


def is_takeout(names: Iterable[str]) -> bool:
    """Whether an archive with members of these names is one."""
    return any(name.startswith(ROOT) for name in names)


def takeout_items(files: Sequence[BundleFile]) -> Iterator[Bundle | Problem]:
    """The videos of a channel that have captions, and what is wrong with the others."""
    videos = _videos(files)
    groups: dict[str, list[BundleFile]] = {}
    films: dict[str, str] = {}
    for file in files:
        if is_captions(file.name) and not has_suffix(file.name, ".json"):
            groups.setdefault(stem_of_captions(file.name), []).append(file)
        elif has_suffix(file.name, _VIDEO_SUFFIXES):
            films[file.name[: file.name.rfind(".")]] = file.name
    for stem in sorted(groups.keys() | films.keys()):
        captions = groups.get(stem, [])
        name = captions[0].name if captions else films[stem]
        found: dict[str, _Video] = {}
        for video in videos:
            for title in video.titles:
                if _is_title_of(_folded(title[0]), PurePosixPath(stem).name):
                    found.setdefault(video.id, replace(video, titles=(title,)))
        problem = _problem(name, found, has_captions=bool(captions))
        yield problem or Bundle(
            stem, (BundleFile(stem + INFO_SUFFIX, _info(next(iter(found.values())))), *captions)
        )


def _problem(name: str, found: dict[str, _Video], *, has_captions: bool) -> Problem | None:
    if not found:
        return Problem(name, info_missing(name) if has_captions else _unknown(name))
    if len(found) > 1:
        return Problem(name, _ambiguous(name, len(found)))
    video = next(iter(found.values()))
    if video.titles[0][1] not in _PUBLIC:
        return Problem(name, _not_public(name, video))
    return None if has_captions else Problem(name, _captions_missing(name, video))


def _videos(files: Sequence[BundleFile]) -> list[_Video]:
    videos: dict[str, _Video] = {}
    for file in files:
        found: Iterable[_Video] = ()
        if has_suffix(file.name, ".csv"):
            found = _read(file, _csv_videos)
        elif has_suffix(file.name, ".json"):
            found = _read(file, _json_videos)
        for video in found:
            # The same id also stands in lists that say less about it.
            known = videos.get(video.id)
            if known is None or not any(privacy for _, privacy in known.titles):
                videos[video.id] = video
    return list(videos.values())


def _read(file: BundleFile, reader: "Any") -> list[_Video]:
    """What a file says about videos: nothing where it is broken, for then it may be about anything else."""
    try:
        return list(reader(decode(file.read(), "info").text))
    except (InvalidInput, ValueError, RecursionError, csv.Error):
        return []


def _csv_videos(text: str) -> Iterator[_Video]:
    heading, *rows = list(csv.reader(text.splitlines(keepends=True))) or [[]]
    column = next(
        (c for c in range(len(heading)) if any(_cell(row, c) for row in rows)
         and all(_ID.fullmatch(_cell(row, c)) for row in rows if row)),
        None,
    )  # fmt: skip
    if column is None:
        return
    named = {title.strip(): index for index, title in enumerate(heading)}
    private = [named["Privacy"]] if "Privacy" in named else _privacy_columns(heading, rows)
    titles = [named["Video Title (Original)"]] if "Video Title (Original)" in named else range(len(heading))
    for row in filter(None, rows):
        moments = [cell for cell in row if _MOMENT.fullmatch(cell)]
        length = _cell(row, named.get("Approx Duration (ms)"))
        language = _cell(row, named.get("Video Audio Language"))
        yield _Video(
            _cell(row, column),
            tuple(
                (title, next((_cell(row, c).casefold() for c in private if c > at), None))
                for at in titles
                if at != column and 0 < len(title := _cell(row, at)) <= _LONGEST_TITLE
            ),
            moments[-1] if moments else None,  # the first says when it was uploaded
            int(length) if length.isdigit() and len(length) < 12 else None,
            language if _LANGUAGE.fullmatch(language) else None,
        )


def _privacy_columns(heading: list[str], rows: list[list[str]]) -> list[int]:
    """The columns that may say who may see a video, whatever their headings: most of their cells are words for that.

    The one meant stands after the title, so that a video called "Public" is not public for its name.
    """
    found: list[int] = []
    for column in range(len(heading)):
        cells = [cell.casefold() for row in rows if (cell := _cell(row, column))]
        if cells and sum(cell in _PUBLIC | _CLOSED for cell in cells) * 2 > len(cells):
            found.append(column)
    return found


def _cell(row: list[str], column: int | None) -> str:
    return row[column].strip() if column is not None and column < len(row) else ""


def _json_videos(text: str) -> Iterator[_Video]:
    """Resources of the YouTube Data API, which older archives hold one by one."""
    data: Any = json.loads(text)
    for item in cast("list[Any]", data) if isinstance(data, list) else [data]:
        if not isinstance(item, dict) or cast("dict[str, Any]", item).get("kind") != "youtube#video":
            continue
        fields = cast("dict[str, Any]", item)
        snippet, status = part(fields, "snippet"), part(fields, "status")
        duration_s = length_s(str(part(fields, "contentDetails").get("duration")))
        if _ID.fullmatch(str(fields.get("id"))):
            yield _Video(
                str(fields["id"]),
                ((str(snippet.get("title", "")), str(status.get("privacyStatus", "")).casefold()),),
                str(snippet.get("publishedAt", "")) or None,
                None if duration_s is None else duration_s * 1000,
                None,
            )


def _folded(title: str) -> str:
    """What of a title survives in the name of a file."""
    letters = unicodedata.normalize("NFC", title).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def _is_title_of(title: str, stem: str) -> bool:
    if not title:
        return False
    bare = _COUNTED.sub("", stem)
    if _folded(stem) == title or (bare and _folded(bare) == title):
        return True
    is_cut = len(bare) in range(_CUT_AT - 1, _CUT_AT + 2)  # some archives cut one earlier or later
    return is_cut and title.startswith(_folded(bare))


def _info(video: _Video) -> bytes:
    info: dict[str, object] = {
        "id": video.id,
        "title": video.titles[0][0],
        "extractor_key": "Youtube",
        "duration": None if video.duration_ms is None else video.duration_ms / 1000,
        "language": video.language,
    }
    try:
        info["timestamp"] = datetime.fromisoformat(video.published_at or "").timestamp()
    except ValueError:
        info["timestamp"] = None
    return json.dumps(info).encode()


def _unknown(name: str) -> InvalidInput:
    return InvalidInput(
        "info_missing",
        f"Nothing in the archive says which video {name} is.",
        next_step="Send all parts of the Takeout archive together; the first holds the list of videos.",
    )


def _ambiguous(name: str, count: int) -> InvalidInput:
    return InvalidInput(
        "takeout_ambiguous",
        f"{count} videos of the archive could be {name}: their titles begin alike.",
        next_step="Add these videos by their addresses instead.",
    )


def _not_public(name: str, video: _Video) -> InvalidInput:
    return InvalidInput(
        "video_not_public",
        f"{name} is not public on YouTube, or the archive does not say that it is.",
        next_step=f"Make https://www.youtube.com/watch?v={video.id} public, or add its captions on their own.",
    )


def _captions_missing(name: str, video: _Video) -> InvalidInput:
    return InvalidInput(
        "captions_missing",
        f"{name} has no captions in the archive.",
        next_step=f"Add https://www.youtube.com/watch?v={video.id} by its address, so that its captions are fetched.",
    )

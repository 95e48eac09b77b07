"""The info file that yt-dlp writes beside a recording: `<name>.info.json`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from creators import Chapter
from ingestion.decoding import decode, drop_senseless
from ingestion.notices import Notice
from ingestion.speakers import Cast
from ingestion.sponsors import SPONSOR_CHAPTER
from runtime.errors import InvalidInput

_LONGEST_S: Final = 60 * 24 * 3600
_YOUTUBE_ID: Final = re.compile(r"[A-Za-z0-9_-]{11}")
_YOUTUBE_HOSTS: Final = frozenset(
    {"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be"}
)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")

# Of SponsorBlock's categories; `selfpromo` is unpaid, and a creator's own course is something fans ask about.
_SPONSOR_CATEGORY: Final = "sponsor"

_Text = Annotated[str, Field(max_length=2000)]
_Names = Annotated[list[_Text], Field(max_length=500)] | None
_Seconds = Annotated[float, Field(ge=0, le=_LONGEST_S)]


class _ChapterEntry(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    start_time: _Seconds
    title: _Text | None = None


class _SponsorBlockEntry(BaseModel):
    """What people marked in a video, as yt-dlp looks it up with `--sponsorblock-mark`."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    start_time: _Seconds
    end_time: _Seconds
    category: _Text | None = None


class _InfoFile(BaseModel):
    """The fields that are used, with the types that yt-dlp gives them; all others are ignored.

    `speakers`, `hosts` and `guests` are not yt-dlp's: origins that know the people write them.
    """

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s/\\\x00-\x1f\x7f]+$")]
    type: Annotated[str | None, Field(alias="_type")] = None
    title: _Text | None = None
    extractor_key: _Text | None = None
    webpage_url: _Text | None = None
    upload_date: _Text | None = None
    timestamp: Annotated[float, Field(ge=0, le=32_503_680_000)] | None = None
    duration: _Seconds | None = None
    language: _Text | None = None
    vcodec: _Text | None = None
    chapters: Annotated[list[_ChapterEntry], Field(max_length=5000)] | None = None
    sponsorblock_chapters: Annotated[list[_SponsorBlockEntry], Field(max_length=5000)] | None = None
    channel: _Text | None = None
    speakers: _Names = None
    hosts: _Names = None
    guests: _Names = None
    subtitles: dict[str, Any] | None = None
    automatic_captions: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """What the info file says about a recording. `manual` and `automatic` are languages of its captions.

    The chapters hold one named "Sponsor" for each stretch that SponsorBlock's users marked as one.
    """

    id: str
    title: str
    is_youtube: bool
    is_audio: bool
    url: str | None
    published_at: datetime | None
    duration_ms: int | None
    language: str | None
    chapters: tuple[Chapter, ...]
    cast: Cast
    manual: frozenset[str]
    automatic: frozenset[str]
    notices: tuple[Notice, ...]


def parse_info(data: bytes) -> Info:
    """Read an info file. Raises InvalidInput `info_broken` when it is not JSON, or says what cannot be."""
    file = _parse(data)
    is_youtube = _is_youtube(file)
    title = _clean(file.title) or file.id
    published_at, notices = _published_at(file)
    return Info(
        id=file.id,
        title=title,
        is_youtube=is_youtube,
        is_audio=file.vcodec == "none",
        url=f"https://www.youtube.com/watch?v={file.id}" if is_youtube else _web_address(file.webpage_url),
        published_at=published_at,
        duration_ms=None if file.duration is None else round(file.duration * 1000),
        language=file.language if file.language and _LANGUAGE.fullmatch(file.language) else None,
        chapters=_with_sponsors(_chapters(file.chapters or []), file.sponsorblock_chapters or [], title),
        cast=Cast(
            listed=_names(file.speakers),
            hosts=_names(file.hosts),
            guests=_names(file.guests),
            show=_clean(file.channel),
        ),
        manual=frozenset(file.subtitles or ()),
        automatic=frozenset(file.automatic_captions or ()),
        notices=notices,
    )


def is_playlist(data: bytes) -> bool:
    """Whether an info file describes a playlist or channel. Raises InvalidInput `info_broken`."""
    return _parse(data).type in {"playlist", "multi_video"}


def _parse(data: bytes) -> _InfoFile:
    text = decode(data, "info").text
    try:
        return _InfoFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"its field {place!r} is wrong ({first['msg']})" if place else "it is not a JSON object"
        raise InvalidInput(
            "info_broken",
            f"The info file cannot be used: {what}.",
            next_step="Download it again with yt-dlp --write-info-json.",
        ) from error


def _clean(text: str | None) -> str:
    return " ".join(drop_senseless(text or "").split())


def _is_youtube(file: _InfoFile) -> bool:
    if not _YOUTUBE_ID.fullmatch(file.id):
        return False
    if file.extractor_key is not None:
        return file.extractor_key.lower().startswith("youtube")
    address = _web_address(file.webpage_url)
    return address is None or urlsplit(address).hostname in _YOUTUBE_HOSTS


def _web_address(address: str | None) -> str | None:
    """`address` if a link to it may be shown."""
    if address is None or drop_senseless(address) != address or address != address.strip():
        return None
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return None
    return address if parts.scheme in {"http", "https"} and host else None


def _published_at(file: _InfoFile) -> tuple[datetime | None, tuple[Notice, ...]]:
    if file.timestamp is not None:
        return datetime.fromtimestamp(file.timestamp, UTC), ()
    if file.upload_date is None:
        return None, ()
    try:
        return datetime.strptime(file.upload_date, "%Y%m%d").replace(tzinfo=UTC), ()
    except ValueError:
        return None, (Notice("date_unreadable", "The upload date of the info file is not a date."),)


def _names(names: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in map(_clean, names or []) if name))


def _chapters(entries: list[_ChapterEntry]) -> tuple[Chapter, ...]:
    chapters = (Chapter(round(entry.start_time * 1000), _clean(entry.title)) for entry in entries)
    return tuple(
        sorted((chapter for chapter in chapters if chapter.title), key=lambda chapter: chapter.start_ms)
    )


def _with_sponsors(
    chapters: tuple[Chapter, ...], marked: list[_SponsorBlockEntry], title: str
) -> tuple[Chapter, ...]:
    """The chapters, with those of sponsors cut into them as yt-dlp does; what stood there before goes on after them.

    A recording without chapters is one, named as the recording (`ModifyChaptersPP` of yt-dlp).
    """
    reads = _merged(sorted((e.start_time, e.end_time) for e in marked if e.category == _SPONSOR_CATEGORY))
    if not reads:
        return chapters
    before = (Chapter(0, title), *chapters) if not chapters or chapters[0].start_ms else chapters
    found = [c for c in before if not any(start <= c.start_ms < end for start, end in reads)]
    for start, end in reads:
        resumed = next(chapter for chapter in reversed(before) if chapter.start_ms <= end)
        found += [Chapter(start, SPONSOR_CHAPTER)]
        found += [Chapter(end, resumed.title)] if resumed.start_ms < end else []
    return tuple(sorted(found, key=lambda chapter: chapter.start_ms))


def _merged(reads: list[tuple[float, float]]) -> list[tuple[int, int]]:
    """In milliseconds, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for start, end in ((round(start_s * 1000), round(end_s * 1000)) for start_s, end_s in reads):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return merged

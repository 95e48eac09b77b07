"""What is fetched for one episode: the choice of its transcript, its chapters, and the info file that describes it."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.decoding import decode
from ingestion.origins.podcast.feeds import Episode, Feed, Transcript
from runtime.errors import InvalidInput

# In order of worth: JSON tells speakers, WebVTT may, SubRip has times only, HTML and text may have neither.
FORMATS: Final = (".json", ".vtt", ".srt", ".html", ".txt")
_TYPES: Final = {
    "application/json": ".json",
    "text/json": ".json",
    "text/vtt": ".vtt",
    "application/vtt": ".vtt",
    "application/srt": ".srt",
    "application/x-subrip": ".srt",
    "text/srt": ".srt",
    "text/x-subrip": ".srt",
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
}
_SUFFIXES: Final = {
    ".json": ".json",
    ".vtt": ".vtt",
    ".srt": ".srt",
    ".html": ".html",
    ".htm": ".html",
    ".txt": ".txt",
}
_MOST_CHAPTERS: Final = 5000
_AUDIO: Final = {
    "audio/mpeg": ".mp3",
    "audio/mp3": ".mp3",
    "audio/mp4": ".m4a",
    "audio/x-m4a": ".m4a",
    "audio/m4a": ".m4a",
    "audio/aac": ".m4a",
    "audio/ogg": ".ogg",
    "audio/opus": ".ogg",
    "audio/flac": ".flac",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
}


class _ChapterEntry(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    start_s: Annotated[float, Field(alias="startTime", ge=0, le=60 * 24 * 3600)]
    title: str | None = None
    in_contents: Annotated[bool, Field(alias="toc")] = True


class _ChaptersFile(BaseModel):
    """JSON Chapters 1.2 (podcast-namespace, chapters/jsonChapters.md), as far as it is used."""

    chapters: Annotated[list[_ChapterEntry], Field(max_length=_MOST_CHAPTERS)]


def parse_chapters(data: bytes) -> tuple[tuple[float, str], ...]:
    """The (seconds, title) of a chapters file. Raises InvalidInput `chapters_broken`."""
    try:
        file = _ChaptersFile.model_validate_json(decode(data, "document").text)
    except (ValidationError, InvalidInput) as error:
        raise InvalidInput("chapters_broken", "The chapters of the episode cannot be read.") from error
    return tuple(
        (entry.start_s, entry.title[:500]) for entry in file.chapters if entry.title and entry.in_contents
    )


def format_of(transcript: Transcript) -> str | None:
    """The suffix of a transcript's format: by its type, and by its name where the type says nothing exact."""
    suffix = _SUFFIXES.get(_suffix(transcript.url))
    if transcript.type in {"", "text/plain", "application/octet-stream"} and suffix:
        return suffix
    return _TYPES.get(transcript.type, suffix)


def by_worth(
    transcripts: Sequence[Transcript], language: str | None, formats: Sequence[str]
) -> Iterator[tuple[Transcript, str]]:
    """The transcripts that can be read, the best first: in the language that is spoken, then in the best format."""
    spoken = (language or "").lower().split("-")[0]

    def rank(found: tuple[Transcript, str]) -> tuple[bool, int]:
        own = (found[0].language or spoken).lower().split("-")[0]
        return bool(spoken) and own != spoken, formats.index(found[1])

    known = [(one, suffix) for one in transcripts if (suffix := format_of(one)) in formats]
    yield from sorted(((one, suffix) for one, suffix in known if suffix), key=rank)


def info_file(feed: Feed, episode: Episode, chapters: Sequence[tuple[float, str]]) -> bytes:
    """The episode in the fields that `yt-dlp` writes and `ingestion.info` reads.

    `webpage_url` is the recording itself, not its page: players and browsers open it at a second.
    """
    found: dict[str, Any] = {
        "id": episode.id,
        "title": episode.title,
        "extractor_key": "Podcast",
        "webpage_url": episode.enclosure.url,
        "episode_url": episode.link,
        "channel": feed.title,
        "uploader": feed.author or None,
        "timestamp": int(episode.published_at.timestamp()) if episode.published_at else None,
        "duration": episode.duration_s,
        "language": episode.language,
        "vcodec": None if episode.enclosure.type.startswith("video/") else "none",
        "thumbnail": episode.image,
        "chapters": [{"start_time": start_s, "title": title} for start_s, title in chapters[:_MOST_CHAPTERS]],
        "speakers": list(episode.cast.listed)[:500],
        "hosts": list(episode.cast.hosts)[:500],
        "guests": list(episode.cast.guests)[:500],
    }
    return json.dumps({name: value for name, value in found.items() if value is not None}).encode()


def media_suffix(episode: Episode) -> str:
    """What the name of the recording ends with."""
    suffix = _suffix(episode.enclosure.url)
    return suffix if suffix in set(_AUDIO.values()) else _AUDIO.get(episode.enclosure.type, ".mp3")


def _suffix(url: str) -> str:
    name = urlsplit(url).path.rpartition("/")[2]
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""

"""From the files of an item to what the library keeps: facts and verbatim segments."""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from creators import Segment, SourceFacts
from ingestion.bundles import (
    DOCUMENT_SUFFIXES,
    INFO_SUFFIX,
    JSON_SUFFIX,
    TEXT_SUFFIXES,
    TRANSCRIPT_SUFFIXES,
    Bundle,
    BundleFile,
    captions_missing,
    has_suffix,
    info_missing,
    is_captions,
    is_language,
    stem_of_captions,
    type_unsupported,
    without_caption_suffix,
)
from ingestion.captions import Captions, Cue, parse_captions
from ingestion.captions.formats import is_spoken_json
from ingestion.documents import DocumentText, parse_document
from ingestion.info import Info, parse_info
from ingestion.notices import Notice
from ingestion.parsing import kind_of
from ingestion.parsing.kinds import HEAD_BYTES as DOCUMENT_HEAD_BYTES
from ingestion.speakers import Cast, Speakers
from ingestion.speech.complaints import empty, not_installed, not_media
from ingestion.speech.kinds import AUDIO_SUFFIXES, HEAD_BYTES, demuxer_of
from ingestion.speech.listening import Heard

_MARKDOWN: Final = (".md", ".markdown")
_LONGEST_ID: Final = 200
_FORMAT_RANKS: Final = (
    ((".transcript.html", ".transcript.txt"), 3),
    ((".json", ".json3", ".srv3"), 0),
    ((".vtt",), 1),
)


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an item holds. `notices` say what had to be repaired or left out on the way."""

    facts: SourceFacts
    segments: tuple[Segment, ...]
    notices: tuple[Notice, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The notices as sentences for the person."""
        return tuple(f"{notice.detail} ({notice.count})" for notice in self.notices)


def identify(bundle: Bundle, languages: Sequence[str] = ()) -> SourceFacts:
    """What an item is, without reading its captions or playing its recording: enough to register it.

    A document that a parser has to open is judged by its first bytes; what it says of itself comes with `extract`.
    Raises InvalidInput `info_missing`, `info_broken`, `captions_missing`, `file_type_unsupported`, `media_empty`,
    `media_not_recognised`, and for a text what `extract` raises.
    """
    if unread := document_to_parse(bundle):
        return _document_facts(unread, DocumentText(()))
    if document := _document_of(bundle):
        return _document_facts(document, _parse(document))
    if media := bundle.media:
        _check_media(media)
        return _media_facts(bundle, media)
    info, captions = _recording_of(bundle, languages)
    return _recording_facts(info, captions)


def cast_of(bundle: Bundle) -> Cast:
    """What the info file of a recording says of its people. Raises InvalidInput `info_broken`."""
    info = _info_beside(bundle)
    return info.cast if info else Cast()


def document_to_parse(bundle: Bundle) -> BundleFile | None:
    """The document of an item, if it takes a `DocumentParser` to read it; its text is then given to `extract`.

    Raises InvalidInput `file_type_unsupported` for one that nobody can read.
    """
    document = _document_of(bundle)
    if document is None:
        return None
    head = document.head(DOCUMENT_HEAD_BYTES)
    kind = kind_of(document.name, head)
    if kind is None and not has_suffix(document.name, TEXT_SUFFIXES):
        raise type_unsupported(document.name)
    return None if kind is None or kind == "text" or not head else document


def extract(
    bundle: Bundle,
    voices: Collection[str] = (),
    languages: Sequence[str] = (),
    document_text: DocumentText | None = None,
    heard: Heard | None = None,
) -> Extracted:
    """Read an item. `voices` are the names that are the creator's own, `languages` those it speaks, main first.

    `heard` is what was said in the media file of a bundle that has one to listen to.

    Segments are numbered from 0. Those of a recording are its cues, with times; those of a document its
    paragraphs, with pages and headings. `document_text` is what a parser read of `document_to_parse`. Raises InvalidInput as `identify` does, and what `parse_captions` and
    `parse_document` raise.
    """
    if document := _document_of(bundle):
        return _extract_document(document, document_text or _parse(document), voices)
    if media := bundle.media:
        return _extract_heard(bundle, media, voices, heard)
    info, file = _recording_of(bundle, languages)
    captions = parse_captions(
        file.read(), known_speakers={*info.cast.listed, *voices}, duration_ms=info.duration_ms
    )
    return _from_cues(_recording_facts(info, file), captions, Speakers(info.cast, voices), info.notices)


def _from_cues(
    facts: SourceFacts, captions: Captions, speakers: Speakers, notices: tuple[Notice, ...]
) -> Extracted:
    segments = tuple(_segment(ordinal, cue, speakers) for ordinal, cue in enumerate(captions.cues))
    people = speakers.people(segment.speaker for segment in segments if segment.speaker)
    return Extracted(_with_captions(facts, captions, people), segments, (*notices, *captions.notices))


def spoken_language(bundle: Bundle) -> str | None:
    """The language that the info file of a recording names, as two or three letters. Raises InvalidInput `info_broken`."""
    info = _info_beside(bundle)
    return info.language.lower().split("-")[0] if info and info.language else None


def _extract_heard(
    bundle: Bundle, media: BundleFile, voices: Collection[str], heard: Heard | None
) -> Extracted:
    if heard is None:
        raise not_installed()
    info, facts = _info_beside(bundle), _media_facts(bundle, media)
    # A title among its tags is better than the name of a file, and not than that of an info file.
    facts = replace(
        facts,
        duration_ms=facts.duration_ms or heard.media.duration_ms,
        title=facts.title if info else heard.media.title or facts.title,
    )
    speakers = Speakers(info.cast if info else Cast(), voices)
    return _from_cues(facts, heard.captions, speakers, info.notices if info else ())


def _info_beside(bundle: Bundle) -> Info | None:
    file = next((file for file in bundle.files if has_suffix(file.name, INFO_SUFFIX)), None)
    return file and parse_info(file.read())


def _check_media(media: BundleFile) -> None:
    head = media.head(HEAD_BYTES)
    if not head:
        raise empty(media.name)
    if demuxer_of(head) is None:
        raise not_media(media.name)


def _media_facts(bundle: Bundle, media: BundleFile) -> SourceFacts:
    """What is known of a recording without captions before it is played."""
    if info := _info_beside(bundle):
        return _recording_facts(info, None)
    name = PurePosixPath(media.name)
    kind = "audio" if has_suffix(media.name, AUDIO_SUFFIXES) else "video"
    return SourceFacts(origin="file", external_id=media.name, kind=kind, title=name.stem)


def _segment(ordinal: int, cue: Cue, speakers: Speakers) -> Segment:
    name = speakers.name(cue.speaker) if cue.speaker else None
    role = speakers.role(name)
    if cue.perhaps and speakers.role(speakers.name(cue.perhaps)) != role:
        role = "unknown"
    return Segment(
        ordinal=ordinal,
        text=cue.text,
        start_ms=cue.start_ms,
        end_ms=cue.end_ms,
        speaker=name,
        role=role,
        word_starts_ms=cue.word_starts_ms,
    )


def _with_captions(facts: SourceFacts, captions: Captions, people: tuple[str, ...]) -> SourceFacts:
    """Facts completed by what only the captions know."""
    return replace(
        facts,
        speakers=people,
        duration_ms=facts.duration_ms or max(cue.end_ms for cue in captions.cues),
        language=facts.language or captions.language,
    )


def _recording_of(bundle: Bundle, languages: Sequence[str]) -> tuple[Info, BundleFile]:
    infos = [file for file in bundle.files if has_suffix(file.name, INFO_SUFFIX)]
    captions = [file for file in bundle.files if is_captions(file.name)]
    if not infos and not captions:
        raise type_unsupported(bundle.name)
    if not infos:
        raise info_missing(captions[0].name)
    info = parse_info(infos[0].read())
    if not captions:
        raise captions_missing(infos[0].name)
    stem = infos[0].name[: -len(INFO_SUFFIX)]
    captions = [file for file in captions if not _is_other_json(file, stem)] or captions
    return info, min(captions, key=lambda file: _rank(file, info, languages))


def _is_other_json(file: BundleFile, stem: str) -> bool:
    """Whether a file that is called `.json` and no more holds something else than captions of the recording `stem`."""
    if not has_suffix(file.name, JSON_SUFFIX) or has_suffix(file.name, TRANSCRIPT_SUFFIXES):
        return False
    return stem_of_captions(file.name) != stem or not is_spoken_json(file.read())


def complete(bundle: Bundle) -> Bundle:
    """`bundle`, with an info file made for it where somebody sends captions in alone.

    Nothing is guessed: the title and the id are the file's name, there is no address and no date, and the kind is
    "audio", because that words were spoken is all that captions tell. Raises what `parse_captions` raises.
    """
    if len(bundle.files) != 1 or not is_captions(bundle.files[0].name):
        return bundle
    file = bundle.files[0]
    parse_captions(file.read())
    stem = stem_of_captions(file.name)
    place = quote(stem, safe="")
    info = {
        "id": place if len(place) <= _LONGEST_ID else hashlib.sha256(stem.encode()).hexdigest(),
        "title": PurePosixPath(stem).name,
        "extractor_key": "file",
        "vcodec": "none",
    }
    return Bundle(bundle.name, (BundleFile(stem + INFO_SUFFIX, json.dumps(info).encode()), file))


def _rank(file: BundleFile, info: Info, languages: Sequence[str]) -> tuple[int, bool, bool, int, str]:
    """Captions to choose first: in the language that was spoken, made by a person, in a format with times of words."""
    code = _language_of(file) or ""
    wanted = [language.lower().split("-")[0] for language in languages]
    spoken = (info.language or "").lower().split("-")[0]
    if spoken in wanted or not wanted:
        wanted.insert(0, spoken)
    else:
        wanted.append(spoken)
    base = code.lower().split("-")[0]
    place = wanted.index(base) if base in wanted else len(wanted)
    automatic = code.lower().endswith("-orig") or (code in info.automatic and code not in info.manual)
    return place, automatic, base != code.lower(), _format_rank(file.name), file.name


def _format_rank(name: str) -> int:
    """Formats that have a time for each word before those that may, those before the others, pages for readers last."""
    return next((rank for suffixes, rank in _FORMAT_RANKS if has_suffix(name, suffixes)), 2)


def _language_of(file: BundleFile) -> str | None:
    """The language in the name of a caption file, without what yt-dlp adds to it."""
    base = without_caption_suffix(file.name)
    code = base[len(stem_of_captions(file.name)) :].removeprefix(".")
    return code if is_language(code) else None


def _recording_facts(info: Info, captions: BundleFile | None) -> SourceFacts:
    code = _language_of(captions) if captions else None
    return SourceFacts(
        origin="youtube" if info.is_youtube else "file",
        external_id=info.id,
        kind="audio" if info.is_audio else "video",
        title=info.title,
        url=info.url,
        published_at=info.published_at,
        duration_ms=info.duration_ms,
        language=code.removesuffix("-orig") if code else info.language,
        chapters=info.chapters,
        speakers=info.cast.listed,
    )


def _document_of(bundle: Bundle) -> BundleFile | None:
    documents = (file for file in bundle.files if has_suffix(file.name, DOCUMENT_SUFFIXES))
    return next((file for file in documents if not is_captions(file.name)), None)  # `.transcript.txt`


def _parse(file: BundleFile) -> DocumentText:
    return parse_document(file.read(), is_markdown=has_suffix(file.name, _MARKDOWN))


def _document_facts(file: BundleFile, document: DocumentText) -> SourceFacts:
    return SourceFacts(
        origin="file",
        external_id=file.name,
        kind="document",
        title=document.title or PurePosixPath(file.name).stem,
        url=document.url,
        published_at=document.published_at,
        language=document.language,
        speakers=(document.author,) if document.author else (),
    )


def _extract_document(file: BundleFile, document: DocumentText, voices: Iterable[str]) -> Extracted:
    speakers = Speakers(Cast(), voices)
    segments = tuple(
        Segment(
            ordinal=ordinal,
            text=paragraph.text,
            page=paragraph.page,
            heading=paragraph.heading,
            speaker=document.author,
            role=speakers.role(document.author),
        )
        for ordinal, paragraph in enumerate(document.paragraphs)
    )
    return Extracted(_document_facts(file, document), segments, document.notices)

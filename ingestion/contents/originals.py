"""The file of an item that a fan opens to see what is cited, where the item has no address elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from ingestion.bundles import DOCUMENT_SUFFIXES, has_suffix, is_captions
from ingestion.speech.kinds import MEDIA_SUFFIXES
from runtime.files import StoredFile
from runtime.ids import SourceId

# What browsers show. Anything else is downloaded: it is named here so that the right program opens it then.
_SHOWN: Final = {
    ".pdf": "application/pdf",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".markdown": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/matroska",
    ".webm": "video/webm",
}
_OPEN_XML: Final = "application/vnd.openxmlformats-officedocument"
_DOWNLOADED: Final = {
    ".docx": f"{_OPEN_XML}.wordprocessingml.document",
    ".pptx": f"{_OPEN_XML}.presentationml.presentation",
    ".xlsx": f"{_OPEN_XML}.spreadsheetml.sheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".rtf": "application/rtf",
    ".epub": "application/epub+zip",
    ".eml": "message/rfc822",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}


@dataclass(frozen=True, slots=True)
class Original:
    """A stored file as it is opened: under its name without folders, in the browser when it is one that `is_shown`."""

    name: str
    file: StoredFile
    media_type: str
    is_shown: bool


def original_of(files: Mapping[str, StoredFile]) -> Original | None:
    """Of an item's files the one to open: the document or the recording. None for captions alone, which show nothing."""
    names = [name for name in sorted(files) if not is_captions(name)]
    documents = [name for name in names if has_suffix(name, DOCUMENT_SUFFIXES)]
    recordings = [name for name in names if has_suffix(name, MEDIA_SUFFIXES)]
    name = next(iter((*documents, *recordings)), None)
    if name is None:
        return None
    suffix = PurePosixPath(name).suffix.lower()
    shown = _SHOWN.get(suffix)
    media_type = shown or _DOWNLOADED.get(suffix, "application/octet-stream")
    return Original(PurePosixPath(name).name, files[name], media_type, shown is not None)


def address_of(source_id: SourceId) -> str:
    """Where the gateway shows the original of a source, relative to the gateway's own address."""
    return f"/files/{source_id}"

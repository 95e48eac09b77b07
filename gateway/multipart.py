"""The files of a multipart body, streamed: nothing of a file is held back on its way to where it is kept."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from runtime.errors import InvalidInput

# An item is an info file and its captions in a few languages, or one document.
MOST_FILES = 16
LONGEST_NAME = 255

_BEGIN, _END, _DONE = object(), object(), object()


@dataclass(slots=True)
class FilePart:
    """A file that is coming in: its name, and its bytes, which are to be read before the next part is asked for."""

    name: str
    content: AsyncIterator[bytes]


async def file_parts(request: Request) -> AsyncIterator[FilePart]:
    """The parts named `file` of a request, in turn.

    Raises HTTPException 415 for another kind of body and 400 for one that is broken or has too many parts; InvalidInput
    `file_missing`, `file_name_invalid`, `file_name_repeated` for what is no upload. Only the caller's key was looked at before.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise HTTPException(415, "Files are sent as multipart/form-data, in parts named `file`.")
    boundary = options.get(b"boundary")
    if not boundary:
        raise HTTPException(400, "The Content-Type header names no boundary of parts.")
    try:
        reader = _Reader(request, boundary)
    except FormParserError as error:
        raise HTTPException(400, "The form cannot be read.") from error
    names: set[str] = set()
    while (name := await reader.next_file()) is not None:
        if name in names:
            raise InvalidInput(
                "file_name_repeated",
                "Two files of the upload have the same name.",
                next_step="Send each file of the item once, under its own name.",
            )
        names.add(name)
        if len(names) > MOST_FILES:
            raise HTTPException(400, f"The form has more than {MOST_FILES} files.")
        yield FilePart(name, reader.content())
    if not names:
        raise _missing("It has none.")


def check_file_name(name: str) -> str:
    """The name as given, folders included; it never becomes a path here. Raises InvalidInput `file_name_invalid`."""
    name = name.replace("\\", "/")
    steps = name.split("/")
    if not name.isprintable() or len(name) > LONGEST_NAME or any(step in {"", ".", ".."} for step in steps):
        raise InvalidInput(
            "file_name_invalid",
            f"{name[:80]!r} cannot be the name of a file.",
            next_step="Send the file under a plain name, for example talk.en.vtt.",
        )
    return name


class _Headers:
    """The headers of one part, as they are put together."""

    def __init__(self) -> None:
        self.field, self.value = bytearray(), bytearray()
        self.done: dict[bytes, bytes] = {}

    def end(self) -> None:
        """Take the header that was read last."""
        self.done[bytes(self.field).lower()] = bytes(self.value)
        self.field.clear()
        self.value.clear()


class _Reader:
    """Turns the parser's calls into a sequence that is asked for."""

    def __init__(self, request: Request, boundary: bytes) -> None:
        self._body = request.stream()
        self._events: deque[object] = deque()
        self._headers = _Headers()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: setattr(self, "_headers", _Headers()),
                "on_header_field": lambda data, start, end: self._headers.field.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._headers.value.extend(data[start:end]),
                "on_header_end": lambda: self._headers.end(),
                "on_headers_finished": lambda: self._events.extend((_BEGIN, self._headers)),
                "on_part_data": lambda data, start, end: self._events.append(data[start:end]),
                "on_part_end": lambda: self._events.append(_END),
                "on_end": lambda: self._events.append(_DONE),
            },
        )

    async def next_file(self) -> str | None:
        """The name of the next part, when all of the one before has been read; None after the last."""
        event = await self._next()
        if event is _DONE:
            return None
        if event is not _BEGIN:
            raise HTTPException(400, "The form cannot be read.")
        headers = await self._next()
        assert isinstance(headers, _Headers)  # noqa: S101 - as the parser's callback put it there
        return _file_name(headers.done)

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the part that was named last."""
        while (event := await self._next()) is not _END:
            if not isinstance(event, bytes):
                raise HTTPException(400, "The form cannot be read.")
            yield event

    async def _next(self) -> object:
        while not self._events:
            chunk = await anext(self._body, b"")
            if not chunk:
                raise HTTPException(400, "The form ends in the middle.")
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise HTTPException(400, "The form cannot be read.") from error
        return self._events.popleft()


def _file_name(headers: dict[bytes, bytes]) -> str:
    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    part = options.get(b"name", b"").decode("utf-8", "replace")
    if part != "file":
        raise _missing(f"It also has {part[:100]!r}.")
    if b"filename" not in options:
        raise _missing("It has a field of that name.")
    return check_file_name(options[b"filename"].decode("utf-8", "replace"))


def _missing(detail: str) -> InvalidInput:
    return InvalidInput(
        "file_missing",
        f"The upload must consist of files in parts named `file`. {detail}",
        next_step="Send it with: curl -F file=@talk.info.json -F file=@talk.en.vtt ...",
    )

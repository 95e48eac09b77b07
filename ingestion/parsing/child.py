"""The child: reads one file, and says what is in it, line by line."""

import json
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from ingestion.parsing.confinement import confine
from ingestion.parsing.readers.types import Facts, Found, Outcome, Refused, Work

_READERS: Final = {
    "pdf": "pdf",
    "image": "images",
    "office": "office",
    "rtf": "office",
    "html": "office",
    "mail": "mail",
    "legacy": "legacy",
}
_CHUNK: Final = 1 << 20


def preload(kind: str) -> None:
    """Import, in the server, what children of this kind are going to need."""
    import_module(f"ingestion.parsing.readers.{_READERS[kind]}").preload()


def read_file(connection: int, folder: Path, request: dict[str, Any]) -> int:
    """Take the file from the connection and answer on it. Returns the exit status."""
    limits = request["limits"]
    path = folder / "document"
    with open(path, "wb") as file:
        left = int(request["size"])
        while left and (data := os.read(connection, min(left, _CHUNK))):
            file.write(data)
            left -= len(data)
    if left:
        return 1
    output = _Output(connection, limits["output_bytes"])
    confine(
        folder,
        memory_bytes=limits["memory_bytes"],
        disk_bytes=limits["disk_bytes"],
        wall_s=limits["wall_s"],
        as_nobody=request["as_nobody"],
    )
    work = Work(path, request["kind"], limits["wall_s"])
    try:
        output.send_all(read(work))
    except Refused as refused:
        output.fail(refused.code)
    except (MemoryError, OSError) as error:
        output.fail("document_too_complex" if _is_shortage(error) else "document_malformed")
    except RecursionError:
        output.fail("document_too_complex")
    except Exception as error:  # noqa: BLE001 - the outermost frame of this process: libraries raise anything
        print(f"{type(error).__module__}.{type(error).__name__}", file=sys.stderr)  # noqa: T201
        output.fail("document_malformed")
    return 0


def read(work: Work) -> Iterable[Found]:
    """What is in a file. Raises Refused, and what libraries raise."""
    return import_module(f"ingestion.parsing.readers.{_READERS[work.kind]}").read(work)


def _is_shortage(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or getattr(error, "errno", None) in {12, 27, 28}


class _Output:
    def __init__(self, connection: int, limit: int) -> None:
        self._connection = connection
        self._left = limit
        self._buffer = bytearray()
        self._paragraphs = 0

    def send_all(self, found: Iterable[Found]) -> None:
        for one in found:
            self._send(one)
        self._line({"end": self._paragraphs})
        self._flush()

    def fail(self, code: str) -> None:
        self._buffer.clear()
        self._buffer += b"\n" + json.dumps({"failed": code}).encode("ascii") + b"\n"
        self._flush()

    def _send(self, found: Found) -> None:
        if isinstance(found, Facts):
            self._line({"facts": [found.title, found.author, found.language, found.published]})
        elif isinstance(found, Outcome):
            self._line({"n": [found.code, found.count]})
        elif found.text.strip():
            self._paragraphs += 1
            self._line({"p": [found.text, found.heading, found.page]})

    def _line(self, message: dict[str, Any]) -> None:
        line = json.dumps(message).encode("ascii") + b"\n"
        self._left -= len(line)
        if self._left < 0:
            raise Refused("document_too_long")
        self._buffer += line
        if len(self._buffer) > _CHUNK:
            self._flush()

    def _flush(self) -> None:
        view = memoryview(bytes(self._buffer))
        self._buffer.clear()
        while view:
            view = view[os.write(self._connection, view) :]

"""The transcriber on faster-whisper, in a child process of its own for each recording."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import structlog

from ingestion.speech.complaints import model_missing, not_installed, process_lost, process_stalled
from ingestion.speech.types import MediaFacts, Piece, Progress, Utterance
from runtime.errors import InvalidInput, TooLarge
from runtime.settings import ROOT, SpeechSettings

# Changed when the same sound would give other words, so that kept pieces are not taken for new ones.
_VERSION: Final = 1
PIECE_S: Final = 600.0
_WINDOW_SHARE: Final = 0.1
# A window of 30 s takes a large model on a slow processor a few minutes; nothing takes longer without a word.
_STALLED_S: Final = 900.0
# Ten minutes of talk with a time for each word are 100 KB.
_LONGEST_LINE: Final = 16 * 2**20
_ERRORS: Final = {"TooLarge": TooLarge}

log = structlog.get_logger(__name__)


class WhisperTranscriber:
    """See `Transcriber`. One recording at a time: the model is what the memory goes to.

    `piece_s` is the longest a piece may be, in seconds; `models` is the folder for models that are downloaded.
    """

    def __init__(self, settings: SpeechSettings, *, models: Path, piece_s: float = PIECE_S) -> None:
        self._settings = settings
        self._models = models
        self._piece_s = piece_s
        self._alone = asyncio.Semaphore(1)

    @property
    def name(self) -> str:
        """See `Transcriber`."""
        model = self._model()
        # A folder is known by its name and the size of its weights: other weights are another model.
        weights = Path(model) / "model.bin"
        size = f":{weights.stat().st_size}" if weights.is_file() else ""
        certain = ":certain" if self._settings.language else ""
        return (
            f"{Path(model).name}{size}:{self._settings.compute_type}:{self._piece_s:g}s{certain}:v{_VERSION}"
        )

    async def transcribe(
        self, path: Path, *, language: str | None, after: Piece | None
    ) -> AsyncGenerator[Piece | Progress]:
        """See `Transcriber`."""
        request = self._request(path, self._settings.language or language, after)
        async with self._alone, _child(request) as answers, aclosing(_messages(answers)) as messages:
            async for message in messages:
                if "progress" in message:
                    yield Progress(*message["progress"])
                else:
                    piece = _piece(message["piece"])
                    yield piece
                    if piece.last:
                        return

    def _model(self) -> str:
        if not available():
            raise not_installed()
        if self._settings.model is None:
            raise model_missing("No speech model is set.")
        folder = Path(self._settings.model).expanduser()
        if folder.is_dir():
            return str(folder.resolve())
        if not self._settings.download:
            raise model_missing(
                f"There is no speech model at {self._settings.model}, and none may be downloaded."
            )
        return self._settings.model

    def _request(self, path: Path, language: str | None, after: Piece | None) -> dict[str, Any]:
        return {
            "path": str(path),
            "piece_s": self._piece_s,
            "window_s": self._piece_s * _WINDOW_SHARE,
            "number": 0 if after is None else after.number + 1,
            "start_ms": 0 if after is None else after.end_ms,
            "memory_mb": self._settings.memory_mb,
            "download_to": str(self._models) if self._settings.download else None,
            "recogniser": {
                "model": self._model(),
                "threads": self._settings.threads,
                "compute_type": self._settings.compute_type,
                "download_to": str(self._models) if self._settings.download else None,
                "language": language,
                "certain": self._settings.language is not None,
            },
        }


def available() -> bool:
    """Whether extra `speech` is installed."""
    return find_spec("faster_whisper") is not None


@asynccontextmanager
async def _child(request: dict[str, Any]) -> AsyncGenerator[asyncio.StreamReader]:
    """What the child says, for as long as the block lasts; then it is gone, whatever it was doing."""
    offline = {} if request["download_to"] else {"HF_HUB_OFFLINE": "1"}
    threads = str(request["recogniser"]["threads"])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingestion.speech.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
        limit=_LONGEST_LINE,
        # Not the worker's own, in which there are keys.
        env={"HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": threads, **offline},
    )
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _messages(answers: asyncio.StreamReader) -> AsyncGenerator[dict[str, Any]]:
    while True:
        try:
            line = await asyncio.wait_for(answers.readline(), _STALLED_S)
        except TimeoutError as error:
            raise process_stalled() from error
        if not line:
            raise process_lost("it was ended from outside")
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            kind, code, detail, next_step = message["error"]
            raise _ERRORS.get(kind, InvalidInput)(code, detail, next_step=next_step)
        if "lost" in message:
            log.warning("speech_process_lost", reason=message["lost"])
            raise process_lost(message["lost"])
        yield message


def _piece(message: dict[str, Any]) -> Piece:
    said = tuple(
        Utterance(one["start_ms"], one["end_ms"], one["text"], tuple(one["word_starts_ms"]))
        for one in message["utterances"]
    )
    fields: dict[str, Any] = {**message, "media": MediaFacts(**message["media"]), "utterances": said}
    return Piece(**fields)

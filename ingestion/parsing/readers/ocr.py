"""Pictures of text by Tesseract, where that program is installed."""

import shutil
import subprocess
from functools import cache
from io import BytesIO
from typing import Final

from PIL import Image

from ingestion.parsing.readers.types import Refused

PROGRAM: Final = "tesseract"
# What a person would not call text is not read.
_SMALLEST_SIDE: Final = 24
_MOST_PIXELS: Final = 40_000_000


@cache
def is_installed() -> bool:
    """Whether the program is on the path."""
    return shutil.which(PROGRAM) is not None


@cache
def _languages() -> str:
    """All that are installed, English first, without those that tell scripts apart."""
    listed = subprocess.run([PROGRAM, "--list-langs"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    names = {name for name in listed.split()[4:] if name.isascii() and name not in {"osd", "equ"}}
    return "+".join(sorted(names, key=lambda name: (name != "eng", name))[:6]) or "eng"


def read(picture: Image.Image, *, seconds: float) -> list[str]:
    """The paragraphs in a picture; none when it took longer than `seconds`."""
    if min(picture.size) < _SMALLEST_SIDE:
        return []
    if picture.width * picture.height > _MOST_PIXELS:
        raise Refused("document_too_complex")
    buffer = BytesIO()
    picture.convert("L").save(buffer, "PNG", compress_level=1)
    command = [PROGRAM, "stdin", "stdout", "-l", _languages()]
    try:
        ran = subprocess.run(  # noqa: S603 - a constant program
            command, input=buffer.getvalue(), capture_output=True, check=False, timeout=max(seconds, 1)
        )
    except subprocess.TimeoutExpired:
        return []
    text = ran.stdout.decode("utf-8", "replace").replace("\f", "\n\n")
    return [joined for part in text.split("\n\n") if (joined := " ".join(part.split()))]

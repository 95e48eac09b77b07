"""PNG, JPEG and TIFF: the text in them, each frame of a TIFF a page."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from PIL import Image, ImageSequence

from ingestion.documents import Paragraph
from ingestion.parsing.readers import ocr
from ingestion.parsing.readers.types import Found, Outcome, Refused, Work

_FORMATS: Final = ("PNG", "JPEG", "TIFF")
_MOST_FRAMES: Final = 500
# A page of newspaper at 300 dots per inch has 40 million.
Image.MAX_IMAGE_PIXELS = 40_000_000


def preload() -> None:
    """Pillow's formats, which it loads by itself when the first picture comes."""
    Image.preinit()


def read(work: Work) -> Iterator[Found]:
    """The paragraphs of each frame."""
    try:
        picture = Image.open(work.path, formats=_FORMATS)
        too_large = picture.width * picture.height > (Image.MAX_IMAGE_PIXELS or 0)
    except Image.DecompressionBombError as error:
        raise Refused("document_expands") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise Refused("document_malformed") from error
    if too_large:
        raise Refused("document_expands")
    if not ocr.is_installed():
        raise Refused("document_needs_ocr")
    count = 0
    for number, frame in enumerate(islice(ImageSequence.Iterator(picture), _MOST_FRAMES), start=1):
        if work.time_left() <= 0:
            yield Outcome("pages_not_read", getattr(picture, "n_frames", number) - number + 1)
            break
        for text in ocr.read(frame, seconds=work.time_left()):
            count += 1
            yield Paragraph(text, None, number)
    if count:
        yield Outcome("pages_by_ocr")

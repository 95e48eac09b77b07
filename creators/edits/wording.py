"""The words of corrections: what may be said, at which times, and one word put for another."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Final

from runtime.errors import InvalidInput, TooLarge

# The longest paragraph of a document that is read has less.
MOST_CHARACTERS: Final = 20_000
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def tidied(text: str, original: str) -> str:
    """`text` as it is kept: single spaces, and lines only where `original` has lines.

    Raises InvalidInput `correction_empty`, `correction_unreadable`, TooLarge `correction_too_long`.
    """
    lines = [" ".join(line.split()) for line in unicodedata.normalize("NFC", text).splitlines()]
    kept = ("\n" if "\n" in original.strip() else " ").join(line for line in lines if line)
    if not kept:
        raise InvalidInput(
            "correction_empty",
            "The correction says nothing.",
            next_step="Write what was said. To undo a correction, remove it; to hide an item, archive it.",
        )
    if len(kept) > MOST_CHARACTERS:
        raise TooLarge(
            "correction_too_long",
            f"The correction has {len(kept):,} characters; {MOST_CHARACTERS:,} are kept.",
            next_step="Correct what was said there, and nothing around it.",
        )
    if _CONTROL.search(kept):
        raise InvalidInput(
            "correction_unreadable",
            "The correction holds control characters.",
            next_step="Save the file as UTF-8 text and send it again.",
        )
    return kept


def says_the_same(one: str, other: str) -> bool:
    """Whether two texts differ in white space and Unicode form at most."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def replacer(find: str, put: str, *, match_case: bool) -> Callable[[str], str]:
    """Puts `put` for every `find` that stands alone, not for a part of a longer word.

    Raises InvalidInput `replacement_empty` when there is nothing to find, or nothing to put.
    """
    words, put = find.split(), " ".join(put.split())
    if not words or not put:
        raise InvalidInput(
            "replacement_empty",
            "Both the words to replace and those to put there are needed.",
            next_step="Say what is heard wrongly, and what was said.",
        )
    before = r"(?<!\w)" if re.match(r"\w", words[0]) else ""
    after = r"(?!\w)" if re.search(r"\w$", words[-1]) else ""
    pattern = re.compile(
        before + r"\s+".join(map(re.escape, words)) + after, 0 if match_case else re.IGNORECASE
    )
    return lambda text: pattern.sub(lambda _: put, text)


def needle(find: str) -> str:
    """Lower-case ASCII that stands in every text, put in lower case as ASCII, in which `find` does.

    Without i, k and s, for which others stand when case does not count (those of Turkish, the sign of Kelvin, long s).
    """
    return max(re.findall(r"[!-hjl-rt-~]+", find.lower()), key=len, default="")


def retimed(
    original: str, starts_ms: Sequence[int], corrected: str, end_ms: int | None
) -> tuple[int, ...] | None:
    """When each word of `corrected` begins, from when those of `original` did; None when that cannot be told.

    Words that stay keep their time. Those that were put for others share the others' time evenly, and those that were
    added the time up to the next word.
    """
    heard, said = original.split(), corrected.split()
    if len(heard) != len(starts_ms) or not said:
        return None
    bounds = [*starts_ms, max(starts_ms[-1], end_ms or 0)]
    times: list[int] = []
    matcher = SequenceMatcher(None, heard, said, autojunk=False)
    for _, first, last, put_first, put_last in matcher.get_opcodes():
        times += _shared(bounds, first, last, put_last - put_first)
    return tuple(times)


def _shared(bounds: Sequence[int], first: int, last: int, words: int) -> list[int]:
    """Times of `words` words in place of those from `first` to before `last`."""
    if words == last - first:
        return list(bounds[first:last])
    if first == last:  # added: after the word before, which keeps its time
        begin, end = bounds[max(first - 1, 0)], bounds[first]
        return [begin + round((word + 1) * (end - begin) / (words + 1)) for word in range(words)]
    begin, end = bounds[first], bounds[last]
    return [begin + round(word * (end - begin) / words) for word in range(words)]

"""Captions: from the bytes of a caption file of any format to cues with speaker, words and times.

`formats` sees by its content what a file is: WebVTT, SubRip, SBV, TTML, YouTube's JSON3 and XML, Whisper's JSON, or a
podcast's transcript. `blocks` finds the cues of the first three; the readers of the others give them the same form,
`timing` puts them in order, `markup` takes their lines apart into words, `rollup`
removes what rolling captions show again, `turns` says who speaks. Every word of the file comes out once, in
order; what is left out is markup, comments, labels of speakers, and cues that hold nothing but a mark of a
sound. The whole takes time in proportion to the file (n log n for putting it in order).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from ingestion.captions.blocks import Blocks
from ingestion.captions.formats import read_any
from ingestion.captions.lexicon import SOUNDS
from ingestion.captions.markup import read_spans
from ingestion.captions.rollup import SpokenCue, without_repeats
from ingestion.captions.timing import put_in_order
from ingestion.captions.turns import Piece, Turns
from ingestion.decoding import decode
from ingestion.notices import Notice
from runtime.errors import InvalidInput

_DAY_MS: Final = 24 * 3600 * 1000
_LATE_SHARE: Final = 1.1
_SOUND_MARK: Final = re.compile(r"\[\s*(?:[^\s\[\]]+\s*){0,3}\]|[♪♫♬♩#*~]+|\((?:[^()]{0,40})\)")


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that one speaker says, with times in milliseconds from the start of the recording.

    `text` is words separated by single spaces. `word_starts_ms` has one time for each word and never goes
    back; it is None where the captions time whole cues only. `speaker` is None where they name no one;
    `perhaps` is someone else who may be speaking instead, where the captions contradict themselves.
    """

    start_ms: int
    end_ms: int
    text: str
    speaker: str | None = None
    perhaps: str | None = None
    word_starts_ms: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Captions:
    """The cues of a file in order of start; what had to be repaired; and the language its header names."""

    cues: tuple[Cue, ...]
    notices: tuple[Notice, ...] = ()
    language: str | None = None
    rolled: bool = False


def parse_captions(
    data: bytes, *, known_speakers: Collection[str] = (), duration_ms: int | None = None
) -> Captions:
    """Read a caption file of any format; its content tells which it is.

    Names in `known_speakers` are believed wherever they stand before a colon at the start of a turn.
    Raises InvalidInput: `captions_empty` (no words), `captions_broken` (no cue, or most of them impossible),
    `captions_not_text` (another type of file), `captions_encoding` (an encoding that cannot be known).
    """
    decoded = decode(data, "captions")
    blocks = _blocks(decoded.text)
    timed, notices = put_in_order(blocks.items)
    cues = [SpokenCue(cue.start_ms, cue.end_ms, read_spans(cue.lines)) for cue in timed]
    cues, rolled = without_repeats([cue for cue in cues if cue.spans])
    cues = [cue for cue in cues if not _is_sound(cue)]
    if not cues:
        raise _empty()
    turns = Turns(cues, known_speakers)
    pieces = tuple(piece for cue in cues for piece in _timed_pieces(cue, turns.split(cue)))
    if not pieces:
        raise _empty()
    notices += _out_of_range(pieces, duration_ms)
    return Captions(pieces, (*decoded.notices, *notices), blocks.language, rolled > 0)


def _blocks(text: str) -> Blocks:
    blocks = read_any(text)
    if blocks.items:
        return blocks
    if not text.strip() or text.lstrip().startswith("WEBVTT"):
        raise _empty()
    raise InvalidInput(
        "captions_broken",
        "The file holds no caption with a start and an end time.",
        next_step="Export the captions again as WebVTT or SubRip (.srt) and add them again.",
    )


def _empty() -> InvalidInput:
    return InvalidInput(
        "captions_empty",
        "The captions hold no spoken words.",
        next_step="Download or export the captions again and check that they are for this recording.",
    )


def _is_sound(cue: SpokenCue) -> bool:
    """Whether a cue holds nothing but marks such as `[Music]`, `(applause)` or notes of music."""
    text = " ".join(word for span in cue.spans for word in span.words)
    if text[0] not in "[(♪♫♬♩#*~>-":
        return False
    bare = text.lstrip("->– ")
    found = [mark[0] for mark in _SOUND_MARK.finditer(bare)]
    if not found or _SOUND_MARK.sub("", bare).strip():
        return False
    return all(mark[0] != "(" or not SOUNDS.isdisjoint(re.findall(r"\w+", mark.casefold())) for mark in found)


def _timed_pieces(cue: SpokenCue, pieces: list[Piece]) -> list[Cue]:
    """Cues for the `pieces` of one cue, which share its time by their number of characters."""
    if not pieces:
        return []
    lengths = [sum(map(len, piece.words)) + len(piece.words) for piece in pieces]
    total, done = sum(lengths), 0
    bounds: list[int] = []
    earliest_ms = cue.start_ms
    for piece, length in zip(pieces, lengths, strict=True):
        at_ms = cue.start_ms + (cue.end_ms - cue.start_ms) * done // total
        said_ms = piece.times[0] if done else None
        bounds.append(min(max(earliest_ms, at_ms if said_ms is None else said_ms), cue.end_ms))
        earliest_ms = max(bounds[-1], *(time or 0 for time in piece.times))
        done += length
    bounds.append(cue.end_ms)
    return [
        Cue(
            start_ms,
            end_ms,
            " ".join(piece.words),
            piece.speaker,
            piece.perhaps,
            _word_starts(piece, start_ms, end_ms),
        )
        for piece, start_ms, end_ms in zip(pieces, bounds, bounds[1:], strict=False)
    ]


def _word_starts(piece: Piece, start_ms: int, end_ms: int) -> tuple[int, ...] | None:
    """Times for all words: those that are given, and between them by characters. None if none is given."""
    if all(time is None for time in piece.times):
        return None
    starts: list[int] = []
    first, at_ms = 0, start_ms
    for index, time in enumerate(piece.times):
        if time is not None:
            until_ms = min(max(time, at_ms), max(end_ms, at_ms))
            starts += _spread(piece.words[first:index], at_ms, until_ms)
            first, at_ms = index, until_ms
    starts += _spread(piece.words[first:], at_ms, end_ms)
    return tuple(starts)


def _spread(words: list[str], start_ms: int, end_ms: int) -> list[int]:
    """When each of `words` starts if they share the time by their number of characters."""
    if len(words) < 2:
        return [start_ms] * len(words)
    total = sum(map(len, words)) + len(words)
    before = accumulate((len(word) + 1 for word in words), initial=0)
    return [start_ms + (end_ms - start_ms) * done // total for done, _ in zip(before, words, strict=False)]


def _out_of_range(cues: tuple[Cue, ...], duration_ms: int | None) -> list[Notice]:
    limit_ms = _DAY_MS if duration_ms is None else min(_DAY_MS, int(duration_ms * _LATE_SHARE))
    late = sum(cue.start_ms > limit_ms for cue in cues)
    if not late:
        return []
    return [Notice("cues_out_of_range", "Cues start after the recording has ended.", late)]

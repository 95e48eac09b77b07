"""Put cues in order and make their times fit each other.

The rule, in this order:

1. A cue written twice (same times, same lines) counts once.
2. Times that run backwards within a cue are swapped.
3. The longest run of cues whose starts never go back is held to be right. A cue outside it has either been
   written in the wrong place (then the time that it claims is free: it moves there) or carries a mistyped time
   (then others speak at that time: it stays where it stands and gets the time between its neighbours).
   In transcripts made by hand the second is the rule: the words are in order and a digit is wrong.
4. A cue that lasts into the next one ends where that one starts.

Unreadable, backward and mistyped cues are broken; with more than half of them the file is refused.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ingestion.captions.blocks import Block
from ingestion.notices import Notice
from runtime.errors import InvalidInput

# Speech runs at about 15 characters a second: the length given to a last cue that has no usable end.
MS_PER_CHARACTER: Final = 65
_TOLERATED_OVERLAP_MS: Final = 200
# A cue that stands alone, further than this before or after all others, has a mistyped time.
_LONGEST_PAUSE_MS: Final = 10 * 60 * 1000


@dataclass(slots=True)
class TimedLines:
    """The lines of one cue with times that can be relied on: `start_ms <= end_ms`, in order of start."""

    start_ms: int
    end_ms: int
    lines: list[str]


@dataclass(slots=True)
class _Entry:
    """A cue on its way: `start_ms` is None while its time has to come from its neighbours."""

    start_ms: int | None
    end_ms: int
    lines: list[str]
    broken: bool

    @property
    def weight(self) -> int:
        return 1 + sum(map(len, self.lines))


def put_in_order(blocks: list[Block]) -> tuple[list[TimedLines], list[Notice]]:
    """Apply the rule of this module. Raises InvalidInput `captions_broken`. Takes n log n steps."""
    unique = _without_doubles(blocks)
    ordered, moved = _ordered([_entry(block) for block in unique])
    broken = sum(entry.broken for entry in ordered)
    if broken * 2 > len(unique):
        raise InvalidInput(
            "captions_broken",
            f"{broken} of {len(unique)} cues have times that cannot be read or run backwards.",
            next_step="Export the captions again as WebVTT or SubRip (.srt) and add them again.",
        )
    _fill_unknown(ordered)
    timed = [TimedLines(entry.start_ms or 0, entry.end_ms, entry.lines) for entry in ordered]
    overlapping = _end_at_next(timed)
    counts = (
        ("cues_doubled", "Cues that stand in the file twice were taken once.", len(blocks) - len(unique)),
        ("cues_moved", "Cues that stood in the wrong place were moved to their time.", moved),
        ("cues_mistimed", "Cues with impossible times got the time between their neighbours.", broken),
        ("cues_overlapping", "Cues that last into the next one were ended there.", overlapping),
    )
    return timed, [Notice(code, detail, count) for code, detail, count in counts if count]


def _without_doubles(blocks: list[Block]) -> list[Block]:
    seen: set[tuple[int | None, int | None, str]] = set()
    unique: list[Block] = []
    for block in blocks:
        key = (block.start_ms, block.end_ms, "\n".join(block.lines))
        if block.start_ms is None or key not in seen:
            unique.append(block)
        seen.add(key)
    return unique


def _entry(block: Block) -> _Entry:
    if block.start_ms is None or block.end_ms is None:
        return _Entry(None, 0, block.lines, broken=True)
    start_ms, end_ms = sorted((block.start_ms, block.end_ms))
    return _Entry(start_ms, end_ms, block.lines, broken=block.end_ms < block.start_ms)


def _ordered(entries: list[_Entry]) -> tuple[list[_Entry], int]:
    """Entries in the order of speech, and how many moved there. Impossible starts become None."""
    in_order = _longest_ordered(entries)
    kept = set(in_order)
    movable = _movable(entries, in_order, kept)
    anchor = -1
    keyed: list[tuple[int, int]] = []
    for index, entry in enumerate(entries):
        if index in kept:
            anchor = entry.start_ms or 0
        elif index in movable:
            keyed.append((entry.start_ms or 0, index))
            continue
        else:
            entry.start_ms, entry.broken = None, True
        keyed.append((anchor, index))
    return [entries[index] for _, index in sorted(keyed)], len(movable)


def _movable(entries: list[_Entry], in_order: list[int], kept: set[int]) -> set[int]:
    """Entries outside the order whose time is free, and not far away from all that is said."""
    starts = [entries[index].start_ms or 0 for index in in_order]
    free: list[tuple[int, int, int]] = []
    for index, entry in enumerate(entries):
        if index not in kept and entry.start_ms is not None and _is_free(entry, entries, in_order, starts):
            free.append((entry.start_ms, entry.end_ms, index))
    free.sort()
    movable: set[int] = set()
    reach_ms = entries[in_order[-1]].end_ms if in_order else 0
    for start_ms, end_ms, index in free:
        if start_ms <= reach_ms + _LONGEST_PAUSE_MS:
            reach_ms = max(reach_ms, end_ms)
            movable.add(index)
    reach_ms = starts[0] if starts else 0
    for start_ms, end_ms, index in reversed(free):
        if end_ms < reach_ms - _LONGEST_PAUSE_MS:
            movable.discard(index)
        elif index in movable:
            reach_ms = min(reach_ms, start_ms)
    return movable


def _longest_ordered(entries: list[_Entry]) -> list[int]:
    """Indexes of a longest subsequence of entries whose starts do not decrease (patience sorting)."""
    tails: list[int] = []
    tail_starts: list[int] = []
    before: list[int] = [-1] * len(entries)
    for index, entry in enumerate(entries):
        if entry.start_ms is None:
            continue
        place = bisect_right(tail_starts, entry.start_ms)
        before[index] = tails[place - 1] if place else -1
        tails[place : place + 1] = [index]
        tail_starts[place : place + 1] = [entry.start_ms]
    chain: list[int] = []
    index = tails[-1] if tails else -1
    while index >= 0:
        chain.append(index)
        index = before[index]
    return chain[::-1]


def _is_free(entry: _Entry, entries: list[_Entry], in_order: list[int], starts: list[int]) -> bool:
    """Whether none of the cues in order speaks at the time that `entry` claims."""
    start_ms = entry.start_ms or 0
    place = bisect_right(starts, start_ms)
    if place and entries[in_order[place - 1]].end_ms > start_ms + _TOLERATED_OVERLAP_MS:
        return False
    return place == len(starts) or starts[place] >= entry.end_ms - _TOLERATED_OVERLAP_MS


def _fill_unknown(ordered: list[_Entry]) -> None:
    """Give each run of cues without a start the time between its neighbours, shared out by length."""
    first = 0
    while first < len(ordered):
        if ordered[first].start_ms is not None:
            first += 1
            continue
        last = first
        while last + 1 < len(ordered) and ordered[last + 1].start_ms is None:
            last += 1
        _share_out(ordered, first, last)
        first = last + 1


def _share_out(ordered: list[_Entry], first: int, last: int) -> None:
    run = ordered[first : last + 1]
    total = sum(entry.weight for entry in run)
    previous = ordered[first - 1] if first else None
    start_ms = previous.end_ms if previous else 0
    if last + 1 < len(ordered):
        end_ms = ordered[last + 1].start_ms or 0
    else:
        end_ms = start_ms + total * MS_PER_CHARACTER
    if previous and start_ms >= end_ms:  # the neighbours leave no room: share the time of the one before
        total += previous.weight
        begin_ms = previous.start_ms or 0
        start_ms = begin_ms + (end_ms - begin_ms) * previous.weight // total
        previous.end_ms = start_ms
        total -= previous.weight
    start_ms = min(start_ms, end_ms)
    span_ms, done = end_ms - start_ms, 0
    for entry in run:
        entry.start_ms = start_ms + span_ms * done // total
        done += entry.weight
        entry.end_ms = start_ms + span_ms * done // total


def _end_at_next(timed: list[TimedLines]) -> int:
    overlapping = 0
    limit_ms: int | None = None
    for cue, following in reversed(list(pairwise(timed))):
        if following.start_ms > cue.start_ms:
            limit_ms = following.start_ms
        overlapping += cue.end_ms > following.start_ms
        if limit_ms is not None:
            cue.end_ms = min(cue.end_ms, limit_ms)
    return overlapping

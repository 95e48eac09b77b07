"""TTML and DFXP: the W3C's Timed Text Markup Language, the profiles made from it (IMSC, SMPTE-TT, EBU-TT), and YouTube's.

Where a text is shown does not matter here, only when. Times are those of "Timed Text Markup Language 2", section 12:
clock times with fractions or frames, offsets in hours to ticks, `dur` beside `end`, each counted from where the
element around begins, or in a sequence from the end of the one before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingestion.captions.blocks import Block, Blocks
from ingestion.captions.weaving import LONGEST_MS, escaped, time_tag, voice_tag, with_ends
from ingestion.captions.xml import Element

_CLOCK: Final = re.compile(
    r"([0-9]{1,5}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]{1,9})|[:;]([0-9]{1,4})(?:\.([0-9]{1,4}))?)?"
)
_SHORT_CLOCK: Final = re.compile(r"([0-9]{1,4}):([0-9]{1,2}(?:\.[0-9]{1,9})?)")
_OFFSET: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(h|ms|m|s|f|t)?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,12})*")
# A line that ends, while the line ends of the file itself are only spaces.
_BREAK: Final = "\u2028"
_CONTENT: Final = frozenset({"span", "a", "ruby", "rb", "rt", "em", "strong", "b", "i", "u", "font"})


@dataclass(frozen=True, slots=True)
class _Rates:
    """How the file counts: frames and ticks of a second, and from which time."""

    frames: float
    nominal: int
    sub_frames: int
    ticks: float
    drops: bool
    is_smpte: bool
    begin_ms: int = 0

    @classmethod
    def of(cls, root: Element) -> "_Rates":
        given = root.attributes
        nominal = _number(given.get("frameRate")) or 30
        parts = [_number(part) for part in re.split(r"[\s:]+", given.get("frameRateMultiplier", "1").strip())]
        over, under = parts[0] or 1, (parts[1] if len(parts) > 1 else 1) or 1
        frames = nominal * over / under
        sub_frames = _number(given.get("subFrameRate")) or 1
        ticks = _number(given.get("tickRate")) or (frames * sub_frames if "frameRate" in given else 1)
        is_smpte = given.get("timeBase") == "smpte"
        drops = is_smpte and given.get("dropMode") in {"dropNTSC", "dropPAL"}
        rates = cls(frames, nominal, sub_frames, ticks, drops, is_smpte)
        programme = next((e for e in root.walk() if e.name == "documentStartOfProgramme"), None)
        begin_ms = rates.read(programme.text.strip()) if programme else None
        return cls(frames, nominal, sub_frames, ticks, drops, is_smpte, begin_ms or 0)

    def read(self, text: str | None) -> int | None:
        """A time expression in milliseconds; None when there is none, or none that can be read."""
        bare = (text or "").strip()
        if found := _CLOCK.fullmatch(bare):
            ms = self._clock(found)
        elif found := _SHORT_CLOCK.fullmatch(bare):
            ms = (int(found[1]) * 60 + float(found[2])) * 1000
        elif found := _OFFSET.fullmatch(bare):
            unit_ms = {"h": 3_600_000, "m": 60_000, "ms": 1, "f": 1000 / self.frames, "t": 1000 / self.ticks}
            ms = float(found[1]) * unit_ms.get(found[2], 1000)
        else:
            return None
        return round(ms) if ms <= LONGEST_MS else None

    def _clock(self, found: re.Match[str]) -> float:
        hours, minutes, seconds = int(found[1]), int(found[2]), int(found[3])
        whole = (hours * 60 + minutes) * 60 + seconds
        if found[5] is None:
            return whole * 1000 + (float(f"0.{found[4]}") * 1000 if found[4] else 0)
        frames = int(found[5]) + int(found[6] or 0) / self.sub_frames
        if not self.is_smpte:
            return whole * 1000 + frames * 1000 / self.frames
        counted = whole * self.nominal + frames
        if self.drops:  # two numbers are left out each minute, save each tenth
            counted -= 2 * (hours * 60 + minutes - (hours * 60 + minutes) // 10)
        return counted * 1000 / self.frames


@dataclass(frozen=True, slots=True)
class _Interval:
    """When something is shown; `is_given` says that it, or something around it, names its begin."""

    begin_ms: int
    end_ms: int | None
    is_given: bool


def read_ttml(root: Element) -> Blocks:
    """The cues of a `<tt>`, in the order of the file."""
    reader = _Reader(_Rates.of(root), _agents(root))
    blocks = [
        block
        for body in root.children
        if body.name == "body"
        for block in reader.below(body, _Interval(0, None, False), None)
    ]
    language = root.attributes.get("lang", "")
    return Blocks(with_ends(blocks), language if _LANGUAGE.fullmatch(language) else None)


class _Reader:
    def __init__(self, rates: _Rates, agents: dict[str, str]) -> None:
        self._rates = rates
        self._agents = agents

    def below(self, element: Element, around: _Interval, voice: str | None) -> Iterator[Block]:
        """The cues of a body, div or paragraph that is shown within `around`."""
        interval = self._interval(element, around)
        voice = self._voice(element, voice)
        if element.name == "p":
            yield from self._paragraph(element, interval, voice)
            return
        in_sequence = element.attributes.get("timeContainer") == "seq"
        for child in element.children:
            if child.name not in {"div", "p"}:
                continue
            yield from self.below(child, interval, voice)
            if in_sequence:
                end_ms = self._interval(child, interval).end_ms
                interval = _Interval(end_ms or interval.begin_ms, interval.end_ms, True)

    def _interval(self, element: Element, around: _Interval) -> _Interval:
        given = {name: self._rates.read(element.attributes.get(name)) for name in ("begin", "end", "dur")}
        begin_ms, end_ms, length_ms = given["begin"], given["end"], given["dur"]
        start_ms = around.begin_ms + (begin_ms or 0)
        if begin_ms is not None and not around.is_given:
            start_ms = max(0, start_ms - self._rates.begin_ms)
        shift_ms = around.begin_ms - (0 if around.is_given else self._rates.begin_ms)
        ends = [
            None if end_ms is None else max(0, shift_ms + end_ms),
            None if length_ms is None else start_ms + length_ms,
            around.end_ms,
        ]
        known = [end for end in ends if end is not None]
        is_given = around.is_given or any(time is not None for time in given.values())
        return _Interval(start_ms, min(known, default=None), is_given)

    def _voice(self, element: Element, voice: str | None) -> str | None:
        agent = element.attributes.get("agent", "").split()
        return self._agents.get(agent[0], voice) if agent else voice

    def _paragraph(self, element: Element, interval: _Interval, voice: str | None) -> Iterator[Block]:
        pieces = list(self._pieces(element, None, interval, voice))
        apart = "begin" not in element.attributes and any(piece.shown for piece in pieces)
        if not apart:
            yield _block(pieces, interval)
            return
        # The paragraph only holds its spans together: each of them that has a time is a cue.
        group: list[_Piece] = []
        shown: _Interval | None = None
        for piece in pieces:
            if piece.shown is not None and piece.shown is not shown:
                if shown is not None or any(one.text.strip() for one in group):
                    yield _block(group, shown or interval)
                    group = []
                shown = piece.shown
            group.append(_Piece(piece.text, piece.voice, None))
        yield _block(group, shown or interval)

    def _pieces(
        self, element: Element, shown: _Interval | None, around: _Interval, voice: str | None
    ) -> Iterator["_Piece"]:
        yield _Piece(element.text, voice, shown)
        for child in element.children:
            if child.name == "br":
                yield _Piece(_BREAK, voice, shown)
            elif child.name in _CONTENT:
                own = self._interval(child, around)
                timed = own if "begin" in child.attributes else shown
                yield from self._pieces(child, timed, own, self._voice(child, voice))
            yield _Piece(child.tail, voice, shown)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text within a paragraph, who says it, and when, if a span around it says so."""

    text: str
    voice: str | None
    shown: _Interval | None


def _block(pieces: list[_Piece], interval: _Interval) -> Block:
    parts: list[str] = []
    voice: str | None = None
    shown: _Interval | None = None
    for piece in pieces:
        bare = piece.text.lstrip()
        parts.append(escaped(piece.text[: len(piece.text) - len(bare)]))
        if bare and piece.voice != voice:
            voice = piece.voice
            parts.append(voice_tag(voice))
        if bare and piece.shown is not shown:
            shown = piece.shown
            parts.append(time_tag(shown.begin_ms) if shown else "")
        parts.append(escaped(bare))
    lines = "".join(parts).split(_BREAK)
    if not interval.is_given:
        return Block(None, None, lines)
    return Block(interval.begin_ms, interval.end_ms, lines)


def _agents(root: Element) -> dict[str, str]:
    """Who speaks, by the id that `ttm:agent` gives; the fullest of the names."""
    agents: dict[str, str] = {}
    for element in root.walk():
        if element.name == "agent" and "id" in element.attributes:
            names = {
                child.attributes.get("type", ""): " ".join(child.all_text().split())
                for child in element.children
            }
            name = names.get("full") or next((name for name in names.values() if name), "")
            if name:
                agents[element.attributes["id"]] = name
    return agents


def _number(text: str | None) -> int:
    bare = (text or "").strip()
    return int(bare) if bare.isascii() and bare.isdigit() and len(bare) <= 12 else 0

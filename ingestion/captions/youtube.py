"""What YouTube's players read: JSON3 (`fmt=json3`) and its XML forms (`srv1`, `srv2`, `srv3`).

All are lists of events. An automatic one has a line whose words carry offsets, and stays on the screen while the
next line comes in below it; an event that appends says no more than where a line ends, or shows a line again.
The shapes are those that yt-dlp stores by these names.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ingestion.captions.blocks import Block, Blocks
from ingestion.captions.weaving import dictionaries, escaped, milliseconds, time_tag, with_ends
from ingestion.captions.xml import Element

# Two events that begin so close to each other are shown together, and neither ends the other.
_TOGETHER_MS: Final = 20


@dataclass(frozen=True, slots=True)
class _Event:
    start_ms: int | None
    duration_ms: int | None
    appends: bool
    pieces: tuple[tuple[str, int | None], ...]  # text, and when it starts after the event

    @property
    def words(self) -> list[str]:
        return "".join(text for text, _ in self.pieces).split()

    @property
    def is_timed(self) -> bool:
        return any(offset is not None for _, offset in self.pieces)


def read_json3(events: list[object]) -> Blocks:
    """The cues of the `events` of a JSON3 file."""
    return Blocks(_blocks(_json_events(events)))


def read_timed_text(root: Element) -> Blocks:
    """The cues of a `<transcript>` (srv1) or `<timedtext>` (srv2, srv3)."""
    return Blocks(_blocks(_xml_events(root)))


def _json_events(events: list[object]) -> Iterator[_Event]:
    for fields in dictionaries(events):
        pieces = tuple(
            (text, milliseconds(piece.get("tOffsetMs")))
            for piece in dictionaries(fields.get("segs"))
            if isinstance(text := piece.get("utf8"), str)
        )
        start_ms, duration_ms = milliseconds(fields.get("tStartMs")), milliseconds(fields.get("dDurationMs"))
        yield _Event(start_ms, duration_ms, bool(fields.get("aAppend")), pieces)


def _xml_events(root: Element) -> Iterator[_Event]:
    for line in root.walk():
        if line.name == "text" and "start" in line.attributes:
            start_ms, duration_ms = (
                milliseconds(line.attributes.get(name), per_second=1) for name in ("start", "dur")
            )
            yield _Event(start_ms, duration_ms, False, ((line.all_text(), None),))
        elif line.name in {"text", "p"}:
            pieces: list[tuple[str, int | None]] = [(line.text, None)]
            for child in line.children:
                said = "\n" if child.name == "br" else child.all_text()
                pieces += [(said, milliseconds(child.attributes.get("t"))), (child.tail, None)]
            appends = line.attributes.get("a", line.attributes.get("append")) == "1"
            yield _Event(
                milliseconds(line.attributes.get("t")),
                milliseconds(line.attributes.get("d")),
                appends,
                tuple(pieces),
            )


def _blocks(events: Iterable[_Event]) -> list[Block]:
    blocks: list[Block] = []
    before: _Event | None = None
    for event in events:
        if not event.words or (before is not None and _shows_again(before, event)):
            continue
        before = event
        end_ms = None
        if event.start_ms is not None and event.duration_ms is not None:
            end_ms = event.start_ms + event.duration_ms
        blocks.append(Block(event.start_ms, end_ms, "".join(_marked(event)).split("\n")))
        _end_before(blocks)
    return with_ends(blocks)


def _shows_again(before: _Event, event: _Event) -> bool:
    """Whether `event` only shows the line before it once more: then its words carry no times of their own."""
    return event.appends and before.is_timed and not event.is_timed and event.words == before.words


def _marked(event: _Event) -> Iterator[str]:
    for text, offset in event.pieces:
        bare = text.lstrip()
        yield escaped(text[: len(text) - len(bare)])
        if offset is not None and bare and event.start_ms is not None:
            yield time_tag(event.start_ms + offset)
        yield escaped(bare)


def _end_before(blocks: list[Block]) -> None:
    """A line that stays while the next comes in was said before that."""
    if len(blocks) < 2:
        return
    earlier, later = blocks[-2:]
    if earlier.start_ms is None or earlier.end_ms is None or later.start_ms is None:
        return
    if earlier.start_ms + _TOGETHER_MS < later.start_ms < earlier.end_ms:
        earlier.end_ms = later.start_ms

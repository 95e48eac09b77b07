# pyright: reportUnknownMemberType=false
# LlamaIndex is typed in part only.
"""The cutting of text, done by LlamaIndex node parsers.

Importing this module takes seconds: LlamaIndex is large.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.node_parser import NodeParser, SentenceSplitter
from llama_index.core.schema import BaseNode, Document, TextNode

from creators import sentence_spans
from ingestion.chunking import TokenCounter
from runtime.errors import Defect

# A passage that is at least this full ends where the next speaker begins, if that turn would not fit whole.
TURN_BREAK = 0.6
# The longest run of words without a sentence end that is still kept in one piece (unpunctuated captions).
LONGEST_UNIT_WORDS = 40


class LlamaIndexCutter:
    """A `Cutter`: `TranscriptNodeParser` for what was spoken, `SentenceSplitter` for what was written."""

    def __init__(self, count_tokens: TokenCounter) -> None:
        self._count = count_tokens

    def spoken(
        self, text: str, *, budget: int, turn_starts: Sequence[int], soft_breaks: Sequence[int]
    ) -> list[tuple[int, int]]:
        """See `Cutter`."""
        parser = TranscriptNodeParser(token_budget=budget, count_tokens=self._count)
        return _spans(parser, text, {"turn_starts": turn_starts, "soft_breaks": soft_breaks})

    def written(self, text: str, *, budget: int) -> list[tuple[int, int]]:
        """See `Cutter`."""
        parser = SentenceSplitter(
            chunk_size=budget,
            chunk_overlap=0,
            tokenizer=self._tokenize,
            include_metadata=False,
            include_prev_next_rel=False,
        )
        return _spans(parser, text, {})

    def _tokenize(self, text: str) -> list[int]:
        """As many things as `text` has tokens: LlamaIndex only counts them."""
        return [0] * self._count([text])[0]


def _spans(parser: NodeParser, text: str, metadata: dict[str, Any]) -> list[tuple[int, int]]:
    """Where the nodes stand, which follow one another. The library's own offsets are those of the first place that
    reads alike after the start of the node before, and so wrong where words are said twice."""
    spans: list[tuple[int, int]] = []
    end = 0
    for node in parser.get_nodes_from_documents([Document(text=text, metadata=metadata)]):
        content = node.get_content()
        start = text.find(content, end)
        if start < 0:
            raise Defect("chunk_without_offsets", "A node parser returned text that is not in its document.")
        end = start + len(content)
        spans.append((start, end))
    return spans


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, or a piece of one: the smallest thing that is not cut."""

    start: int
    end: int
    tokens: int
    begins_turn: bool


class TranscriptNodeParser(NodeParser):
    """Packs sentences into nodes of at most `token_budget` tokens, and prefers to end where a speaker ends.

    A document's metadata may hold `turn_starts`, the offsets at which a speaker begins, and `soft_breaks`, at
    which text without punctuation may be cut (caption cues).
    """

    token_budget: int
    _count: TokenCounter = PrivateAttr()

    def __init__(self, *, token_budget: int, count_tokens: TokenCounter) -> None:
        super().__init__(
            token_budget=token_budget,  # pyright: ignore[reportCallIssue] - pydantic takes fields by name
            include_metadata=False,
            include_prev_next_rel=False,
        )
        self._count = count_tokens

    def _parse_nodes(
        self,
        nodes: Sequence[BaseNode],
        show_progress: bool = False,  # noqa: ARG002 - the signature is the library's
        **kwargs: Any,  # noqa: ARG002
    ) -> list[BaseNode]:
        return [
            TextNode(text=node.get_content()[start:end]) for node in nodes for start, end in self._spans(node)
        ]

    def _spans(self, node: BaseNode) -> Iterator[tuple[int, int]]:
        text = node.get_content()
        turns = set[int](node.metadata.get("turn_starts", ()))
        breaks = sorted(node.metadata.get("soft_breaks", ()))
        pieces = list(_pieces(text, sorted(turns), breaks))
        tokens = self._count([text[start:end] for start, end in pieces])
        units = [
            _Unit(start, end, count, start in turns)
            for piece, total in zip(pieces, tokens, strict=True)
            for start, end, count in self._fitting(text, *piece, total, breaks)
        ]
        for packed in _pack(units, self.token_budget):
            yield packed[0].start, packed[-1].end

    def _fitting(
        self, text: str, start: int, end: int, tokens: int, breaks: Sequence[int]
    ) -> Iterator[tuple[int, int, int]]:
        """A piece with its tokens, in halves where it is longer than a passage may be: scripts without spaces."""
        if tokens <= self.token_budget or end - start < 2:
            yield start, end, tokens
            return
        for half in _halves(text, start, end, breaks):
            yield from self._fitting(text, *half, self._count([text[slice(*half)]])[0], breaks)


def _pieces(text: str, turns: Sequence[int], breaks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Sentences within turns; what is too long for one is cut at soft breaks, or else after so many words."""
    edges = [0, *(t for t in turns if 0 < t < len(text)), len(text)]
    for turn_start, turn_end in pairwise(edges):
        for start, end in sentence_spans(text[turn_start:turn_end]):
            yield from _shortened(text, turn_start + start, turn_start + end, breaks)


def _shortened(text: str, start: int, end: int, breaks: Sequence[int]) -> Iterator[tuple[int, int]]:
    if text.count(" ", start, end) < LONGEST_UNIT_WORDS:
        yield start, end
        return
    words = 0
    piece_start = position = start
    inside = set(breaks)
    for word in text[start:end].split(" "):
        at_break = position in inside and words >= LONGEST_UNIT_WORDS // 2
        if position > piece_start and (at_break or words >= LONGEST_UNIT_WORDS):
            yield piece_start, position - 1
            piece_start, words = position, 0
        position += len(word) + 1
        words += 1
    if piece_start < end:
        yield piece_start, end


def _halves(text: str, start: int, end: int, breaks: Sequence[int]) -> list[tuple[int, int]]:
    """Two parts of about the same length: cut at a soft break, or else at a space, or else anywhere."""
    middle = (start + end) // 2
    inside = [at for at in breaks if start < at < end]
    spaces = (text.rfind(" ", start, middle) + 1, text.find(" ", middle, end) + 1)
    cut = min(inside or [at for at in spaces if at > start] or [middle], key=lambda at: abs(at - middle))
    before = start + len(text[start:cut].rstrip())
    return [(start, before), (cut, end)]


def _pack(units: Sequence[_Unit], budget: int) -> Iterator[list[_Unit]]:
    packed: list[_Unit] = []
    used = 0
    for index, unit in enumerate(units):
        full = used + unit.tokens > budget
        turn_over = unit.begins_turn and used >= TURN_BREAK * budget
        if packed and (full or (turn_over and used + _turn_tokens(units, index, budget) > budget)):
            yield packed
            packed, used = [], 0
        packed.append(unit)
        used += unit.tokens
    if packed:
        yield packed


def _turn_tokens(units: Sequence[_Unit], index: int, budget: int) -> int:
    total = units[index].tokens
    for unit in units[index + 1 :]:
        if unit.begins_turn or total > budget:
            break
        total += unit.tokens
    return total

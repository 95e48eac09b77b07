"""From segments to passages.

A source is cut first where its subject is known to change (chapter, heading, page, sponsor read), then each
part into passages of at most the token budget by a LlamaIndex node parser: `TranscriptNodeParser` for what was
spoken, `SentenceSplitter` for what was written. Nodes carry offsets into the joined text, and the joined text
knows the segment and the time of every character.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.node_parser import NodeParser, SentenceSplitter
from llama_index.core.schema import BaseNode, Document, TextNode

from creators import JoinedText, Role, Segment, SourceFacts, sentence_spans
from retrieval import PassageDraft
from runtime.errors import Defect

# Part of every passage's identity: change it whenever the same segments would be cut differently.
CHUNKER = "turns-v1"
# A passage that is at least this full ends where the next speaker begins, if that turn would not fit whole.
TURN_BREAK = 0.6
# The longest run of words without a sentence end that is still kept in one piece (unpunctuated captions).
LONGEST_UNIT_WORDS = 40

TokenCounter = Callable[[Sequence[str]], list[int]]


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
            TextNode(text=node.get_content()[start:end], start_char_idx=start, end_char_idx=end)
            for node in nodes
            for start, end in self._spans(node)
        ]

    def _spans(self, node: BaseNode) -> Iterator[tuple[int, int]]:
        text = node.get_content()
        turns = set[int](node.metadata.get("turn_starts", ()))
        pieces = list(_pieces(text, sorted(turns), sorted(node.metadata.get("soft_breaks", ()))))
        tokens = self._count([text[start:end] for start, end in pieces])
        units = [
            _Unit(start, end, count, start in turns)
            for (start, end), count in zip(pieces, tokens, strict=True)
        ]
        for packed in _pack(units, self.token_budget):
            yield packed[0].start, packed[-1].end


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


class Chunker:
    """Cuts a source's segments into passages of at most `tokens` tokens, header included."""

    def __init__(self, *, tokens: int, count_tokens: TokenCounter) -> None:
        self._tokens = tokens
        self._count = count_tokens

    @property
    def name(self) -> str:
        """Identifies the way of cutting, its size included."""
        return f"{CHUNKER}-{self._tokens}"

    def cut(
        self, facts: SourceFacts, segments: Sequence[Segment], sponsored: frozenset[int]
    ) -> list[PassageDraft]:
        """The passages in order; `sponsored` are the ordinals of segments that are a sponsor read."""
        drafts: list[PassageDraft] = []
        for chapter, sponsor, part in _parts(facts, segments, sponsored):
            joined = JoinedText(part)
            spans = self._nodes(facts, chapter, joined)
            drafts += [self._draft(facts, chapter, joined, *span, sponsor=sponsor) for span in spans]
        counts = self._count([f"{draft.header}\n{draft.text}" for draft in drafts])
        return [replace(draft, token_count=count) for draft, count in zip(drafts, counts, strict=True)]

    def _nodes(self, facts: SourceFacts, chapter: str | None, joined: JoinedText) -> list[tuple[int, int]]:
        # Names are not known before the cut; the longest header that this part can get sets the budget.
        header = _header(facts, chapter, joined.segments)
        budget = max(self._tokens - self._count([header])[0] - 1, self._tokens // 2)
        if facts.kind == "document":
            parser: NodeParser = SentenceSplitter(
                chunk_size=budget,
                chunk_overlap=0,
                tokenizer=self._tokenize,
                include_metadata=False,
                include_prev_next_rel=False,
            )
        else:
            parser = TranscriptNodeParser(token_budget=budget, count_tokens=self._count)
        turns = [joined.starts[i] for i in range(len(joined.segments)) if joined.begins_turn(i)]
        document = Document(text=joined.text, metadata={"turn_starts": turns, "soft_breaks": joined.starts})
        nodes = parser.get_nodes_from_documents([document])
        return [_span(node) for node in nodes]

    def _tokenize(self, text: str) -> list[int]:
        """As many things as `text` has tokens: LlamaIndex only counts them."""
        return [0] * self._count([text])[0]

    @staticmethod
    def _draft(
        facts: SourceFacts, chapter: str | None, joined: JoinedText, start: int, end: int, *, sponsor: bool
    ) -> PassageDraft:
        first, last = joined.place(start).index, joined.place(end - 1).index
        covered = joined.segments[first : last + 1]
        speakers = {segment.speaker for segment in covered}
        roles: set[Role] = {segment.role for segment in covered}
        return PassageDraft(
            text=joined.text[start:end],
            header=_header(facts, chapter, covered),
            first_segment=covered[0].ordinal,
            last_segment=covered[-1].ordinal,
            token_count=0,
            start_ms=joined.time(start),
            end_ms=joined.end_time(end),
            page=covered[0].page,
            heading=covered[0].heading,
            speaker=covered[0].speaker if len(speakers) == 1 else None,
            speaker_role=covered[0].role if len(roles) == 1 else "unknown",
            sponsor=sponsor,
        )


def _parts(
    facts: SourceFacts, segments: Sequence[Segment], sponsored: frozenset[int]
) -> Iterator[tuple[str | None, bool, list[Segment]]]:
    """Runs of segments that may share a passage: same chapter, same heading and page, advertising or not."""

    def key(segment: Segment) -> tuple[str | None, bool, str | None, int | None]:
        chapter = _chapter(facts, segment.start_ms)
        return chapter, segment.ordinal in sponsored, segment.heading, segment.page

    for (chapter, sponsor, _, _), part in groupby(segments, key):
        yield chapter, sponsor, list(part)


def _chapter(facts: SourceFacts, start_ms: int | None) -> str | None:
    if start_ms is None:
        return None
    index = bisect_right(facts.chapters, start_ms, key=lambda chapter: chapter.start_ms) - 1
    return facts.chapters[index].title if index >= 0 else None


def _header(facts: SourceFacts, chapter: str | None, segments: Iterable[Segment]) -> str:
    """The context that is embedded with a passage: title, chapter or heading, who speaks, and when."""
    segments = list(segments)
    speakers = dict.fromkeys(segment.speaker for segment in segments if segment.speaker)
    parts = [facts.title, chapter or segments[0].heading, ", ".join(speakers)]
    if facts.published_at is not None:
        parts.append(facts.published_at.strftime("%B %Y"))
    return " | ".join(part for part in parts if part)


def _span(node: BaseNode) -> tuple[int, int]:
    if not isinstance(node, TextNode) or node.start_char_idx is None or node.end_char_idx is None:
        raise Defect("chunk_without_offsets", "A node parser returned text that is not in its document.")
    return node.start_char_idx, node.end_char_idx

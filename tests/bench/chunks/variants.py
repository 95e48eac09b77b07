"""Ways of cutting: how many tokens, how much of a passage the next one repeats, and what stands above it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from creators import sentence_spans
from ingestion import Chunker
from ingestion.chunking import Cutter, TokenCounter
from retrieval import PassageDraft
from tests.bench.chunks.recordings import Recording

# The most that is repeated when one sentence is, in tokens.
SENTENCE_TOKENS = 40

Header = Callable[[Recording, PassageDraft], str]


@dataclass(frozen=True)
class Overlap:
    """Whole sentences at the end of a passage with which the next one begins too."""

    name: str
    share: float = 0.0
    sentences: int = 0

    def tokens(self, budget: int) -> int:
        """The most that is repeated; what is new in a passage has so much less room."""
        return min(round(budget * self.share), SENTENCE_TOKENS if self.sentences == 1 else budget)


NO_OVERLAP = Overlap("none")
OVERLAPS = {
    overlap.name: overlap
    for overlap in (NO_OVERLAP, Overlap("1 sentence", 0.25, 1), Overlap("15%", 0.15, 99))
}


class OverlappingCutter:
    """A `Cutter` that begins each passage with the last sentences of the one before."""

    def __init__(self, cutter: Cutter, count_tokens: TokenCounter, overlap: Overlap) -> None:
        self._cutter = cutter
        self._count = count_tokens
        self._overlap = overlap

    def spoken(
        self, text: str, *, budget: int, turn_starts: Sequence[int], soft_breaks: Sequence[int]
    ) -> list[tuple[int, int]]:
        """See `Cutter`."""
        most = self._overlap.tokens(budget)
        spans = self._cutter.spoken(
            text, budget=budget - most, turn_starts=turn_starts, soft_breaks=soft_breaks
        )
        return [
            *spans[:1],
            *((self._begin(text, before, most), end) for before, (_, end) in pairwise(spans)),
        ]

    def written(self, text: str, *, budget: int) -> list[tuple[int, int]]:
        """See `Cutter`."""
        return self._cutter.written(text, budget=budget)

    def _begin(self, text: str, before: tuple[int, int], most: int) -> int:
        """Where the sentences of `before` begin that are repeated; its end when none fits."""
        begin = before[1] + 1
        for start, _ in reversed(sentence_spans(text[slice(*before)])[-self._overlap.sentences :]):
            if self._count([text[before[0] + start : before[1]]])[0] > most:
                break
            begin = before[0] + start
        return begin


def _speakers(recording: Recording, draft: PassageDraft) -> str:
    covered = recording.segments[draft.first_segment : draft.last_segment + 1]
    return ", ".join(dict.fromkeys(segment.speaker for segment in covered if segment.speaker))


HEADERS: dict[str, Header] = {
    "none": lambda _recording, _draft: "",
    "title": lambda recording, _draft: recording.facts.title,
    "title, speaker": lambda recording, draft: " | ".join(
        part for part in (recording.facts.title, _speakers(recording, draft)) if part
    ),
    "all": lambda _recording, draft: draft.header,
}


@dataclass(frozen=True)
class Variant:
    """One combination. The header "all" is the product's: title, chapter, speakers, month."""

    tokens: int
    overlap: Overlap = NO_OVERLAP
    header: str = "all"

    def cut(self, recording: Recording, cutter: Cutter, count_tokens: TokenCounter) -> list[PassageDraft]:
        """The passages of a recording; another header does not change where they are cut."""
        if self.overlap is not NO_OVERLAP:
            cutter = OverlappingCutter(cutter, count_tokens, self.overlap)
        chunker = Chunker(tokens=self.tokens, count_tokens=count_tokens, cutter=cutter)
        drafts = chunker.cut(recording.facts, recording.segments, frozenset())
        header = HEADERS[self.header]
        return [replace(draft, header=header(recording, draft)) for draft in drafts]

"""From segments to passages.

A source is cut first where its subject is known to change (chapter, heading, page, sponsor read), then each
part into passages of at most the token budget by a `Cutter`, which knows nothing but text. It answers with offsets
into the joined text, and the joined text knows the segment and the time of every character.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Protocol

from creators import JoinedText, Role, Segment, SourceFacts
from retrieval import PassageDraft

TokenCounter = Callable[[Sequence[str]], list[int]]


class Cutter(Protocol):
    """Cuts text into pieces of at most `budget` tokens; answers start and end of each, in order.

    The pieces together hold all of the text but the space between them.
    """

    def spoken(
        self, text: str, *, budget: int, turn_starts: Sequence[int], soft_breaks: Sequence[int]
    ) -> list[tuple[int, int]]:
        """`turn_starts` are the offsets at which a speaker begins, where a piece should rather end; at
        `soft_breaks` (caption cues) text without punctuation may be cut."""
        ...

    def written(self, text: str, *, budget: int) -> list[tuple[int, int]]:
        """Paragraphs are lines."""
        ...


def chunker_name(tokens: int) -> str:
    """Identifies the way of cutting; part of every passage's identity.

    The version changes whenever the same segments would be cut differently.
    """
    return f"turns-v1-{tokens}"


class Chunker:
    """Cuts a source's segments into passages of at most `tokens` tokens, header included."""

    def __init__(self, *, tokens: int, count_tokens: TokenCounter, cutter: Cutter) -> None:
        self.name = chunker_name(tokens)
        self._tokens = tokens
        self._count = count_tokens
        self._cutter = cutter

    def cut(
        self, facts: SourceFacts, segments: Sequence[Segment], sponsored: frozenset[int]
    ) -> list[PassageDraft]:
        """The passages in order; `sponsored` are the ordinals of segments that are a sponsor read."""
        drafts: list[PassageDraft] = []
        for chapter, sponsor, part in _parts(facts, segments, sponsored):
            joined = JoinedText(part)
            spans = self._spans(facts, chapter, joined)
            drafts += [self._draft(facts, chapter, joined, *span, sponsor=sponsor) for span in spans]
        counts = self._count([f"{draft.header}\n{draft.text}" for draft in drafts])
        return [replace(draft, token_count=count) for draft, count in zip(drafts, counts, strict=True)]

    def _spans(self, facts: SourceFacts, chapter: str | None, joined: JoinedText) -> list[tuple[int, int]]:
        # Names are not known before the cut; the longest header that this part can get sets the budget.
        header = self._count([_joined(_context(facts, chapter, joined.segments))])[0]
        budget = self._tokens - min(header, self._tokens // 2) - 1
        if facts.kind == "document":
            return self._cutter.written(joined.text, budget=budget)
        turns = [start for index, start in enumerate(joined.starts) if joined.begins_turn(index)]
        return self._cutter.spoken(joined.text, budget=budget, turn_starts=turns, soft_breaks=joined.starts)

    def _draft(
        self,
        facts: SourceFacts,
        chapter: str | None,
        joined: JoinedText,
        start: int,
        end: int,
        *,
        sponsor: bool,
    ) -> PassageDraft:
        first, last = joined.place(start).index, joined.place(end - 1).index
        covered = joined.segments[first : last + 1]
        speakers = {segment.speaker for segment in covered}
        roles: set[Role] = {segment.role for segment in covered}
        return PassageDraft(
            text=joined.text[start:end],
            header=self._header(facts, chapter, covered),
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

    def _header(self, facts: SourceFacts, chapter: str | None, segments: Sequence[Segment]) -> str:
        """The context that is embedded with a passage, at most half of it: what is too long is cut short."""
        context = _context(facts, chapter, segments)
        header = _joined(context)
        if self._count([header])[0] <= self._tokens // 2:
            return header
        title, heading, names, date = context
        short, names_room = self._tokens // 8 - 2, self._tokens // 4 - 8
        parts = ((title, short), (heading, short), (names, names_room))
        return _joined([*(self._beginning(text, room) for text, room in parts), date])

    def _beginning(self, text: str, tokens: int) -> str:
        """As much of `text` as has at most so many tokens, with a mark where something is left out."""
        if self._count([text])[0] <= tokens:
            return text
        longer = bisect_right(range(len(text)), tokens - 1, key=lambda end: self._count([text[:end]])[0])
        return f"{text[: max(longer - 1, 0)].rstrip()}…"


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


def _context(
    facts: SourceFacts, chapter: str | None, segments: Sequence[Segment]
) -> tuple[str, str, str, str]:
    """Title, chapter or heading, who speaks, and when; "" for what is not known."""
    names = ", ".join(dict.fromkeys(segment.speaker for segment in segments if segment.speaker))
    date = facts.published_at.strftime("%B %Y") if facts.published_at else ""
    return facts.title, chapter or segments[0].heading or "", names, date


def _joined(parts: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(part for part in parts if part))

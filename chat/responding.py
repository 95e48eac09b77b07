"""Answering from the record: the sentences that answer, quoted, or an honest "not covered"."""

import time
import unicodedata
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from chat import store
from chat.analysis import Understood, understand
from chat.citations import NEIGHBOURS, Quote, quoted
from chat.coverage import Verdict, decide
from chat.evidence import Evidence, Excerpt, Weigher
from chat.terms import Vocabulary
from chat.types import (
    AnswerEvent,
    CitationMade,
    Delta,
    Done,
    Failed,
    Kind,
    Meta,
    ModelChosen,
    Question,
    SourcesFound,
    Usage,
)
from chat.wire import citation_json, searched_json, usage_json
from chat.wording import not_covered_text, partly_text, quote_text
from creators import Catalogue, Coverage, Creator, Library, Segment
from retrieval import Embedder, Query, Results, Retriever
from runtime.clock import Clock
from runtime.database import Database, Transaction
from runtime.errors import InvalidInput, TooLarge, UnderstudyError
from runtime.events import emit
from runtime.telemetry import span

MODEL = "extractive"
# Passages that are looked through, and quotes that are given.
HITS = 12
QUOTES = 3
# A further quote is as good as this share of the best one.
NEARLY = 0.8
# How long a conversation waits for an answer whose process died.
PATIENCE = timedelta(seconds=60)


@dataclass(slots=True)
class _Draft:
    """The answer as far as it is."""

    asked: Understood
    kind: Kind = "incomplete"
    text: str = ""
    model: str | None = None
    searched: Coverage | None = None
    quotes: list[Quote] = field(default_factory=list[Quote])
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])


class ExtractiveResponder:
    """A `Responder` that quotes and never words anything itself. What it is given stays its owner's to close."""

    def __init__(
        self,
        *,
        database: Database,
        retriever: Retriever,
        embedder: Embedder,
        catalogue: Catalogue,
        library: Library,
        clock: Clock,
        max_question_chars: int,
    ) -> None:
        self._database = database
        self._retriever = retriever
        self._weigher = Weigher(embedder)
        self._catalogue = catalogue
        self._library = library
        self._clock = clock
        self._max_question_chars = max_question_chars
        self._vocabularies: dict[str, Vocabulary] = {}

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """See `Responder`."""
        began = time.perf_counter()
        text = self._checked(question.text)
        async with self._database.transaction() as tx:
            creator = await self._catalogue.find(tx, str(question.creator_id))
            claimed = await store.claim(
                tx,
                conversation_id=question.conversation_id,
                creator_id=creator.id,
                guest=question.guest,
                text=text,
                now=self._clock.now(),
                patience=PATIENCE,
            )
            searched = await self._library.coverage(tx, creator.id, access=question.access)
        draft = _Draft(understand(text, claimed.history), searched=searched)
        seq = 1
        finished = False
        try:
            yield Meta(seq, claimed.conversation_id, claimed.message_id)
            async for event in self._work(question, creator, draft, began):
                seq += 1
                if isinstance(event, Done):
                    await self._keep(claimed, creator, draft)
                    finished = True
                yield _numbered(event, seq)
        except UnderstudyError as error:
            yield Failed(seq + 1, error.code, error.detail, incomplete=bool(draft.text), cause=error)
        finally:
            if not finished:
                draft.kind = "incomplete"
                await self._keep(claimed, creator, draft)

    def _checked(self, text: str) -> str:
        plain = "".join(c for c in text if c in "\n\t" or not unicodedata.category(c).startswith("C")).strip()
        if not plain:
            raise InvalidInput(
                "question_empty", "There is no question.", next_step="Write what you want to know."
            )
        if len(text) > self._max_question_chars:
            raise TooLarge(
                "question_too_long",
                f"The question has {len(text):,} characters; {self._max_question_chars:,} are read.",
                next_step="Ask in fewer words.",
            )
        return plain

    async def _work(
        self, question: Question, creator: Creator, draft: _Draft, began: float
    ) -> AsyncGenerator[AnswerEvent]:
        with span("chat.answer"):
            query = Query(creator.id, draft.asked.standalone, k=HITS, access=question.access)
            results = await self._retriever.search(query)
            draft.timings_ms |= {"retrieve": results.timings_ms["total"]}
            yield SourcesFound(0, draft.searched or Coverage(0, 0.0, None), results.hits)
            mark = time.perf_counter()
            evidence = await self._weigher.weigh(draft.asked, results, self._vocabulary(creator))
            verdict = decide(evidence)
            draft.quotes = [] if verdict.coverage == "not_covered" else await self._quotes(evidence)
            draft.timings_ms["weigh"] = round((time.perf_counter() - mark) * 1000, 1)
            draft.kind, draft.model = verdict.coverage, MODEL
            yield ModelChosen(0, MODEL)
            for event in self._said(draft, creator, verdict, results):
                if isinstance(event, Delta):
                    draft.text += event.text
                yield event
        draft.timings_ms["total"] = round((time.perf_counter() - began) * 1000, 1)
        yield Done(0, draft.kind, Usage(), draft.timings_ms)

    def _said(
        self, draft: _Draft, creator: Creator, verdict: Verdict, results: Results
    ) -> Iterator[AnswerEvent]:
        if verdict.coverage == "not_covered":
            nearest = results.hits[0] if results.hits else None
            yield Delta(0, not_covered_text(creator.name, draft.searched, nearest))
            return
        if verdict.coverage == "partly_covered":
            yield Delta(0, partly_text(creator.name, verdict.unknown))
        citations = [quote.citation(marker) for marker, quote in enumerate(draft.quotes, start=1)]
        for citation in citations:
            yield Delta(0, quote_text(citation))
            yield CitationMade(0, citation)

    async def _quotes(self, evidence: Evidence) -> list[Quote]:
        """The best excerpts of different passages, located in the segments; in order of their dates."""
        chosen: list[Excerpt] = []
        for excerpt in evidence.excerpts:
            apart = all(excerpt.hit.passage_id != other.hit.passage_id for other in chosen)
            if apart and excerpt.score >= NEARLY * evidence.excerpts[0].score:
                chosen.append(excerpt)
            if len(chosen) == QUOTES:
                break
        async with self._database.transaction() as tx:
            quotes = [quoted(excerpt, await self._segments(tx, excerpt)) for excerpt in chosen]
        return _without_repeats(quotes)

    async def _segments(self, tx: Transaction, excerpt: Excerpt) -> list[Segment]:
        hit = excerpt.hit
        return await self._library.segments(
            tx,
            hit.source_id,
            hit.generation,
            first=hit.first_segment - NEIGHBOURS,
            last=hit.last_segment + NEIGHBOURS,
        )

    def _vocabulary(self, creator: Creator) -> Vocabulary:
        language = creator.languages[0] if creator.languages else "en"
        return self._vocabularies.setdefault(language, Vocabulary(language))

    async def _keep(self, claimed: store.Claim, creator: Creator, draft: _Draft) -> None:
        outcome = store.Outcome(
            text=draft.text,
            kind=draft.kind,
            standalone=draft.asked.standalone,
            citations=[citation_json(quote.citation(n)) for n, quote in enumerate(draft.quotes, start=1)],
            model=draft.model,
            usage=usage_json(Usage()),
            searched=None if draft.searched is None else searched_json(draft.searched),
            timings_ms=draft.timings_ms,
        )
        async with self._database.transaction() as tx:
            await store.keep(tx, claimed, outcome, self._clock.now())
            await emit(
                tx,
                "answer_given",
                version=1,
                key=str(creator.id),
                payload={"message_id": str(claimed.message_id), "kind": draft.kind},
            )


def _without_repeats(quotes: Sequence[Quote]) -> list[Quote]:
    """Quotes that do not say the same words of the same source twice, the oldest first."""
    kept: list[Quote] = []
    for quote in quotes:
        if not any(q.hit.source_id == quote.hit.source_id and q.text in quote.text for q in kept):
            kept.append(quote)
    return kept


def _numbered(event: AnswerEvent, seq: int) -> AnswerEvent:
    return replace(event, seq=seq)

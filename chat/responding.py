"""Answering without a language model: the sentences that answer, quoted, with who said them and where.

An answer is two transactions: the question and a place for its answer, before the first event; the answer with
its event for outsiders, before the last one. None is open while something is searched or embedded.
"""

import asyncio
import unicodedata
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from chat import composing, store
from chat.analysis import Understood, understand
from chat.citations import NEIGHBOURS, Quote, locate, quoted
from chat.composing import Paragraph
from chat.coverage import Verdict, decide
from chat.evidence import Excerpt, Weigher, worth_quoting
from chat.store import Claim, Outcome
from chat.terms import Vocabulary
from chat.types import (
    AnswerEvent,
    Citation,
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
from creators import Catalogue, Coverage, Creator, Library
from retrieval import Embedder, Query, Results, Retriever, surroundings
from runtime import events
from runtime.clock import Clock
from runtime.database import Database
from runtime.errors import InvalidInput, TooLarge, UnderstudyError
from runtime.telemetry import span

log = structlog.get_logger(__name__)

MODEL = "extractive"
# Passages that are read for one answer; the right one is among them for 86 of 100 tuning questions.
PASSAGES = 12
# An answer that is not finished after this long was lost in a crash, and no longer holds its conversation up.
_PATIENCE = timedelta(seconds=60)


@dataclass(slots=True)
class _Work:
    """One answer on its way: what it answers, and what was said of it so far."""

    question: Question
    creator: Creator
    searched: Coverage
    claim: Claim
    asked: Understood
    started: float
    seq: int = 0
    text: str = ""
    citations: list[Citation] = field(default_factory=list[Citation])
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])
    settled: bool = False

    def next(self) -> int:
        """The number of the next event."""
        self.seq += 1
        return self.seq


@dataclass(frozen=True, slots=True)
class _Reply:
    kind: Kind
    paragraphs: Sequence[Paragraph]


class ExtractiveResponder:
    """A `Responder` that quotes. What it is given stays its owner's to close."""

    def __init__(
        self,
        *,
        database: Database,
        retriever: Retriever,
        embedder: Embedder,
        catalogue: Catalogue,
        library: Library,
        clock: Clock,
        max_question_chars: int = 8000,
    ) -> None:
        self._database = database
        self._retriever = retriever
        self._weigher = Weigher(embedder)
        self._catalogue = catalogue
        self._library = library
        self._clock = clock
        self._max_question_chars = max_question_chars
        self._vocabularies: dict[str, Vocabulary] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """The events of one answer; see `Responder`."""
        text = readable(question.text, self._max_question_chars)
        work = await self._take(question, text)
        try:
            async with aclosing(self._respond(work)) as answering:
                async for event in answering:
                    yield event
        finally:
            if not work.settled:
                await self._give_up(work)

    async def close(self) -> None:
        """Wait until what was said is kept of the answers whose readers went away."""
        await asyncio.gather(*self._closing)

    async def _take(self, question: Question, text: str) -> _Work:
        started = self._clock.monotonic()
        with span("chat.take"):
            async with self._database.transaction() as tx:
                creator = await self._catalogue.find(tx, str(question.creator_id))
                claim = await store.claim(
                    tx,
                    conversation_id=question.conversation_id,
                    creator_id=creator.id,
                    guest=question.guest,
                    text=text,
                    now=self._clock.now(),
                    patience=_PATIENCE,
                )
                searched = await self._library.coverage(tx, creator.id, access=question.access)
        work = _Work(question, creator, searched, claim, understand(text, claim.history), started)
        self._lap(work, "take")
        return work

    async def _respond(self, work: _Work) -> AsyncGenerator[AnswerEvent]:
        try:
            yield Meta(work.next(), work.claim.conversation_id, work.claim.message_id)
            results = await self._search(work)
            yield SourcesFound(work.next(), work.searched, results.hits)
            reply = await self._reply(work, results)
            yield ModelChosen(work.next(), MODEL)
            for paragraph in reply.paragraphs:
                text = f"\n\n{paragraph.text}" if work.text else paragraph.text
                work.text += text
                yield Delta(work.next(), text)
                for citation in paragraph.citations:
                    work.citations.append(citation)
                    yield CitationMade(work.next(), citation)
            await self._keep(work, reply.kind)
            yield Done(work.next(), reply.kind, Usage(), work.timings_ms)
        except UnderstudyError as error:
            log.warning("answer_failed", message_id=str(work.claim.message_id), code=error.code)
            await self._give_up(work)
            yield Failed(work.next(), error.code, error.detail, bool(work.text), cause=error)

    async def _search(self, work: _Work) -> Results:
        query = Query(
            creator_id=work.creator.id,
            text=work.asked.standalone,
            k=PASSAGES,
            access=work.question.access,
        )
        results = await self._retriever.search(query)
        self._lap(work, "search")
        return results

    async def _reply(self, work: _Work, results: Results) -> _Reply:
        with span("chat.evidence"):
            evidence = await self._weigher.weigh(work.asked, results, self._vocabulary(work.creator))
            verdict = decide(evidence)
            excerpts = _new_ones(work, evidence.excerpts)
        self._lap(work, "evidence")
        nothing_new = bool(evidence.excerpts) and not excerpts
        if verdict.coverage == "not_covered" or nothing_new:
            return await self._not_covered(work, excerpts or evidence.excerpts, verdict, further=nothing_new)
        quotes = await self._quotes(worth_quoting(excerpts))
        self._lap(work, "quotes")
        return _Reply(verdict.coverage, composing.covered(quotes, verdict, now=work.asked.now))

    async def _not_covered(
        self, work: _Work, excerpts: Sequence[Excerpt], verdict: Verdict, *, further: bool
    ) -> _Reply:
        nearest = await self._quotes(excerpts[:1])
        self._lap(work, "quotes")
        paragraphs = composing.not_covered(
            work.creator.name, work.searched, verdict, nearest[0] if nearest else None, further=further
        )
        return _Reply("not_covered", paragraphs)

    async def _quotes(self, excerpts: Sequence[Excerpt]) -> list[Quote]:
        """The excerpts as quotes; of two that run into each other, the better one."""
        found: list[Quote] = []
        if not excerpts:
            return found
        async with self._database.transaction() as tx:
            for excerpt in excerpts:
                hit = excerpt.hit
                first, last = await surroundings(tx, hit, segments=NEIGHBOURS)
                segments = await self._library.segments(
                    tx, hit.source_id, hit.generation, first=first, last=last
                )
                quote = quoted(excerpt, segments)
                if not any(_overlap(quote, other) for other in found):
                    found.append(quote)
        return found

    async def _keep(self, work: _Work, kind: Kind) -> None:
        """The second transaction: the answer and the event that tells of it."""
        work.timings_ms["total"] = self._since(work.started)
        outcome = _outcome(work, kind)
        with span("chat.keep"):
            async with self._database.transaction() as tx:
                await store.keep(tx, work.claim, outcome, self._clock.now())
                await events.emit(
                    tx,
                    "answer_given",
                    version=1,
                    key=str(work.creator.id),
                    payload={
                        "creator_id": str(work.creator.id),
                        "conversation_id": str(work.claim.conversation_id),
                        "message_id": str(work.claim.message_id),
                        "kind": kind,
                        "model": MODEL,
                        "sources": list(dict.fromkeys(str(c.source_id) for c in work.citations)),
                    },
                )
        work.settled = True
        log.info("answer_given", message_id=str(work.claim.message_id), kind=kind)

    async def _give_up(self, work: _Work) -> None:
        """Keep what was said as incomplete and let the next question in, even while being cancelled."""
        work.settled = True
        task = asyncio.create_task(self._keep_incomplete(work))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        await asyncio.shield(task)

    async def _keep_incomplete(self, work: _Work) -> None:
        try:
            async with self._database.transaction() as tx:
                await store.keep(tx, work.claim, _outcome(work, "incomplete"), self._clock.now())
        except UnderstudyError as error:
            # The claim runs out by itself; that the answer failed is told already, or nobody listens.
            log.warning("incomplete_not_kept", message_id=str(work.claim.message_id), code=error.code)

    def _vocabulary(self, creator: Creator) -> Vocabulary:
        language = creator.languages[0] if creator.languages else "en"
        if language not in self._vocabularies:
            self._vocabularies[language] = Vocabulary(language)
        return self._vocabularies[language]

    def _lap(self, work: _Work, name: str) -> None:
        spent = sum(work.timings_ms.values())
        work.timings_ms[name] = round(self._since(work.started) - spent, 3)

    def _since(self, started: float) -> float:
        return round((self._clock.monotonic() - started) * 1000, 3)


def readable(text: str, limit: int) -> str:
    """A question without what cannot be stored or seen: control characters, marks that turn text round.

    Raises InvalidInput `question_empty`, TooLarge `question_too_long`.
    """
    kept = "".join(
        " " if character in "\t\r\n" else character
        for character in text
        if character in "\t\r\n" or not _is_unseen(character)
    ).strip()
    if not any(unicodedata.category(character)[0] in "LN" for character in kept):
        raise InvalidInput(
            "question_empty",
            "There is no question.",
            next_step="Write what you want to know, then ask again.",
        )
    if len(kept) > limit:
        raise TooLarge(
            "question_too_long",
            f"The question has {len(kept):,} characters; {limit:,} are read.",
            next_step="Ask in fewer words.",
        )
    return kept


def _is_unseen(character: str) -> bool:
    bidirectional = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return bidirectional or unicodedata.category(character) in {"Cc", "Cs"}


def _new_ones(work: _Work, excerpts: Sequence[Excerpt]) -> Sequence[Excerpt]:
    """All of them; when more was asked for, those that were not quoted before."""
    if not work.asked.further:
        return excerpts
    said = [citation["quote"] for message in work.claim.history for citation in message.citations]
    return [
        excerpt
        for excerpt in excerpts
        if not any(locate(excerpt.text, quote) or locate(quote, excerpt.text) for quote in said)
    ]


def _overlap(one: Quote, other: Quote) -> bool:
    if one.hit.source_id != other.hit.source_id:
        return False
    if one.start_ms is None or other.start_ms is None or one.end_ms is None or other.end_ms is None:
        return one.text in other.text or other.text in one.text
    return one.start_ms < other.end_ms and other.start_ms < one.end_ms


def _outcome(work: _Work, kind: Kind) -> Outcome:
    return Outcome(
        text=work.text,
        kind=kind,
        standalone=work.asked.standalone,
        citations=[citation_json(citation) for citation in work.citations],
        model=MODEL,
        usage=usage_json(Usage()),
        searched=searched_json(work.searched),
        timings_ms=work.timings_ms,
    )

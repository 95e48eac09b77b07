"""Passages searched and quoted as an answer does it: the product's model, index, fusion and choice of evidence."""

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np

from chat.analysis import understand
from chat.citations import NEIGHBOURS, Quote, quoted
from chat.evidence import Excerpt, Weigher, worth_quoting
from chat.responding import PASSAGES
from chat.terms import Vocabulary
from ingestion.node_parsers import LlamaIndexCutter
from retrieval import Hit, IndexName, PassageDraft, Results
from retrieval.embedders.onnx import OnnxEmbedder
from retrieval.fusion import fuse, unlisted_score
from retrieval.indexes.lance import LanceIndex
from retrieval.selection import select
from retrieval.types import IndexEntry, Vector
from runtime.ids import CreatorId, PassageId, SourceId
from tests.bench.chunks.recordings import Question, Recording
from tests.bench.chunks.variants import Variant

INDEX = IndexName("chunks")
CANDIDATES = 40
NEAR_MS = 15_000
# Vectors are kept after each so many.
SLICE = 256
# Passages that are embedded for their time alone.
TIMED = 48


class Vectors:
    """The model, with the vectors it has made kept in a file by the hash of their text."""

    def __init__(self, file: Path, model: OnnxEmbedder) -> None:
        self.model = model
        self._file = file
        self._known: dict[str, Vector] = {}
        if file.exists():
            with np.load(file) as kept:
                self._known = dict(zip(kept["names"].tolist(), kept["vectors"], strict=True))

    async def of(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of the texts; only new ones are made."""
        names = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = {name: text for name, text in zip(names, texts, strict=True) if name not in self._known}
        missing = list(new.items())
        for start in range(0, len(missing), SLICE):
            part = dict(missing[start : start + SLICE])
            self._known |= dict(zip(part, await self.model.passages(list(part.values())), strict=True))
            await asyncio.to_thread(self._keep)
        return [self._known[name] for name in names]

    def _keep(self) -> None:
        """Replace the file by a whole one, so that a run that is broken off goes on where it was."""
        whole = self._file.with_suffix(".part.npz")
        np.savez(whole, names=list(self._known), vectors=np.stack(list(self._known.values())))
        whole.replace(self._file)


@dataclass(frozen=True)
class Outcome:
    """What one question came to. Ranks count from 1; None: not among the passages of an answer."""

    question: Question
    rank: int | None
    first_near: bool
    any_near: bool

    @property
    def reciprocal(self) -> float:
        return 1 / self.rank if self.rank else 0.0


@dataclass(frozen=True)
class Measured:
    """A variant with its outcomes and its price by the hour of recording."""

    variant: Variant
    outcomes: list[Outcome]
    passages_h: float
    tokens_h: float
    processor_s_h: float


async def measure(
    variant: Variant, recordings: Sequence[Recording], questions: Sequence[Question], vectors: Vectors
) -> Measured:
    """Cut, embed and index the recordings, and ask all questions."""
    model = vectors.model
    cutter = LlamaIndexCutter(model.count_tokens)
    drafts = [
        (recording, draft)
        for recording in recordings
        for draft in await asyncio.to_thread(variant.cut, recording, cutter, model.count_tokens)
    ]
    texts = [f"{draft.header}\n{draft.text}" if draft.header else draft.text for _, draft in drafts]
    made = await vectors.of(texts)
    with tempfile.TemporaryDirectory() as folder:
        index = LanceIndex(Path(folder), dimension=model.dimension)
        try:
            search = _Search(index, model, recordings)
            await search.fill(drafts, texts, made)
            outcomes = [await search.ask(question) for question in questions]
        finally:
            await index.close()
    hours = sum(recording.facts.duration_ms or 0 for recording in recordings) / 3_600_000
    tokens = sum(min(count, model.max_tokens) for count in model.count_tokens(texts))
    seconds = await _processor_s(texts, model)
    return Measured(variant, outcomes, len(texts) / hours, tokens / hours, seconds / hours)


async def _processor_s(texts: Sequence[str], model: OnnxEmbedder) -> float:
    """The processor's seconds for all texts, from an even sample."""
    sample = texts[:: max(len(texts) // TIMED, 1)]
    began = time.process_time()
    await model.passages(sample)
    return (time.process_time() - began) / len(sample) * len(texts)


class _Search:
    """An index of one variant's passages, with a creator for each channel."""

    def __init__(self, index: LanceIndex, model: OnnxEmbedder, recordings: Sequence[Recording]) -> None:
        self._index = index
        self._model = model
        self._weigher, self._vocabulary = Weigher(model), Vocabulary("en")
        self._recordings = {_source(recording): recording for recording in recordings}
        self._hits: dict[PassageId, Hit] = {}

    async def fill(
        self,
        drafts: Sequence[tuple[Recording, PassageDraft]],
        texts: Sequence[str],
        vectors: Sequence[Vector],
    ) -> None:
        entries: dict[str, list[IndexEntry]] = {}
        for number, ((recording, draft), text, vector) in enumerate(zip(drafts, texts, vectors, strict=True)):
            id = PassageId(UUID(int=number))
            self._hits[id] = _hit(id, recording, draft)
            entries.setdefault(recording.channel, []).append(IndexEntry(id, _source(recording), text, vector))
        for channel, written in entries.items():
            await self._index.upsert(INDEX, _creator(channel), written)
            await self._index.compact(INDEX, _creator(channel))

    async def ask(self, question: Question) -> Outcome:
        """As `HybridRetriever` and the responder do it, without the database between them."""
        asked = understand(question.text)
        vector = await self._model.query(asked.standalone)
        limit = max(CANDIDATES, 4 * PASSAGES)
        candidates = await self._index.search(
            INDEX, _creator(question.channel), vector=vector, text=asked.standalone, limit=limit
        )
        fused = fuse(candidates, unlisted=unlisted_score(candidates, limit))
        ranked = (_scored(self._hits[id], score) for id, score in fused.items())
        hits = select(ranked, k=PASSAGES, per_source=None)
        evidence = await self._weigher.weigh(asked, Results(hits, vector), self._vocabulary)
        quotes = [self._quote(excerpt) for excerpt in worth_quoting(evidence.excerpts)]
        near = [_is_near(question, q.hit.external_id, q.start_ms, q.start_ms) for q in quotes]
        places = [_is_near(question, hit.external_id, hit.start_ms, hit.end_ms) for hit in hits]
        rank = places.index(True) + 1 if True in places else None
        return Outcome(question, rank, near[:1] == [True], any(near))

    def _quote(self, excerpt: Excerpt) -> Quote:
        hit = excerpt.hit
        first, last = max(hit.first_segment - NEIGHBOURS, 0), hit.last_segment + NEIGHBOURS
        return quoted(excerpt, self._recordings[hit.source_id].segments[first : last + 1])


def _is_near(question: Question, video: str, start_ms: int | None, end_ms: int | None) -> bool:
    """Whether at most 15 s lie between a stretch of a recording and the one that answers."""
    if video != question.video or start_ms is None or end_ms is None:
        return False
    return start_ms <= question.end_ms + NEAR_MS and end_ms >= question.start_ms - NEAR_MS


def _creator(channel: str) -> CreatorId:
    return CreatorId(uuid5(NAMESPACE_URL, channel))


def _source(recording: Recording) -> SourceId:
    return SourceId(uuid5(NAMESPACE_URL, f"{recording.channel}/{recording.facts.external_id}"))


def _hit(id: PassageId, recording: Recording, draft: PassageDraft) -> Hit:
    facts = recording.facts
    return Hit(
        passage_id=id,
        source_id=_source(recording),
        external_id=facts.external_id,
        origin=facts.origin,
        kind=facts.kind,
        title=facts.title,
        url=facts.url,
        text=draft.text,
        start_ms=draft.start_ms,
        end_ms=draft.end_ms,
        page=None,
        heading=None,
        speaker=draft.speaker,
        speaker_role=draft.speaker_role,
        sponsor=False,
        published_at=facts.published_at,
        generation=1,
        ordinal=id.int,
        first_segment=draft.first_segment,
        last_segment=draft.last_segment,
        score=0.0,
        dense=None,
        lexical=None,
    )


def _scored(hit: Hit, score: float) -> Hit:
    return replace(hit, score=score)

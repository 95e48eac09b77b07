"""Corrections of what a transcript heard: what answers, what survives a new version, what is worked on again."""

import json
from typing import Any, cast

import pytest

from creators import Creator, JoinedText, Replacement
from ingestion import Bundle, BundleFile, Corrections, WantedText, source_steering
from jobs import JobQueue, LeaseLost
from jobs import store as job_statements
from jobs.leases import LeasedJob
from jobs.testing import NullWaker
from retrieval import HybridRetriever, Query
from runtime.database import Transaction
from runtime.errors import NotFound
from runtime.ids import SourceId, new_id
from tests.integration.ingestion.workshop import Workshop

CUES = [
    "Today I went to see the frame builder in the old town.",
    "You should ask la loo before you cold set the frame.",
    "She checks every rear triangle with a string first.",
    "Then the dropouts are bent by a millimetre at a time.",
    "Thank you.",
    "Afterwards we rode home along the canal in the rain.",
    "Thank you.",
]
HEARD, SAID = CUES[1], "You should ask Lalou before you cold set the frame."


def captions(*cues: str, offset_ms: int = 0) -> Bundle:
    """Cues of five seconds each, two to a chapter, so that each chapter is a passage of its own."""
    lines = ["WEBVTT", ""]
    for place, text in enumerate(cues):
        start = place * 5 + offset_ms / 1000
        lines += [f"00:00:{start:06.3f} --> 00:00:{start + 4:06.3f}", f"<v Speaker{place % 2}>{text}", ""]
    info = {
        "id": "frameRide01",
        "title": "Frames",
        "extractor_key": "Youtube",
        "duration": 60,
        "chapters": [{"start_time": n * 10, "title": f"Part {n}"} for n in range(4)],
    }
    return Bundle(
        "frameRide01",
        (
            BundleFile("frameRide01.info.json", json.dumps(info).encode()),
            BundleFile("frameRide01.en.vtt", "\n".join(lines).encode()),
        ),
    )


class Unreported:
    """A job whose lease is lost right after it began, and that learns of it by nothing but the fences of its writes."""

    def __init__(self, leased: LeasedJob) -> None:
        self.job, self.leased, self.has_begun = leased.job, leased, False

    async def progress(self, stage: str, done: int, total: int) -> None:
        """Say nothing, and hear nothing."""

    async def fence(self, tx: Transaction) -> None:
        if self.has_begun:
            await self.leased.fence(tx)
        self.has_begun = True


class Desk:
    """The creator's desk: one source, and what is done to it."""

    def __init__(self, workshop: Workshop, creator: Creator) -> None:
        self.workshop, self.creator = workshop, creator
        self.corrections = Corrections(library=workshop.library, queue=workshop.queue)
        self.source_id = SourceId(new_id())

    async def take_in(self, *cues: str, **options: int) -> None:
        submitted = await self.workshop.ingestion.submit(self.creator, captions(*cues, **options))
        assert submitted.source_id is not None
        self.source_id = submitted.source_id
        await self.workshop.work()

    async def key(self, original: str) -> str:
        async with self.workshop.database.transaction() as tx:
            found = await self.workshop.library.edits.segments(tx, self.source_id, limit=100)
        return next(segment.key for segment in found if segment.original == original)

    async def correct(self, original: str, text: str | None, *, work: bool = True) -> Any:
        key = await self.key(original)
        async with self.workshop.database.transaction() as tx:
            outcome = await self.corrections.correct(tx, self.creator, self.source_id, key, text)
        if work:
            await self.workshop.work()
        return outcome

    async def states(self) -> dict[str, tuple[str, int]]:
        async with self.workshop.database.transaction() as tx:
            found = await self.workshop.library.edits.corrections(tx, self.creator.id, limit=100)
        return {one.text: (one.state, one.segments) for one in found}

    async def said(self) -> list[str]:
        """What the published generation says, segment by segment."""
        source = await self.workshop.source(self.source_id)
        async with self.workshop.database.transaction() as tx:
            found = await self.workshop.library.segments(tx, source.id, source.generation or 0)
        return [segment.text for segment in found]

    async def hits(self, question: str) -> list[str]:
        """Texts of the passages that are found, each of which stands word for word in its segments."""
        workshop = self.workshop
        retriever = HybridRetriever(
            database=workshop.database,
            embedder=workshop.embedder,
            index=workshop.index,
            catalogue=workshop.catalogue,
            clock=workshop.clock,
        )
        results = await retriever.search(Query(self.creator.id, question, k=20))
        for hit in results.hits:
            async with workshop.database.transaction() as tx:
                segments = await workshop.library.segments(
                    tx, hit.source_id, hit.generation, first=hit.first_segment, last=hit.last_segment
                )
            assert hit.text in JoinedText(segments).text
        return [hit.text for hit in results.hits]


@pytest.fixture
async def desk(workshop: Workshop, bev: Creator) -> Desk:
    made = Desk(workshop, bev)
    await made.take_in(*CUES)
    return made


async def test_a_correction_is_what_answers(desk: Desk) -> None:
    assert any(HEARD in text for text in await desk.hits("whom to ask before cold setting"))
    before = await desk.workshop.source(desk.source_id)
    outcome = await desk.correct(HEARD, SAID, work=False)
    assert len(outcome.jobs) == 1
    assert await desk.states() == {SAID: ("pending", 1)}
    assert await desk.said() == CUES, "until the job has ended, all that answers is as it was"
    await desk.workshop.work()
    assert await desk.states() == {SAID: ("applied", 1)}
    assert await desk.said() == [SAID if text == HEARD else text for text in CUES]
    found = await desk.hits("ask Lalou before cold setting")
    assert any(SAID in text for text in found)
    assert not any("la loo" in text for text in found)
    after = await desk.workshop.source(desk.source_id)
    assert (after.generation, after.facts, after.content_hash, after.state) == (
        (before.generation or 0) + 1,
        before.facts,
        before.content_hash,
        "ready",
    )
    originals = await desk.workshop.values("SELECT text FROM creators.segments ORDER BY ordinal")
    assert originals == CUES, "the record stays word for word"


async def test_only_what_differs_is_embedded_again(desk: Desk) -> None:
    passages = await desk.workshop.value("SELECT count(*) FROM retrieval.placements")
    assert passages == 4
    embedded = desk.workshop.embedder.embedded
    outcome = await desk.correct(HEARD, SAID)
    assert desk.workshop.embedder.embedded == embedded + 1
    result = (await desk.workshop.job(outcome.jobs[desk.source_id])).result
    assert result is not None
    assert (result["embedded"], result["indexed"], result["corrected"]) == (1, 1, 1)
    assert await desk.workshop.value("SELECT count(*) FROM retrieval.passages") == passages, "tidied up"
    await desk.correct(HEARD, None)
    assert desk.workshop.embedder.embedded <= embedded + 2


async def test_it_survives_a_new_version_at_another_place_and_time(desk: Desk) -> None:
    await desk.correct(HEARD, SAID)
    generation = (await desk.workshop.source(desk.source_id)).generation or 0
    await desk.take_in("One more thing before we begin.", *CUES, offset_ms=700)
    assert await desk.states() == {SAID: ("applied", 1)}
    after = await desk.workshop.source(desk.source_id)
    assert after.generation == generation + 1, "no generation came out that said it wrongly again"
    assert await desk.said() == [
        "One more thing before we begin.",
        *(SAID if text == HEARD else text for text in CUES),
    ]


async def test_it_waits_while_its_original_is_gone(desk: Desk) -> None:
    await desk.correct(HEARD, SAID)
    theirs = "You should ask Lalou first."
    await desk.take_in(CUES[0], theirs, *CUES[2:])
    assert await desk.states() == {SAID: ("not_applied", 0)}
    assert theirs in await desk.said()
    await desk.take_in(*CUES, offset_ms=300)
    assert await desk.states() == {SAID: ("applied", 1)}
    assert SAID in await desk.said()


async def test_taking_it_back_brings_the_original_back(desk: Desk) -> None:
    await desk.correct(HEARD, SAID)
    await desk.correct(HEARD, None)
    assert await desk.states() == {}
    assert await desk.said() == CUES
    assert any(HEARD in text for text in await desk.hits("ask before cold setting"))


async def test_all_that_say_the_same_are_corrected(desk: Desk) -> None:
    outcome = await desk.correct("Thank you.", "Thanks to you.")
    assert [change.segments for change in outcome.changes] == [2]
    assert (await desk.said()).count("Thanks to you.") == 2
    assert await desk.states() == {"Thanks to you.": ("applied", 2)}


async def test_what_changes_nothing_is_no_work(desk: Desk) -> None:
    await desk.correct(HEARD, SAID)
    again = await desk.correct(HEARD, f"  {SAID} ")
    assert (again.changes, again.unchanged, again.jobs) == ((), 1, {})


async def test_a_correction_made_while_the_source_is_worked_on_is_taken_up(desk: Desk) -> None:
    """The job has read the corrections already; its effect sees that there are more."""
    pipeline = desk.workshop.pipeline
    await desk.workshop.ingestion.submit(desk.creator, captions(*CUES, offset_ms=500))
    leased = await desk.workshop.begin()
    effect = await pipeline.bring_up_to_date(leased)
    assert callable(effect)
    outcome = await desk.correct(HEARD, SAID, work=False)
    assert outcome.jobs == {desk.source_id: leased.job.id}, "it finds that job, and none is made"
    await desk.workshop.work_on(40)  # the lease runs out, and another worker begins anew
    assert SAID in await desk.said()
    assert await desk.states() == {SAID: ("applied", 1)}


async def test_an_effect_that_comes_before_the_correction_queues_it(desk: Desk) -> None:
    """The last job of all, which tidies up, leaves nothing behind that would make another."""
    pipeline = desk.workshop.pipeline
    await desk.workshop.ingestion.submit(desk.creator, captions(*CUES, offset_ms=500))
    await desk.workshop.runner().drain("parse")
    leased = await desk.workshop.begin("embed")
    effect = await pipeline.bring_up_to_date(leased)
    assert callable(effect)
    await desk.correct(HEARD, SAID, work=False)
    async with desk.workshop.database.transaction() as tx:
        assert await job_statements.mark_succeeded(tx, leased.lease, desk.workshop.clock.now())
        await effect(tx)
    assert await desk.states() == {SAID: ("pending", 1)}
    await desk.workshop.work()
    assert await desk.states() == {SAID: ("applied", 1)}


async def test_a_worker_that_lost_its_lease_corrects_nothing(desk: Desk) -> None:
    await desk.correct(HEARD, SAID, work=False)
    leased = await desk.workshop.begin("embed")
    await desk.workshop.work_on(40)
    assert await desk.states() == {SAID: ("applied", 1)}
    before = await desk.workshop.values("SELECT (generation, text)::text FROM creators.segments ORDER BY 1")
    await desk.correct(CUES[2], "She checks every one.", work=False)
    with pytest.raises(LeaseLost):
        await desk.workshop.pipeline.bring_up_to_date(cast("Any", Unreported(leased)))
    after = await desk.workshop.values("SELECT (generation, text)::text FROM creators.segments ORDER BY 1")
    assert after == before


async def test_cancelling_an_upload_leaves_the_corrections_to_the_next_job(desk: Desk) -> None:
    submitted = await desk.workshop.ingestion.submit(desk.creator, captions(*CUES, offset_ms=500))
    assert submitted.job_id is not None
    outcome = await desk.correct(HEARD, SAID, work=False)
    assert outcome.jobs == {desk.source_id: submitted.job_id}
    steered = JobQueue(
        waker=NullWaker(),
        clock=desk.workshop.clock,
        max_attempts=3,
        steering=source_steering(desk.workshop.library),
    )
    async with desk.workshop.database.transaction() as tx:
        await steered.cancel(tx, submitted.job_id)
    await desk.workshop.work()
    assert await desk.states() == {SAID: ("applied", 1)}
    assert (await desk.workshop.source(desk.source_id)).error_code == "cancelled", "which is still true"


async def test_a_word_is_replaced_in_all_that_is_said(desk: Desk) -> None:
    lalou = Replacement("la loo", "Lalou")
    async with desk.workshop.database.transaction() as tx:
        shown = await desk.corrections.replace(tx, desk.creator, lalou, source_id=None, dry_run=True)
    assert [(change.original, change.after) for change in shown.changes] == [(HEARD, SAID)]
    assert await desk.states() == {}
    async with desk.workshop.database.transaction() as tx:
        done = await desk.corrections.replace(
            tx, desk.creator, lalou, source_id=desk.source_id, dry_run=False
        )
    assert (len(done.changes), len(done.jobs)) == (1, 1)
    await desk.workshop.work()
    assert await desk.states() == {SAID: ("applied", 1)}
    back = Replacement("Lalou", "la loo")
    async with desk.workshop.database.transaction() as tx:
        await desk.corrections.replace(tx, desk.creator, back, source_id=None, dry_run=False)
    await desk.workshop.work()
    assert (await desk.states(), await desk.said()) == ({}, CUES)


async def test_many_are_taken_and_what_is_wrong_is_told(desk: Desk) -> None:
    odile = await desk.workshop.creator("odile")
    wanted = [
        WantedText("frameRide01", f"  {HEARD}\n", SAID),
        WantedText("nowhere", HEARD, SAID),
        WantedText(str(desk.source_id), CUES[2], CUES[2]),
        WantedText(str(desk.source_id), "Nobody said this.", "But it may come."),
        WantedText(str(desk.source_id), CUES[3], None),
    ]
    async with desk.workshop.database.transaction() as tx:
        outcome = await desk.corrections.take(tx, desk.creator, wanted, dry_run=False)
        foreign = await desk.corrections.take(tx, odile, wanted[:1], dry_run=False)
    assert [(one.place, one.code) for one in outcome.refused] == [
        (1, "source_not_found"),
        (2, "correction_changes_nothing"),
    ]
    assert [one.code for one in foreign.refused] == ["source_not_found"]
    assert (len(outcome.changes), outcome.unchanged, len(outcome.jobs)) == (2, 1, 1)
    await desk.workshop.work()
    assert await desk.states() == {SAID: ("applied", 1), "But it may come.": ("not_applied", 0)}


async def test_a_source_of_somebody_else_is_not_there(desk: Desk) -> None:
    odile = await desk.workshop.creator("odile")
    key = await desk.key(HEARD)
    async with desk.workshop.database.transaction() as tx:
        with pytest.raises(NotFound) as caught:
            await desk.corrections.correct(tx, odile, desk.source_id, key, SAID)
    assert caught.value.code == "source_not_found"
    async with desk.workshop.database.transaction() as tx:
        with pytest.raises(NotFound) as caught:
            await desk.corrections.correct(tx, desk.creator, desk.source_id, "0" * 64, SAID)
    assert caught.value.code == "segment_not_found"

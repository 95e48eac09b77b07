"""How far the job of a recording is, and when it ends: listening is most of it. What hears is a stand-in."""

import io
import itertools
import wave
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from creators import Creator
from ingestion import Bundle
from ingestion.bundles import BundleFile
from ingestion.speech.types import MediaFacts, Piece, Progress, Utterance
from jobs import Effect, Job, JobContext, Move, Registration
from jobs.looking import MIN_SAMPLES
from runtime.database import Database, Transaction
from runtime.testing import FixedClock
from tests.integration.ingestion.workshop import Workshop

MINUTE_MS = 60_000


@dataclass
class SlowEar:
    """Takes ten seconds for each minute of a recording of `minutes`."""

    clock: FixedClock | None = None
    minutes: int = 10
    name: str = "slow"

    async def transcribe(
        self, path: Path, *, language: str | None, after: Piece | None
    ) -> AsyncGenerator[Piece | Progress]:
        assert self.clock is not None
        length_ms = self.minutes * MINUTE_MS
        for minute in range(self.minutes):
            self.clock.advance(10)
            yield Progress((minute + 1) * MINUTE_MS, length_ms)
        said = Utterance(0, 2000, "Oil the chain.", (0, 500, 1000))
        yield Piece(0, 0, length_ms, True, MediaFacts(), "en", spoken_ms=2000, utterances=(said,))


@dataclass
class Seen:
    """A job's context that looks at the job after each report."""

    workshop: Workshop
    inner: JobContext
    jobs: list[Job] = field(default_factory=list)

    @property
    def job(self) -> Job:
        return self.inner.job

    async def progress(self, stage: str, done: int, total: int) -> None:
        await self.inner.progress(stage, done, total)
        self.workshop.clock.advance(0.5)  # reports that come faster are not written
        self.jobs.append(await self.workshop.job(self.job.id))

    async def fence(self, tx: Transaction) -> None:
        await self.inner.fence(tx)


@pytest.fixture
async def workshop(database: Database, tmp_path: Path) -> AsyncIterator[Workshop]:
    ear = SlowEar()
    made = Workshop(database, tmp_path, [], ear)
    ear.clock = made.clock
    yield made
    await made.parser.close()


def _recording(number: int) -> Bundle:
    """A second of a tone of its own."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes([number, number]) * 8000)
    name = f"talk {number}.wav"
    return Bundle(name=name, files=(BundleFile(name, buffer.getvalue()),))


async def _followed(workshop: Workshop, creator: Creator, number: int) -> list[Job]:
    """The job of a recording after each of its reports, and at its end."""
    seen: list[Job] = []
    ((kind, registration),) = workshop.pipeline.registrations().items()

    async def handle(context: JobContext) -> Effect | Move | None:
        return await registration.handler(Seen(workshop, context, seen))

    followed: Registration = replace(registration, handler=handle)
    submitted = await workshop.ingestion.submit(creator, _recording(number))
    runner = workshop.runner(handlers={kind: followed})
    await runner.drain("parse", "speech")
    return [*seen, await workshop.job(submitted.job_id)]


async def test_percentages_of_a_recording_grow_with_what_was_heard(workshop: Workshop) -> None:
    seen = await _followed(workshop, await workshop.creator(), 1)
    assert seen[-1].state == "succeeded", seen[-1]
    heard = [job.percent or 0 for job in seen if job.stage == "transcribe"]
    assert heard[-1] - heard[1] > 80
    steps = [after - before for before, after in itertools.pairwise(heard[1:])]
    assert max(steps) - min(steps) <= 1  # as even as the reports
    in_speech = [job.percent or 0 for job in seen if job.queue == "speech"]
    assert in_speech == sorted(in_speech)
    assert in_speech[-1] == 100


async def test_the_end_of_a_long_recording_is_foreseen_from_how_far_it_is(workshop: Workshop) -> None:
    creator = await workshop.creator()
    for number in range(MIN_SAMPLES):
        await _followed(workshop, creator, number)
    ear = workshop.transcriber
    assert isinstance(ear, SlowEar)
    for number, minutes in ((10, 60), (11, 5)):
        ear.minutes = minutes  # others took ten
        seen = await _followed(workshop, creator, number)
        half = next(job for job in seen if job.stage == "transcribe" and (job.percent or 0) >= 50)
        end, begun = seen[-1].finished_at, half.started_at
        assert isinstance(end, datetime)
        assert half.expected_end_at is not None
        assert begun is not None
        assert abs(half.expected_end_at - end) < (end - begun) / 10

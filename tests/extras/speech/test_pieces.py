"""Long recordings are heard in pieces: no word lost or doubled at a seam, nothing heard twice after a kill."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from ingestion.speech.cutting import cut
from ingestion.speech.listening import Listener
from ingestion.speech.recognising import speech
from ingestion.speech.types import Piece, Progress
from jobs.testing import RecordingContext
from runtime.database import Database
from runtime.errors import InvalidInput
from tests.extras.speech.conftest import Make, hear, words
from tests.extras.speech.sounds import RATE, clip, silence, write_wav

NO_JOB: Any = None  # nobody here looks at it
MARKS = {"cabbage": 3, "dinosaurs": 4, "protocol": 5}


@pytest.fixture
def long(clips: Path, tmp_path: Path) -> Path:
    """Three clips twice, half a second between them: 46 s. Each has a word of its own."""
    said = [clip(clips / f"fleurs-en-00{number}.ogg") for number in MARKS.values()]
    return write_wav(tmp_path / "long.wav", [part for one in said * 2 for part in (one, silence(0.5))])


def test_every_sample_is_in_one_piece_and_seams_are_in_silence(clips: Path) -> None:
    said = clip(clips / "fleurs-en-003.ogg")
    sound = np.concatenate([part for _ in range(8) for part in (said, silence(1))])
    blocks = [sound[place : place + 999] for place in range(0, len(sound), 999)]
    pieces = list(cut(blocks, longest=20 * RATE, window=8 * RATE, speech=speech))
    assert np.array_equal(np.concatenate([piece.samples for piece in pieces]), sound)
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert len(pieces) > 2
    for piece in pieces[:-1]:
        assert not sound[piece.end - RATE // 20 : piece.end + RATE // 20].any()
    again = list(cut(blocks, longest=20 * RATE, window=8 * RATE, speech=speech, start=pieces[1].start))
    assert [(piece.start, piece.end) for piece in again] == [(piece.start, piece.end) for piece in pieces[1:]]


async def test_no_word_is_lost_or_doubled_at_a_seam(make: Make, long: Path) -> None:
    pieces = await hear(make(piece_s=20), long)
    assert len(pieces) > 2
    assert all(first.end_ms == second.start_ms for first, second in pairwise(pieces))
    heard = words(pieces).lower()
    assert {mark: heard.count(mark) for mark in MARKS} == dict.fromkeys(MARKS, 2)
    assert heard.count("hospital") == heard.count("possible infection") == 2


async def test_a_killed_job_goes_on_at_the_next_piece(make: Make, long: Path, database: Database) -> None:
    transcriber = make(piece_s=20)
    listener = Listener(database=database, transcriber=transcriber)
    whole = await hear(transcriber, long)

    class Stop(RecordingContext):
        async def progress(self, stage: str, done: int, total: int) -> None:
            await super().progress(stage, done, total)
            if done > 25:
                raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await listener.listen(Stop(NO_JOB), long, content_hash="a", language=None)
    assert not _children()
    context = RecordingContext(NO_JOB)
    heard = await listener.listen(context, long, content_hash="a", language=None)
    assert context.reports[0][1] >= 12
    assert " ".join(cue.text for cue in heard.captions.cues) == words(whole)
    again = RecordingContext(NO_JOB)
    assert await listener.listen(again, long, content_hash="a", language=None) == heard
    assert again.reports == []


async def test_a_child_killed_from_outside_is_an_error_that_may_pass(make: Make, long: Path) -> None:
    with pytest.raises(Exception, match="ended unexpectedly") as caught:
        async for one in make(piece_s=20).transcribe(long, language=None, after=None):
            if isinstance(one, Progress):
                for child in _children():
                    child.kill()
    assert caught.value.transient


async def test_closing_early_ends_the_child(make: Make, long: Path) -> None:
    found = make(piece_s=20).transcribe(long, language=None, after=None)
    assert isinstance(await anext(found), Progress)
    assert _children()
    await found.aclose()
    assert not _children()


async def test_silence_is_said_to_be_silence(make: Make, clips: Path, database: Database) -> None:
    listener = Listener(database=database, transcriber=make())
    with pytest.raises(InvalidInput) as caught:
        await listener.listen(
            RecordingContext(NO_JOB), clips / "silent_1s.wav", content_hash="s", language=None
        )
    assert caught.value.code == "no_speech_found"


async def test_ten_minutes_stay_below_a_gigabyte(make: Make, clips: Path, tmp_path: Path) -> None:
    sounds = [part for _ in range(2) for part in (clip(clips / "fleurs-en-005.ogg"), silence(280))]
    path = write_wav(tmp_path / "long.wav", [*sounds, silence(60)])
    peak, pieces = 0, list[Piece]()
    async for one in make().transcribe(path, language=None, after=None):
        peak = max(peak, *(child.memory_info().rss for child in _children()), 0)
        if isinstance(one, Piece):
            pieces.append(one)
    assert len(pieces) == 2
    assert words(pieces).count("hospital") == 2
    assert 0 < peak < 2**30


def _children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if "ingestion.speech.child" in " ".join(child.cmdline())
    ]

"""What is searched, and what is asked: the tuning channels and two sets of questions about them."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

from chat.analysis import leans
from creators import Segment, SourceFacts, sentence_spans
from ingestion.bundles import Bundle
from ingestion.extraction import extract
from ingestion.origins.folder import discover_folder
from tests.e2e.conftest import questions

TUNING_CHANNELS = 4
# A host's question that can be asked by itself, and a reply that is one.
QUESTION_WORDS = range(6, 36)
LEAST_REPLY_WORDS = 40
CONSENT = re.compile(r",? (?:right|correct|no|isn't it|okay|you know|yeah|or something)\?$")
# So much of a long reply counts as the answer.
ANSWER_MS = 60_000


@dataclass(frozen=True)
class Recording:
    """A recording of a channel, read as ingestion reads it."""

    channel: str
    facts: SourceFacts
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Question:
    """A question and the stretch of a recording that answers it."""

    kind: str
    channel: str
    video: str
    text: str
    start_ms: int
    end_ms: int


def recordings(creators: Path) -> list[Recording]:
    """Those of the channels that tune: the first four by the SHA-256 of their folder's name."""
    folders = sorted(
        (folder for folder in creators.iterdir() if folder.is_dir()),
        key=lambda folder: hashlib.sha256(folder.name.encode()).hexdigest(),
    )
    return [_read(folder.name, bundle) for folder in folders[:TUNING_CHANNELS] for bundle in _bundles(folder)]


def _bundles(folder: Path) -> Iterator[Bundle]:
    for item in discover_folder(folder):
        if isinstance(item, Bundle):
            yield item


def _read(channel: str, bundle: Bundle) -> Recording:
    extracted = extract(bundle)
    return Recording(channel, extracted.facts, extracted.segments)


def written() -> list[Question]:
    """The questions of `tests/data/questions_tuning.json`."""
    return [
        Question("written", q["channel"], q["video"], q["question"], _ms(q["start_s"]), _ms(q["end_s"]))
        for q in questions("questions_tuning")["questions"]
    ]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def without_asking(recording: Recording) -> tuple[Recording, list[Question]]:
    """Questions that one speaker puts to another, and the recording without their words.

    Made by rule: a turn ends with a question of 6 to 35 words that neither leans on what was said before nor only
    asks for consent ("..., right?"), and another speaker's turn of at least 40 words follows. The question's
    sentence is taken out of the recording, so that it cannot be found itself; the first minute of the reply is
    what answers.
    """
    turns = [list(turn) for _, turn in groupby(recording.segments, lambda segment: segment.speaker)]
    asked = [
        (turn[-1], question, reply)
        for turn, reply in pairwise(turns)
        if (question := _question(turn)) and len(_text(reply).split()) >= LEAST_REPLY_WORDS
    ]
    shortened = {
        segment.ordinal: segment.text[: len(segment.text) - len(question)].rstrip()
        for segment, question, _ in asked
    }
    left = [
        replace(segment, text=shortened.get(segment.ordinal, segment.text), word_starts_ms=None)
        for segment in recording.segments
        if shortened.get(segment.ordinal, segment.text)
    ]
    renumbered = tuple(replace(segment, ordinal=ordinal) for ordinal, segment in enumerate(left))
    return replace(recording, segments=renumbered), [
        _asked(recording, question, reply) for _, question, reply in asked
    ]


def _question(turn: Sequence[Segment]) -> str | None:
    """The sentence with which a turn ends, if it is a question of the right length that stands in one cue."""
    text = turn[-1].text
    start, end = sentence_spans(text)[-1]
    question = text[start:end]
    asks = question.endswith("?") and not CONSENT.search(question) and not leans(question)
    return question if asks and len(question.split()) in QUESTION_WORDS and turn[-1].speaker else None


def _asked(recording: Recording, question: str, reply: Sequence[Segment]) -> Question:
    start_ms, end_ms = reply[0].start_ms or 0, reply[-1].end_ms or 0
    end_ms = min(end_ms, start_ms + ANSWER_MS)
    return Question("asked", recording.channel, recording.facts.external_id, question, start_ms, end_ms)


def _text(turn: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in turn)

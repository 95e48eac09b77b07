"""Events and answers as JSON: names that others build on."""

import json
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest
from inline_snapshot import snapshot

from chat.citations import Quote
from chat.types import AnswerEvent, CitationMade, Delta, Done, Failed, Meta, ModelChosen, SourcesFound, Usage
from chat.wire import collect, event_json
from creators import Coverage
from runtime.errors import Defect, NotFound, Unavailable
from runtime.ids import ConversationId, MessageId, PassageId, SourceId
from tests.unit.chat.builders import DAY, hit

ONE, TWO = UUID(int=1), UUID(int=2)
CITATION = Quote(
    hit("I wax it.", source_id=SourceId(ONE)), "I wax it.", 12_000, 13_000, "Maya", "creator", "exact", 1.0
).citation(1)
EVENTS: list[AnswerEvent] = [
    Meta(1, ConversationId(ONE), MessageId(TWO)),
    SourcesFound(
        2, Coverage(3, 1.5, DAY), (hit("I wax it.", passage_id=PassageId(TWO), source_id=SourceId(ONE)),)
    ),
    ModelChosen(3, "extractive"),
    Delta(4, "Maya: “I wax it.” [1]"),
    CitationMade(5, CITATION),
    Done(6, "covered", Usage(), {"total": 12.5}),
]


async def stream(*events: AnswerEvent) -> AsyncGenerator[AnswerEvent]:
    for event in events:
        yield event


FRAMES = snapshot(
    [
        (
            "meta",
            {
                "seq": 1,
                "conversation_id": "00000000-0000-0000-0000-000000000001",
                "message_id": "00000000-0000-0000-0000-000000000002",
            },
        ),
        (
            "sources",
            {
                "seq": 2,
                "searched": {"sources": 3, "hours": 1.5, "latest": "2024-05-03T00:00:00+00:00"},
                "passages": [
                    {
                        "passage_id": "00000000-0000-0000-0000-000000000002",
                        "source_id": "00000000-0000-0000-0000-000000000001",
                        "title": "A talk",
                        "external_id": "abc",
                        "url": "https://www.youtube.com/watch?v=abc&t=10s",
                        "start_ms": 10000,
                        "end_ms": 20000,
                        "page": None,
                        "heading": None,
                        "speaker": "Maya",
                        "speaker_role": "creator",
                        "score": 0.8,
                    }
                ],
            },
        ),
        ("model", {"seq": 3, "name": "extractive", "fallback_from": []}),
        ("delta", {"seq": 4, "text": "Maya: “I wax it.” [1]"}),
        (
            "citation",
            {
                "seq": 5,
                "marker": 1,
                "source_id": "00000000-0000-0000-0000-000000000001",
                "external_id": "abc",
                "title": "A talk",
                "url": "https://www.youtube.com/watch?v=abc&t=12s",
                "open_url": None,
                "start_ms": 12000,
                "end_ms": 13000,
                "page": None,
                "heading": None,
                "speaker": "Maya",
                "speaker_role": "creator",
                "sponsor": False,
                "published_at": "2024-05-03T00:00:00+00:00",
                "quote": "I wax it.",
                "translation": None,
                "verified": "exact",
            },
        ),
        (
            "done",
            {
                "seq": 6,
                "kind": "covered",
                "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0},
                "timings_ms": {"total": 12.5},
            },
        ),
        ("error", {"seq": 7, "code": "gone", "detail": "It is gone.", "incomplete": True}),
    ]
)


def test_event_frames() -> None:
    frames = [event_json(event) for event in [*EVENTS, Failed(7, "gone", "It is gone.", incomplete=True)]]
    json.dumps(frames)
    assert frames == FRAMES


async def test_the_answer_document() -> None:
    document = await collect(stream(*EVENTS))
    json.dumps(document)
    assert document == snapshot(
        {
            "conversation_id": "00000000-0000-0000-0000-000000000001",
            "message_id": "00000000-0000-0000-0000-000000000002",
            "answer": "Maya: “I wax it.” [1]",
            "kind": "covered",
            "citations": [
                {
                    "marker": 1,
                    "source_id": "00000000-0000-0000-0000-000000000001",
                    "external_id": "abc",
                    "title": "A talk",
                    "url": "https://www.youtube.com/watch?v=abc&t=12s",
                    "open_url": None,
                    "start_ms": 12000,
                    "end_ms": 13000,
                    "page": None,
                    "heading": None,
                    "speaker": "Maya",
                    "speaker_role": "creator",
                    "sponsor": False,
                    "published_at": "2024-05-03T00:00:00+00:00",
                    "quote": "I wax it.",
                    "translation": None,
                    "verified": "exact",
                }
            ],
            "model": "extractive",
            "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0},
            "timings_ms": {"total": 12.5},
            "searched": {"sources": 3, "hours": 1.5, "latest": "2024-05-03T00:00:00+00:00"},
        }
    )


async def test_a_failed_answer_raises_its_error() -> None:
    cause = NotFound("conversation_not_found", "No.")
    with pytest.raises(NotFound):
        await collect(stream(*EVENTS[:4], Failed(5, cause.code, cause.detail, incomplete=True, cause=cause)))
    # Over a wire the cause is lost; the code is not.
    with pytest.raises(Unavailable) as caught:
        await collect(stream(EVENTS[0], Failed(2, "index_unreachable", "Down.", incomplete=False)))
    assert caught.value.code == "index_unreachable"


async def test_an_answer_that_just_stops_is_a_defect() -> None:
    with pytest.raises(Defect):
        await collect(stream(*EVENTS[:5]))

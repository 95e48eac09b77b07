"""Answers and their events as JSON: the names that clients, and the parts built on these, rely on."""

from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypedDict

from chat.types import (
    AnswerEvent,
    Citation,
    CitationMade,
    Delta,
    Done,
    Failed,
    Meta,
    ModelChosen,
    SourcesFound,
    Usage,
)
from creators import Coverage
from retrieval import Hit
from runtime.database import JsonValue
from runtime.errors import Defect, Unavailable

# What a client is told of a passage that came up; its text comes with the citation, if it is cited.
_PASSAGE_FIELDS = (
    "title",
    "external_id",
    "url",
    "start_ms",
    "end_ms",
    "page",
    "heading",
    "speaker",
    "speaker_role",
    "score",
)


class Answer(TypedDict):
    """The JSON document that answers a question: what `POST /chat` gives."""

    conversation_id: str
    message_id: str
    answer: str
    kind: str
    citations: list[dict[str, JsonValue]]
    model: str | None
    usage: dict[str, JsonValue] | None
    timings_ms: dict[str, float]
    searched: dict[str, JsonValue] | None


def event_json(event: AnswerEvent) -> tuple[str, dict[str, JsonValue]]:
    """The event's name and its data, `seq` included."""
    return event.event, {"seq": event.seq, **_WRITERS[type(event)](event)}


def citation_json(citation: Citation) -> dict[str, JsonValue]:
    """A citation with all its fields; those not known are null."""
    known: dict[str, Any] = {item.name: getattr(citation, item.name) for item in fields(citation)}
    published_at = citation.published_at
    return known | {
        "source_id": str(citation.source_id),
        "published_at": published_at and published_at.isoformat(),
    }


def searched_json(searched: Coverage) -> dict[str, JsonValue]:
    """How much was searched: items, hours of recording, date of the latest."""
    latest = searched.latest
    return {"sources": searched.sources, "hours": searched.hours, "latest": latest and latest.isoformat()}


def usage_json(usage: Usage) -> dict[str, JsonValue]:
    """Tokens and cost."""
    return asdict(usage)


def _passage_json(hit: Hit) -> dict[str, JsonValue]:
    ids = {"passage_id": str(hit.passage_id), "source_id": str(hit.source_id)}
    return ids | {name: getattr(hit, name) for name in _PASSAGE_FIELDS}


def _meta(event: Meta) -> dict[str, JsonValue]:
    return {"conversation_id": str(event.conversation_id), "message_id": str(event.message_id)}


def _sources(event: SourcesFound) -> dict[str, JsonValue]:
    passages = [_passage_json(hit) for hit in event.passages]
    return {"searched": searched_json(event.searched), "passages": passages}


def _model(event: ModelChosen) -> dict[str, JsonValue]:
    return {"name": event.name, "fallback_from": list(event.fallback_from)}


def _delta(event: Delta) -> dict[str, JsonValue]:
    return {"text": event.text}


def _citation(event: CitationMade) -> dict[str, JsonValue]:
    return citation_json(event.citation)


def _done(event: Done) -> dict[str, JsonValue]:
    return {"kind": event.kind, "usage": usage_json(event.usage), "timings_ms": event.timings_ms}


def _failed(event: Failed) -> dict[str, JsonValue]:
    return {"code": event.code, "detail": event.detail, "incomplete": event.incomplete}


_WRITERS: Mapping[type[AnswerEvent], Callable[[Any], dict[str, JsonValue]]] = {
    Meta: _meta,
    SourcesFound: _sources,
    ModelChosen: _model,
    Delta: _delta,
    CitationMade: _citation,
    Done: _done,
    Failed: _failed,
}


async def collect(events: AsyncIterable[AnswerEvent]) -> Answer:
    """The whole answer as one document.

    An answer that ended in an error raises it: the error that caused it, or Unavailable with its code.
    """
    answer = Answer(
        conversation_id="",
        message_id="",
        answer="",
        kind="incomplete",
        citations=[],
        model=None,
        usage=None,
        timings_ms={},
        searched=None,
    )
    last: AnswerEvent | None = None
    async for event in events:
        last = event
        _take_in(answer, event)
    if not isinstance(last, Done):
        raise Defect("answer_unfinished", "An answer ended without saying so.")
    return answer


def _take_in(answer: Answer, event: AnswerEvent) -> None:
    match event:
        case Meta():
            answer["conversation_id"] = str(event.conversation_id)
            answer["message_id"] = str(event.message_id)
        case SourcesFound():
            answer["searched"] = searched_json(event.searched)
        case ModelChosen():
            answer["model"] = event.name
        case Delta():
            answer["answer"] += event.text
        case CitationMade():
            answer["citations"].append(citation_json(event.citation))
        case Done():
            answer["kind"] = event.kind
            answer["usage"] = usage_json(event.usage)
            answer["timings_ms"] = event.timings_ms
        case Failed():
            raise event.cause or Unavailable(event.code, event.detail, next_step="Ask again.")

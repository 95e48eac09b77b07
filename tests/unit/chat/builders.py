"""Hits, segments and evidence made by hand."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from creators import Segment
from retrieval import Hit, Results
from runtime.ids import PassageId, SourceId, new_id

DAY = datetime(2024, 5, 3, tzinfo=UTC)


def hit(text: str, **changes: Any) -> Hit:
    known: dict[str, Any] = {
        "passage_id": PassageId(new_id()),
        "source_id": SourceId(new_id()),
        "external_id": "abc",
        "origin": "youtube",
        "kind": "video",
        "title": "A talk",
        "url": "https://www.youtube.com/watch?v=abc&t=10s",
        "text": text,
        "start_ms": 10_000,
        "end_ms": 20_000,
        "page": None,
        "heading": None,
        "speaker": "Maya",
        "speaker_role": "creator",
        "sponsor": False,
        "published_at": DAY,
        "generation": 1,
        "ordinal": 0,
        "first_segment": 0,
        "last_segment": 0,
        "score": 0.8,
        "dense": 0.5,
        "lexical": 4.0,
    }
    return Hit(**(known | changes))


def cues(*texts: str, speakers: str = "", **changes: Any) -> list[Segment]:
    """Cues of ten seconds each; `speakers` has one letter for each of them."""
    return [
        Segment(
            ordinal,
            text,
            10_000 * ordinal,
            10_000 * (ordinal + 1),
            speaker=speakers[ordinal : ordinal + 1] or "Maya",
            role="creator",
            **changes,
        )
        for ordinal, text in enumerate(texts)
    ]


def results(query_vector: Any, *hits: Hit) -> Results:
    return Results(hits=hits, query_vector=np.asarray(query_vector, np.float32))

"""What travels about segments and their corrections."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from creators import Correction, Replacement, SpokenSegment, TextChange
from gateway.bodies import Text
from ingestion import CorrectionOutcome, WantedText
from runtime.ids import JobId, SourceId

CHANGES_SHOWN = 200
MOST_WANTED = 1000

State = Literal["applied", "pending", "not_applied"]
Said = Annotated[Text, Field(max_length=40_000)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SegmentBody(BaseModel):
    """A piece of a source. `text` is what answers quote, `original` what was heard or written.

    `correction` is what the creator wants said; while its `state` is `pending`, a job has yet to make it so. `key` names
    what is said: all segments that say the same have the same.
    """

    ordinal: int
    key: str
    start_ms: int | None
    end_ms: int | None
    page: int | None
    heading: str | None
    speaker: str | None
    role: str
    text: str
    original: str
    correction: str | None
    state: State | None

    @classmethod
    def of(cls, segment: SpokenSegment) -> "SegmentBody":
        return cls(**{name: getattr(segment, name) for name in cls.model_fields})


class SegmentsBody(BaseModel):
    """Segments in order; `next_after` is the `after` of the next page, null on the last."""

    segments: list[SegmentBody]
    next_after: int | None


class CorrectionBody(BaseModel):
    """`text` is said wherever the source says `original`: in so many `segments`, the first at `start_ms`.

    `not_applied`: the source does not say `original` any more. The correction is kept, and taken up when it does again.
    """

    source_id: UUID
    external_id: str
    title: str
    key: str
    original: str
    text: str
    state: State
    segments: int
    start_ms: int | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, correction: Correction) -> "CorrectionBody":
        return cls(**{name: getattr(correction, name) for name in cls.model_fields})


class CorrectionsBody(BaseModel):
    """Corrections by source; `next_cursor` is the `cursor` of the next page, null on the last."""

    corrections: list[CorrectionBody]
    next_cursor: str | None

    @classmethod
    def of(cls, found: Sequence[Correction], limit: int) -> "CorrectionsBody":
        """A page of at most `limit` of what was found, which is one more if there is more."""
        page = found[:limit]
        cursor = f"{page[-1].source_id}.{page[-1].key}" if len(found) > limit else None
        return cls(corrections=[CorrectionBody.of(one) for one in page], next_cursor=cursor)


class CorrectionRequest(_Request):
    """What was said."""

    text: Said


class WantedBody(_Request):
    """`text` in place of `original`; null takes a correction back. `source` is the id of a source or its external id."""

    source: Annotated[Text, Field(min_length=1, max_length=500)]
    original: Annotated[Said, Field(min_length=1)]
    text: Said | None

    def wanted(self) -> WantedText:
        return WantedText(self.source, self.original, self.text)


class WantedListRequest(_Request):
    """Many corrections. With `dry_run` nothing is changed, and the answer says what would be."""

    corrections: Annotated[tuple[WantedBody, ...], Field(min_length=1, max_length=MOST_WANTED)]
    dry_run: bool = False


class ReplacementRequest(_Request):
    """`put` for every `find` that stands as words of its own, in one source or all. With `dry_run` nothing is changed."""

    find: Annotated[Text, Field(min_length=1, max_length=200)]
    put: Annotated[Text, Field(min_length=1, max_length=200)]
    source_id: UUID | None = None
    match_case: bool = False
    dry_run: bool = False

    def replacement(self) -> Replacement:
        return Replacement(self.find, self.put, self.match_case)


class ChangeBody(BaseModel):
    """A correction that is made, in place of the one `before`; `after` null takes it back.

    With `segments` 0 the source does not say `original` now.
    """

    source_id: UUID
    original: str
    before: str | None
    after: str | None
    segments: int
    start_ms: int | None

    @classmethod
    def of(cls, change: TextChange) -> "ChangeBody":
        return cls(**{name: getattr(change, name) for name in cls.model_fields})


class RefusedBody(BaseModel):
    """One of many that cannot be made: its place in the list from 0 on, and why."""

    place: int
    code: str
    detail: str
    next_step: str


class SourceJobBody(BaseModel):
    """The job that makes a source say what it is to say."""

    source_id: UUID
    job_id: UUID

    @classmethod
    def all_of(cls, jobs: Mapping[SourceId, JobId]) -> "list[SourceJobBody]":
        return [cls(source_id=source_id, job_id=job_id) for source_id, job_id in jobs.items()]


class ApplyRequest(_Request):
    """The sources that are to say what they are corrected to."""

    source_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_WANTED)]


class ApplyBody(BaseModel):
    """A job for each source that does not say yet what it is corrected to; none once all do."""

    jobs: list[SourceJobBody]


class CorrectionOutcomeBody(BaseModel):
    """What is changed: how many texts, in how many segments, of which the first 200 are shown; and by which jobs.

    `not_applied` of them are not said by their source now, and wait until they are.
    """

    dry_run: bool
    changed: int
    segments: int
    not_applied: int
    unchanged: int
    changes: list[ChangeBody]
    refused: list[RefusedBody]
    jobs: list[SourceJobBody]

    @classmethod
    def of(cls, outcome: CorrectionOutcome, *, dry_run: bool = False) -> "CorrectionOutcomeBody":
        return cls(
            dry_run=dry_run,
            changed=len(outcome.changes),
            segments=sum(change.segments for change in outcome.changes),
            not_applied=sum(not change.segments for change in outcome.changes),
            unchanged=outcome.unchanged,
            changes=[ChangeBody.of(change) for change in outcome.changes[:CHANGES_SHOWN]],
            refused=[
                RefusedBody(place=one.place, code=one.code, detail=one.detail, next_step=one.next_step)
                for one in outcome.refused
            ],
            jobs=SourceJobBody.all_of(outcome.jobs),
        )

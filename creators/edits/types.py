"""What a correction is."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from creators.edits.wording import needle, replacer, says_the_same, tidied
from creators.types import Role
from runtime.errors import InvalidInput
from runtime.ids import SourceId

# `applied`: answers say it. `pending`: the job that makes it so has not ended. `not_applied`: no segment of the source
# says any more what it corrects; it is kept, and taken up again when one does.
CorrectionState = Literal["applied", "pending", "not_applied"]


@dataclass(frozen=True, slots=True)
class Correction:
    """`text` is to be said wherever the source says `original`: in `segments` places, the first at `start_ms`.

    `key` names what is corrected, in hexadecimal; it follows from `original`.
    """

    source_id: SourceId
    external_id: str
    title: str
    key: str
    original: str
    text: str
    state: CorrectionState
    segments: int
    start_ms: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """A published segment as the creator sees it.

    `text` is what answers quote, `original` what was heard or written, `correction` what the creator wants said; they
    differ while a job has yet to make it so.
    """

    ordinal: int
    key: str
    start_ms: int | None
    end_ms: int | None
    page: int | None
    heading: str | None
    speaker: str | None
    role: Role
    text: str
    original: str
    correction: str | None

    @property
    def state(self) -> CorrectionState | None:
        """None without a correction."""
        if self.correction is None and self.text == self.original:
            return None
        return "applied" if self.text == self.correction else "pending"


@dataclass(frozen=True, slots=True)
class TextChange:
    """A correction to be made: `after` in place of `before`, the one there is, wherever the source says `original`.

    None is none: `after` None takes `before` back. `segments` published segments say `original`, the first at
    `start_ms`.
    """

    source_id: SourceId
    original: str
    before: str | None
    after: str | None
    segments: int
    start_ms: int | None

    @property
    def is_change(self) -> bool:
        """False when it is as it is to be."""
        return self.before != self.after

    def to(self, text: str | None) -> "TextChange":
        """The change to `text`, or back to the original for None.

        Raises InvalidInput `correction_empty`, `correction_unreadable`, `correction_changes_nothing`, TooLarge
        `correction_too_long`.
        """
        if text is None:
            return replace(self, after=None)
        kept = tidied(text, self.original)
        if says_the_same(kept, self.original):
            raise InvalidInput(
                "correction_changes_nothing",
                "The correction says what the source says already.",
                next_step="To undo a correction, remove it.",
            )
        return replace(self, after=kept)


@dataclass(frozen=True, slots=True)
class Replacement:
    """`find` is heard wrongly, `put` was said: as whole words, of any case unless `match_case`."""

    find: str
    put: str
    match_case: bool = False

    @property
    def needle(self) -> str:
        """Lower-case ASCII that is in every text that this can change."""
        return needle(self.find)

    def of(self, change: TextChange) -> TextChange:
        """What becomes of a text as it is corrected now; it goes back to the original when it comes to say the same.

        Raises InvalidInput `replacement_empty`.
        """
        said = change.before or change.original
        text = replacer(self.find, self.put, match_case=self.match_case)(said)
        if text == said:
            return replace(change, after=change.before)
        return replace(change, after=None if says_the_same(text, change.original) else text)

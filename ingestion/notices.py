"""Remarks about an item that was read, though not quite as it was written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was repaired or left out: a stable `code`, a sentence for the person, and how often."""

    code: str
    detail: str
    count: int = 1

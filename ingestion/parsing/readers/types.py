"""What readers are given, and what they find."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ingestion.documents import Paragraph


class Refused(Exception):
    """The file is not read, for the reason that the code names (`wire.REFUSALS`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document says about itself. `published` is ISO 8601."""

    title: str | None = None
    author: str | None = None
    language: str | None = None
    published: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A notice (`wire.NOTICES`), and how often."""

    code: str
    count: int = 1


Found: TypeAlias = Paragraph | Facts | Outcome


@dataclass(frozen=True, slots=True)
class Work:
    """A file and its kind; `wall_s` is how long reading it may take from `began`, the monotonic clock's.

    `depth` counts the files that it is attached to.
    """

    path: Path
    kind: str
    wall_s: float
    depth: int = 0
    began: float = field(default_factory=time.monotonic)

    def time_left(self) -> float:
        """Seconds until slow work (reading pictures) should stop, with a fifth in reserve for the rest."""
        return self.began + 0.8 * self.wall_s - time.monotonic()

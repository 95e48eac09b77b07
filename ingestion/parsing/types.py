"""What parses documents, and within which limits."""

from dataclasses import dataclass
from typing import Protocol

from ingestion.documents import DocumentText

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may use. Bytes, and seconds of wall time; processor time is limited to the same.

    `memory_bytes` is on top of what the libraries themselves hold, for the child and for all that it starts together.
    """

    memory_bytes: int = 512 * MIB
    disk_bytes: int = 256 * MIB
    output_bytes: int = 48 * MIB
    base_s: float = 90
    per_mib_s: float = 20
    most_s: float = 300

    def wall_s(self, size: int) -> float:
        """The time for a file of `size` bytes."""
        return min(self.most_s, self.base_s + self.per_mib_s * size / MIB)


class DocumentParser(Protocol):
    """Reads documents that are not plain text. Whoever made it closes it."""

    async def parse(self, name: str, data: bytes) -> DocumentText:
        """The text of a document, whose kind is told by its content; `name` decides only where content does not.

        Pages of a PDF, slides and sheets count from 1. Raises InvalidInput with a code of `wire.REFUSALS`;
        Unavailable `parser_unavailable` when no child can be started or it was lost.
        """
        ...

    async def close(self) -> None:
        """End the child processes; files that are being read fail with `parser_unavailable`."""
        ...

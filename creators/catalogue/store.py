"""The statements of the catalogue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from creators.types import Creator, NewCreator, Persona, Visibility
from runtime.clock import Clock
from runtime.database import Reader, Transaction, as_json
from runtime.errors import Conflict, InvalidInput, NotFound
from runtime.ids import CreatorId, new_id


@dataclass(frozen=True, slots=True)
class _CreatorRow:
    id: UUID
    handle: str
    name: str
    persona: dict[str, Any]
    languages: list[str]
    visibility: Visibility
    active_index: str
    created_at: datetime

    def creator(self) -> Creator:
        return Creator(
            CreatorId(self.id),
            self.handle,
            self.name,
            Persona(
                voice=self.persona["voice"],
                greeting=self.persona["greeting"],
                suggested_questions=tuple(self.persona["suggested_questions"]),
                voices=tuple(self.persona["voices"]),
            ),
            tuple(self.languages),
            self.visibility,
            self.active_index,
            self.created_at,
        )


class Catalogue:
    """The creators of this installation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def create(self, tx: Transaction, new: NewCreator, *, active_index: str) -> Creator:
        """Add a creator. Raises Conflict `creator_exists`, InvalidInput `handle_invalid`."""
        _check_handle(new.handle)
        added = await tx.fetch_value(
            "INSERT INTO creators.creators"
            " (id, handle, name, persona, languages, visibility, active_index, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (handle) DO NOTHING RETURNING id",
            (
                new_id(),
                new.handle,
                new.name,
                as_json(_persona_json(new.persona)),
                list(new.languages),
                new.visibility,
                active_index,
                self._clock.now(),
            ),
        )
        if added is None:
            raise Conflict(
                "creator_exists",
                f"There is a creator with the handle {new.handle!r} already.",
                next_step="Choose another handle, or add sources to the one that is there.",
            )
        return await self.find(tx, new.handle)

    async def find(self, tx: Reader, reference: str) -> Creator:
        """The creator with this id or handle. Raises NotFound `creator_not_found`."""
        row = await tx.fetch_one(
            _CreatorRow,
            "SELECT id, handle, name, persona, languages, visibility, active_index, created_at"
            " FROM creators.creators WHERE handle = %(text)s OR id = %(id)s",
            {"text": reference.replace("\x00", ""), "id": _uuid_or_none(reference)},
        )
        if row is None:
            raise NotFound(
                "creator_not_found",
                f"There is no creator {reference[:80]!r}.",
                next_step="List the creators with ./understudy creators or GET /api/v1/creators.",
            )
        return row.creator()

    async def all(self, tx: Reader, *, include_private: bool = False) -> list[Creator]:
        """The creators by name; those that are not public only when asked for."""
        rows = await tx.fetch_all(
            _CreatorRow,
            "SELECT id, handle, name, persona, languages, visibility, active_index, created_at"
            " FROM creators.creators WHERE %s OR visibility = 'public' ORDER BY lower(name), id",
            (include_private,),
        )
        return [row.creator() for row in rows]

    async def hide(self, tx: Transaction, creator_id: CreatorId) -> None:
        """Let nobody but the administrator see a creator."""
        await tx.execute("UPDATE creators.creators SET visibility = 'private' WHERE id = %s", (creator_id,))

    async def remove(self, tx: Transaction, creator_id: CreatorId) -> int:
        """Delete a creator, whose sources are gone; 0 when there is none."""
        return await tx.execute("DELETE FROM creators.creators WHERE id = %s", (creator_id,))


def _check_handle(handle: str) -> None:
    plain = handle.replace("-", "")
    if not (2 <= len(handle) <= 63 and plain.isascii() and plain.isalnum() and plain == plain.lower()) or (
        handle.startswith("-")
    ):
        raise InvalidInput(
            "handle_invalid",
            f"{handle[:80]!r} cannot be a handle.",
            next_step="Use 2 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit.",
        )


def _uuid_or_none(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _persona_json(persona: Persona) -> dict[str, str | list[str]]:
    return {
        "voice": persona.voice,
        "greeting": persona.greeting,
        "suggested_questions": list(persona.suggested_questions),
        "voices": list(persona.voices),
    }

"""What the routes work with, and who asks."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from accounts import AdminKey, GuestSigner
from chat import Conversations, Responder
from creators import Access, Catalogue, Creator, Library
from ingestion import Addresses, Contents, Corrections, Ingestion, Removals, Transfers
from jobs import JobQueue, JobWatch
from retrieval import IndexName, Retriever
from runtime.clock import Clock
from runtime.database import Database, Reader
from runtime.errors import NotFound, Unauthorized
from runtime.settings import GatewaySettings

# Returns when the part works; raises an UnderstudyError that says what is wrong with it.
Probe = Callable[[], Awaitable[None]]

PUBLIC: frozenset[Access] = frozenset({"public"})
EVERYTHING: frozenset[Access] = frozenset({"public", "members", "private"})


@dataclass(frozen=True, slots=True)
class Parts:
    """The rooms' objects behind the routes.

    `index_name` is the index that a new creator answers from. A probe returns when its part works and raises an
    UnderstudyError when it does not: `/ready` tries `probes`, the servers that this process cannot do without, and
    `/health/deep` the `deep_probes` too.
    """

    settings: GatewaySettings
    database: Database
    catalogue: Catalogue
    library: Library
    retriever: Retriever
    responder: Responder
    conversations: Conversations
    jobs: JobQueue
    watch: JobWatch
    ingestion: Ingestion
    addresses: Addresses
    contents: Contents
    transfers: Transfers
    removals: Removals
    admin_key: AdminKey
    guests: GuestSigner
    probes: Mapping[str, Probe]
    deep_probes: Mapping[str, Probe]
    clock: Clock
    index_name: IndexName

    @property
    def corrections(self) -> Corrections:
        """Corrections hold nothing of their own."""
        return Corrections(library=self.library, queue=self.jobs)


async def _parts(request: Request) -> Parts:
    return request.app.state.parts


FromParts = Annotated[Parts, Depends(_parts)]


async def _admin(request: Request, parts: FromParts) -> bool:
    """Whether the administrator asks. A key that is sent must be right, also where none is needed."""
    header = request.headers.get("authorization")
    if header is None:
        return False
    scheme, _, key = header.partition(" ")
    if scheme.lower() == "bearer" and parts.admin_key.verify(key.strip()):
        return True
    raise Unauthorized(
        "admin_key_wrong",
        "The key in the Authorization header is not this installation's administrator key.",
        next_step="Send `Authorization: Bearer <key>` with the key kept under var/secrets, or no such header.",
    )


IsAdmin = Annotated[bool, Depends(_admin)]


async def require_admin(is_admin: IsAdmin) -> None:
    """Let only the administrator on. Raises Unauthorized `admin_key_required`."""
    if not is_admin:
        raise Unauthorized(
            "admin_key_required",
            "This needs the administrator key.",
            next_step="Send `Authorization: Bearer <key>` with the key kept under var/secrets.",
        )


async def find_creator(parts: Parts, tx: Reader, reference: str, *, is_admin: bool) -> Creator:
    """The creator by id or handle. One that is not public does not exist for others than the administrator."""
    creator = await parts.catalogue.find(tx, reference)
    if creator.visibility != "public" and not is_admin:
        raise NotFound(
            "creator_not_found",
            f"There is no creator {reference[:80]!r}.",
            next_step="List the creators with ./understudy creators or GET /api/v1/creators.",
        )
    return creator

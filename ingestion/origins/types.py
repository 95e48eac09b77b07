"""What an origin is: where items come from, and how their files are fetched.

An origin brings an item as the bundle of files that `extraction` reads, the same that a person may send in; so there is one
way from files to passages. Origins run in the worker, never in the gateway: only `recognise` is called while somebody waits.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ingestion.bundles import Bundle
from runtime.errors import InvalidInput, NotFound, Unavailable


@dataclass(frozen=True, slots=True)
class Address:
    """A place that an origin knows. `id` is stable and unique in the origin; `url` is the form people know."""

    origin: str
    kind: Literal["item", "collection"]
    id: str
    url: str


def short_id(name: str) -> str:
    """`name` as the id of an address: at most 500 characters, and still another one for another name."""
    return name if len(name) <= 500 else f"{name[:400]}#{hashlib.sha256(name.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as its collection lists it. `version` changes when the content may have; None when nothing tells.

    `covers_all` is false where the content can change without it, as captions do that a listing says nothing of. `obstacle` is the code at which fetching it would end now, where the collection tells, such as `youtube_members_only`.
    """

    address: Address
    title: str = ""
    published_at: datetime | None = None
    version: str | None = None
    covers_all: bool = True
    obstacle: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a collection holds, newest first. Without `complete`, an item that is missing may still be there."""

    title: str
    entries: tuple[Entry, ...]
    complete: bool


class ItemGone(NotFound):
    """The origin itself says that an item is not public any more: removed, or made private. Nothing else may be this.

    What was published from it stops answering until it can be fetched again. So an address that is blocked, wants
    a sign-in, or answers with anything that may pass is another error.
    """


class NotYet(Unavailable):
    """It will be there, in hours rather than minutes: asking again before `wait_s` seconds have passed is of no use.

    That is known, as of a premiere, or estimated. A job that meets it waits, and says until when.
    """

    def __init__(self, code: str, detail: str, *, next_step: str = "", wait_s: float) -> None:
        super().__init__(code, detail, next_step=next_step)
        self.wait_s = wait_s


class BelongsElsewhere(InvalidInput):
    """What an address holds is for another origin, which only its content could tell.

    `url` is the form that the other one recognises: whoever goes round the origins asks them once more with it. Each step
    goes from page to feed to sitemap or from feed to page, so three are enough.
    """

    def __init__(self, code: str, detail: str, *, next_step: str = "", url: str) -> None:
        super().__init__(code, detail, next_step=next_step)
        self.url = url


class Origin(Protocol):
    """One kind of place, such as YouTube or podcast feeds. Whoever made it closes it."""

    @property
    def name(self) -> str:
        """The `origin` of its addresses and of the sources that come from it."""
        ...

    def recognise(self, url: str) -> Address | None:
        """The place that a URL or other input of a person means; None when it is not of this origin.

        Looks at the text only. Raises InvalidInput for one that is of this origin, and wrong.
        """
        ...

    async def discover(self, address: Address) -> Listing:
        """The items of a collection. Raises as `fetch` does."""
        ...

    async def fetch(self, address: Address, *, languages: Sequence[str] = ()) -> Bundle:
        """The files of an item; where there are several, in the first of `languages` that there is.

        Raises ItemGone; else an UnderstudyError whose code says what stands in the way, and whose next step what the creator can do;
        it is transient when trying again later may help, and NotYet when that is known to take long.
        """
        ...

"""Where in a library something is said, as a person names it: a source, a time, the beginning of a key."""

import re
from collections.abc import Iterable
from typing import Final

from apps.command.client import GatewayClient, Json
from apps.command.ingesting import all_sources
from runtime.errors import InvalidInput, NotFound

SHOWN_KEY: Final = 12
_TIME: Final = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{2})")
_KEY: Final = re.compile(r"[0-9a-f]{4,64}")


def all_corrections(gateway: GatewayClient, handle: str, source: str | None) -> list[Json]:
    """A creator's corrections, or those of one source, in order of their sources and places."""
    found: list[Json] = []
    more: dict[str, str] = {} if source is None else {"source": find_source(gateway, handle, source)["id"]}
    while True:
        page = gateway.get(f"/api/v1/creators/{handle}/corrections", limit=1000, **more)
        found += page["corrections"]
        if page["next_cursor"] is None:
            return sorted(found, key=lambda one: (one["source_id"], one["start_ms"] or 0))
        more["cursor"] = page["next_cursor"]


def all_segments(
    gateway: GatewayClient, handle: str, source_id: str, *, corrected: bool = False, **more: int
) -> list[Json]:
    """What a source says, page by page."""
    found: list[Json] = []
    path = f"/api/v1/creators/{handle}/sources/{source_id}/segments"
    while True:
        page = gateway.get(path, limit=1000, corrected=str(corrected).lower(), **more)
        found += page["segments"]
        if page["next_after"] is None:
            return found
        more["after"] = page["next_after"]


def find_source(gateway: GatewayClient, handle: str, reference: str) -> Json:
    """The source with this id or external id. Raises NotFound `source_not_found`."""
    sources = all_sources(gateway, handle)
    found = [one for one in sources if reference.lower() == one["id"]]
    found = found or [one for one in sources if reference == one["external_id"]]
    if len(found) != 1:
        raise NotFound(
            "source_not_found",
            f"There is no source {reference[:80]!r} of {handle}.",
            next_step="List the sources with ./understudy sources --json.",
        )
    return found[0]


def address_of(gateway: GatewayClient, handle: str, source: str, place: str) -> str:
    """Where a correction is set and removed."""
    source_id = find_source(gateway, handle, source)["id"]
    base = f"/api/v1/creators/{handle}/sources/{source_id}/corrections"
    if time_said := _TIME.fullmatch(place):
        hours, minutes, seconds = (int(part or 0) for part in time_said.groups())
        return f"{base}/{_key_at(gateway, handle, source_id, (hours * 60 + minutes) * 60 + seconds)}"
    if not _KEY.fullmatch(place):
        raise InvalidInput(
            "place_unknown", f"{place[:80]!r} is no place.", next_step="Give a time as 1:07, or a key."
        )
    if len(place) == 64:
        return f"{base}/{place}"
    said = [one["key"] for one in all_segments(gateway, handle, source_id)]
    said += [one["key"] for one in all_corrections(gateway, handle, source_id)]
    return f"{base}/{_only(key for key in said if key.startswith(place))}"


def _key_at(gateway: GatewayClient, handle: str, source_id: str, second: int) -> str:
    """What begins in this second of a recording, or else is being said in it."""
    begin, end = second * 1000, second * 1000 + 999
    said = [one for at in (begin, end) for one in all_segments(gateway, handle, source_id, at_ms=at)]
    beginning = [one["key"] for one in said if begin <= one["start_ms"] <= end]
    return _only(beginning or (one["key"] for one in said))


def _only(keys: Iterable[str]) -> str:
    found = list(dict.fromkeys(keys))
    if not found:
        raise NotFound(
            "segment_not_found",
            "Nothing is said there.",
            next_step="See what is said with ./understudy corrections show SOURCE.",
        )
    if len(found) > 1:
        raise InvalidInput(
            "place_ambiguous",
            f"Several things are said there: {', '.join(key[:SHOWN_KEY] for key in found[:5])}.",
            next_step="Give the key of the one that is meant.",
        )
    return found[0]

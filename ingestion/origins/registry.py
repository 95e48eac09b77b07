"""The origins that there are, found by what a person typed or by name."""

from collections.abc import Sequence
from typing import Final

from ingestion.origins.types import Address, Origin
from runtime.errors import InvalidInput, Unavailable

LONGEST: Final = 2000

# What a person can name, said for the origin that takes it.
_UNDERSTOOD: Final = {
    "youtube": "a YouTube video, playlist, channel or @handle",
    "podcast": "a podcast feed",
    "web": "a web page or sitemap",
}


class Origins:
    """Asks the origins in the order given: one that takes every address stands last. They stay their makers' to close."""

    def __init__(self, origins: Sequence[Origin] = ()) -> None:
        self._origins = tuple(origins)

    def recognise(self, text: str) -> Address:
        """The place that is meant. Looks at the text only, so that it may be called while somebody waits.

        Raises InvalidInput `address_unknown` for what no origin knows, and what `Origin.recognise` raises.
        """
        wanted = text.strip()
        if wanted and len(wanted) <= LONGEST and wanted.isprintable():
            for origin in self._origins:
                if (address := origin.recognise(wanted)) is not None:
                    return address
        raise InvalidInput(
            "address_unknown",
            f"{wanted[:100]!r} is no address that is understood here.",
            next_step=f"Give {self._understood()}; files are uploaded instead.",
        )

    def named(self, name: str) -> Origin:
        """The origin of this name. Raises Unavailable `origin_missing` where it is not set up."""
        for origin in self._origins:
            if origin.name == name:
                return origin
        raise Unavailable(
            "origin_missing",
            f"This worker does not know the origin {name!r}.",
            next_step="Run workers of the same version and settings as the gateway.",
        )

    def _understood(self) -> str:
        known = [_UNDERSTOOD.get(origin.name, origin.name) for origin in self._origins]
        if not known:
            return "a file or folder"
        return " or ".join([", ".join(known[:-1]), known[-1]] if len(known) > 1 else known)

"""robots.txt as RFC 9309 has it.

Our own and not a library's: a rule is somebody else's pattern, and those that turn it into a regular expression can be made
to search for hours.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from runtime.clock import Clock
from runtime.errors import Forbidden, Unavailable
from runtime.http import FetchLimits, OutsideClient

_READ: Final = 500 * 1024  # "at least 500 kibibytes"
_FRESH_S: Final = 3600
_KEPT: Final = 200
_LINE: Final = re.compile(r"\s*([A-Za-z-]{1,30})\s*:\s*([^#]*)")


@dataclass(frozen=True, slots=True)
class Robots:
    """What a site asks of one program: (allow, pattern) rules, and the sitemaps it names."""

    rules: tuple[tuple[bool, str], ...] = ()
    sitemaps: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """Whether the longest rule that fits says yes; also when none fits, and when two say both."""
        parts = urlsplit(url)
        path = _plain((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        fitting = [(len(pattern), allow) for allow, pattern in self.rules if _fits(pattern, path)]
        return max(fitting, default=(0, True))[1]


def parse_robots(text: str, agent: str) -> Robots:
    """The rules for `agent`: those of the groups that name it, else those for everyone."""
    groups: dict[str, list[tuple[bool, str]]] = {}
    sitemaps: list[str] = []
    current: set[str] = set()
    naming = False
    for line in text.splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        field, value = found[1].lower(), found[2].strip()
        if field == "user-agent":
            if not naming:
                current = set()
            current.add(value.lower().split("/")[0].strip())
            naming = True
            for name in current:
                groups.setdefault(name, [])
        elif field in {"allow", "disallow"}:
            naming = False
            for name in current if value else ():
                groups[name].append((field == "allow", _plain(value)))
        elif field == "sitemap":
            sitemaps.append(value)
    rules = groups.get(agent.lower(), groups.get("*", []))
    return Robots(tuple(rules), tuple(dict.fromkeys(sitemaps)))


class RobotsReader:
    """Knows what sites ask for, and reads it anew every hour. `agent` is the first word of the user agent."""

    def __init__(self, client: OutsideClient, clock: Clock, *, agent: str) -> None:
        self._client, self._clock, self._agent = client, clock, agent
        self._known: OrderedDict[str, tuple[float, Robots]] = OrderedDict()

    async def read(self, url: str) -> Robots:
        """The rules of the site that `url` is on. Without a file everything is allowed; raises Unavailable
        `robots_unavailable` when the server cannot say, and what `OutsideClient.stream` raises."""
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        known = self._known.get(site)
        if known is None or self._clock.monotonic() - known[0] > _FRESH_S:
            known = (self._clock.monotonic(), await self._fetch(site))
            self._known[site] = known
        self._known.move_to_end(site)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return known[1]

    async def check(self, url: str) -> None:
        """Raises Forbidden `robots_refused` when the site asks not to fetch `url`, and as `read` does."""
        if not (await self.read(url)).allows(url):
            raise Forbidden(
                "robots_refused",
                f"The robots.txt of {urlsplit(url).hostname} asks programs not to read this page.",
                next_step=f"If the site is yours, allow the user agent {self._agent} there; otherwise save the page and upload it.",
            )

    async def _fetch(self, site: str) -> Robots:
        async with self._client.stream(
            f"{site}/robots.txt", limits=FetchLimits(timeout_s=20, max_bytes=64 * 2**20)
        ) as response:
            if response.status >= 500 or response.status == 429:
                raise Unavailable(
                    "robots_unavailable",
                    f"The robots.txt of {urlsplit(site).hostname} cannot be read ({response.status}), so nothing is fetched there.",
                    next_step="Nothing to do: it is tried again later.",
                )
            if not 200 <= response.status < 300:
                return Robots()
            data = bytearray()
            async for chunk in response.chunks():
                data += chunk
                if len(data) >= _READ:
                    break
        return parse_robots(bytes(data[:_READ]).decode("utf-8-sig", "replace"), self._agent)


def _plain(path: str) -> str:
    """Without percent signs, except those of a slash, so that both ways to write a character are one."""
    return "%2F".join(unquote(part) for part in re.split("%2f", path, flags=re.IGNORECASE))


def _fits(pattern: str, path: str) -> bool:
    """Whether `path` begins like `pattern`, in which `*` is anything and `$` at the end is the end."""
    ends = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    last = others.pop() if ends and others else None
    for part in others:
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    if last is not None:
        return path.endswith(last) and len(path) - len(last) >= at
    return not ends or at == len(path)


def tokens(values: Iterable[str]) -> set[str]:
    """The words of `X-Robots-Tag` headers or robots meta elements that hold for every program, in lower case."""
    return {word.strip().lower() for value in values for word in value.split(",")}

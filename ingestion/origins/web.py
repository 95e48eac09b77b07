"""Web pages, the files behind web addresses, and sitemaps.

Any http(s) address is recognised as a page; only its content can tell that it is a feed or a sitemap, and then BelongsElsewhere
names the form that says so. `page:` and `sitemap:` before an address say it at once; `sitemap:https://example.org` finds the
site's own. robots.txt is respected. noindex and nosnippet are honoured too: passages are found and quoted to strangers here,
which is what these marks ask not to do.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from ingestion.bundles import Bundle, BundleFile
from ingestion.origins.content import file_name, is_page, list_root, media_type, page_name
from ingestion.origins.page_reading import read_in_child
from ingestion.origins.pointers import APPLE_LOOKUP, listed_podcast, series, shown_instead
from ingestion.origins.responses import PRIVATE_MARKS, login_needed, page_private, refusal
from ingestion.origins.robots import RobotsReader, tokens
from ingestion.origins.site_listing import SiteReader
from ingestion.origins.types import Address, BelongsElsewhere, Entry, Listing, short_id
from ingestion.origins.xml import decode_text
from runtime.clock import Clock
from runtime.errors import InvalidInput, TooLarge
from runtime.http import Fetched, FetchLimits, OutsideClient

NAME: Final = "web"
_TOLD: Final = re.compile(r"(page|sitemap):(?://)?(?=https?://)", re.IGNORECASE)
_SITEMAP: Final = re.compile(r"[^/]*sitemap[^/]*\.(?:xml|txt)(?:\.gz)?", re.IGNORECASE)
_TRACKING: Final = re.compile(r"utm_\w+|fbclid|gclid|msclkid", re.IGNORECASE)
_LOGIN_PATH: Final = re.compile(r"/(?:log-?in|sign-?in|sso|auth)(?:[/.?]|$)", re.IGNORECASE)
_LONGEST: Final = 2000
_ACCEPT: Final = {
    "Accept": "text/html, application/xhtml+xml;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip",
}
_PAGE: Final = FetchLimits(timeout_s=60, max_bytes=64 * 2**20)

# As `Origin.recognise`.
Recognise = Callable[[str], Address | None]
# The document made of a page: its bytes, its type, the address it came from. Raises as `pages.read_page` does.
PageReader = Callable[[bytes, str, str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class WebLimits:
    """What one fetch may take, bytes of one HTML page, and how many sitemaps and pages a site may list."""

    fetch: FetchLimits = _PAGE
    html_bytes: int = 10 * 2**20
    sitemaps: int = 200
    pages: int = 10_000


class WebOrigin:
    """Pages, files and sitemaps of the web.

    `agent` is the name that robots.txt may speak to: the first word of the client's user agent. `read_page` makes the
    document of a page, by default in a child process. `others` know addresses of their own: a redirect to one of these
    is theirs to follow. `apple_lookup` is where Apple's directory answers. The client stays the caller's to close.
    """

    def __init__(
        self,
        *,
        client: OutsideClient,
        clock: Clock,
        agent: str = "Understudy",
        limits: WebLimits = WebLimits(),
        read_page: PageReader = read_in_child,
        others: Sequence[Recognise] = (),
        apple_lookup: str = APPLE_LOOKUP,
    ) -> None:
        self._client, self._limits, self._read_page = client, limits, read_page
        self._others, self._apple_lookup = tuple(others), apple_lookup
        self._robots = RobotsReader(client, clock, agent=agent)
        self._site = SiteReader(client, self._robots, sitemaps=limits.sitemaps, pages=limits.pages)

    @property
    def name(self) -> str:
        """`web`."""
        return NAME

    def recognise(self, url: str) -> Address | None:
        """A page for any http(s) address, a collection for one of a sitemap. Ask the other origins first.

        Raises InvalidInput `url_invalid`, and `url_has_password` for one whose citations would give a password away.
        """
        text = url.strip()
        told = _TOLD.match(text)
        parts = _parts(text[told.end() :] if told else text)
        if parts is None:
            if told or text.lower().startswith(("http://", "https://", "page:", "sitemap:")):
                raise InvalidInput(
                    "url_invalid",
                    "This is not a web address.",
                    next_step="Copy the whole address from a browser.",
                )
            return None
        if "@" in parts.netloc:
            raise InvalidInput(
                "url_has_password",
                "The address holds a name or password, which everyone who follows a citation would see.",
                next_step="Make the page public, or save it as a file and upload that.",
            )
        page = urlunsplit(parts)
        said = told[1].lower() if told else ""
        if said == "sitemap" or (not said and _SITEMAP.fullmatch(parts.path.rpartition("/")[2])):
            return Address(NAME, "collection", short_id(f"sitemap:{page}"), f"sitemap:{page}")
        return _page_address(page)

    async def discover(self, address: Address) -> Listing:
        """The pages of a sitemap on its own site that robots.txt allows, newest first; `version` is their `lastmod`.

        Raises what `OutsideClient.fetch` raises, the codes of `responses.refusal` for "sitemap", `robots_unavailable`,
        `sitemap_missing`, and what `parse_sitemap` raises.
        """
        url = address.url.removeprefix("sitemap:")
        found, complete = await self._site.read(url)
        entries: dict[str, Entry] = {}
        for page in found:
            parts = _parts(page.url)
            if parts is not None and "@" not in parts.netloc:
                place = urlunsplit(parts)
                entry = Entry(_page_address(place), page.title, page.published_at, page.changed)
                entries.setdefault(place, entry)
        return Listing(urlsplit(url).hostname or "", tuple(entries.values()), complete)

    async def fetch(self, address: Address, *, languages: Sequence[str] = ()) -> Bundle:  # noqa: ARG002 - a page has one
        """The page as one Markdown document, or the file as it is.

        Raises what `OutsideClient.fetch` raises, the codes of `responses.refusal` for "page", `robots_refused`, `robots_unavailable`,
        `page_noindex`, `page_paywalled`, `page_login_needed`, `page_empty`, `page_unreadable`, `page_too_large`,
        `page_type_unsupported`, what `listed_podcast` raises, and BelongsElsewhere for a feed, a sitemap, a redirect to what is
        of another origin, and a page that only points at something.
        """
        url = address.url.removeprefix("page:")
        if listed := await listed_podcast(self._client, url, self._apple_lookup):
            raise listed
        await self._robots.check(url)
        got = await self._client.fetch(
            url, headers=_ACCEPT, limits=self._limits.fetch, leave_at=self._is_another_s
        )
        if got.url != url and self._is_another_s(got.url):
            raise BelongsElsewhere(
                "page_leads_elsewhere",
                "The address leads on to a place that is read in another way.",
                next_step=f"Add {got.url} itself.",
                url=got.url,
            )
        if error := refusal(got.status, urlsplit(got.url).hostname or "", "page"):
            raise error
        if got.url != url:
            await self._check_redirect(url, got.url)
        if PRIVATE_MARKS & tokens([got.headers.get("x-robots-tag", "")]):
            raise page_private()
        return await self._bundle(got, url)

    def _is_another_s(self, url: str) -> bool:
        try:
            return any(recognise(url) is not None for recognise in self._others)
        except InvalidInput:
            return True  # and wrong there

    async def _check_redirect(self, asked: str, url: str) -> None:
        await self._robots.check(url)
        if _LOGIN_PATH.search(urlsplit(url).path) and not _LOGIN_PATH.search(urlsplit(asked).path):
            raise login_needed(urlsplit(url).hostname or "")

    async def _bundle(self, got: Fetched, asked: str) -> Bundle:
        content_type = got.headers.get("content-type", "")
        if root := await asyncio.to_thread(list_root, got.content):
            raise _belongs_elsewhere(root, asked)
        if is_page(got.content, content_type):
            if len(got.content) > self._limits.html_bytes:
                raise TooLarge(
                    "page_too_large",
                    f"The page is larger than {self._limits.html_bytes // 2**20} MiB.",
                    next_step="Name its parts one by one, or upload the text as a file.",
                )
            name, data = page_name(asked), await self._words(got, content_type)
        else:
            found = file_name(got.content, content_type, got.url)
            if found is None:
                raise _type_unsupported(content_type)
            name, data = found, got.content
        return Bundle(name, (BundleFile(name, data),))

    async def _words(self, got: Fetched, content_type: str) -> bytes:
        """The document made of a page. Raises BelongsElsewhere for one that only points at something."""
        text = decode_text(got.content, content_type)
        if podcast := series(text, got.url):
            raise podcast
        try:
            return await self._read_page(got.content, content_type, got.url)
        except InvalidInput as error:
            instead = shown_instead(text, got.url) if error.code == "page_empty" else None
            raise instead or error from None


def _page_address(url: str) -> Address:
    """With `page:` before one that is named as sitemaps are."""
    taken = _SITEMAP.fullmatch(urlsplit(url).path.rpartition("/")[2])
    return Address(NAME, "item", short_id(url), f"page:{url}" if taken else url)


def _parts(text: str) -> SplitResult | None:
    """An http(s) address in one spelling: host in lower case, without the usual port, fragment and trackers."""
    if len(text) > _LONGEST or any(letter.isspace() or not letter.isprintable() for letter in text):
        return None
    try:
        parts = urlsplit(text)
        scheme, port = parts.scheme.lower(), parts.port
        if scheme not in {"http", "https"} or not parts.hostname:
            return None
        query = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return None
    netloc = parts.netloc.lower()
    if port is None or port == {"http": 80, "https": 443}[scheme]:
        netloc = netloc.removesuffix(f":{port}").removesuffix(":")
    kept = [(name, value) for name, value in query if not _TRACKING.fullmatch(name)]
    return SplitResult(
        scheme, netloc, parts.path or "/", parts.query if kept == query else urlencode(kept), ""
    )


def _belongs_elsewhere(root: str, url: str) -> BelongsElsewhere:
    if root in {"urlset", "sitemapindex"}:
        return BelongsElsewhere(
            "page_is_sitemap",
            "This is a sitemap: a list of pages.",
            next_step="Add it as sitemap: followed by the address.",
            url=f"sitemap:{url}",
        )
    return BelongsElsewhere(
        "page_is_feed",
        "This is a feed: a list of episodes or pages.",
        next_step="Add it as feed: followed by the address.",
        url=f"feed:{url}",
    )


def _type_unsupported(content_type: str) -> InvalidInput:
    return InvalidInput(
        "page_type_unsupported",
        f"The address holds {media_type(content_type)[:80] or 'something of an unknown type'}, which is not read from the web.",
        next_step="Name a page or a document; download recordings and upload them.",
    )

"""The contract of origins, run on the web: a real server on this machine, the guarded client, pages read in a child process."""

from collections.abc import AsyncIterator

import pytest

from ingestion.origins.web import WebOrigin
from runtime.testing import FixedClock
from tests.contract.origin_contract import OriginCase, OriginContract, unplugged  # noqa: F401 - a fixture
from tests.unit.ingestion.site import running_site
from tests.unit.ingestion.test_podcast import item, rss
from tests.unit.ingestion.test_web import page


@pytest.fixture
async def case() -> AsyncIterator[OriginCase]:
    async with running_site() as site:
        post = site.put("/post", page(), "text/html")
        other = site.put("/other", page().replace("Seat posts", "Other posts"), "text/html")
        listed = (
            f"<url><loc>{place}</loc><lastmod>2026-0{month}-01</lastmod></url>"
            for month, place in ((1, other), (2, post))
        )
        collection = site.put("/sitemap.xml", f"<urlset>{''.join(listed)}</urlset>", "application/xml")
        yield OriginCase(
            origin=WebOrigin(client=site.client, clock=FixedClock()),
            items=[post, f"{post}#which-grease", f"page:{post}", f"{post}?utm_source=x"],
            collection=collection,
            gone=f"{site.url}/nothing",
            failing=[
                site.put("/denied", status=403),
                site.put("/down", status=503),
                site.put("/private", page(head='<meta name="robots" content="noindex">'), "text/html"),
                site.put("/show", rss(item()), "application/rss+xml"),
                site.put("/empty", page("<div id='app'></div>"), "text/html"),
            ],
            foreign=["@new", "dQw4w9WgXcQ", "ftp://example.org/x", "what is grease", "example.org/post"],
        )


class TestWeb(OriginContract):
    """Pages and sitemaps."""

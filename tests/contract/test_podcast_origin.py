"""The contract of origins, run on podcasts: a real server on this machine through the guarded client."""

from collections.abc import AsyncIterator
from uuid import uuid5

import pytest

from ingestion.origins.podcast import PodcastOrigin
from ingestion.origins.podcast.addresses import identity
from runtime.testing import FixedClock
from tests.contract.origin_contract import OriginCase, OriginContract, unplugged  # noqa: F401 - a fixture
from tests.unit.ingestion.site import running_site
from tests.unit.ingestion.test_podcast import VTT, item, rss, transcript


@pytest.fixture
async def case() -> AsyncIterator[OriginCase]:
    async with running_site() as site:
        origin = PodcastOrigin(client=site.client, clock=FixedClock())
        words = transcript("/1.vtt", "text/vtt")
        site.put("/1.vtt", VTT, "text/vtt")
        site.put("/denied.vtt", status=403)
        site.put("/down.vtt", status=503)
        episodes = (
            item("old", words, date="Mon, 02 Feb 2026 08:00:00 GMT"),
            item("new", words, audio="{site}/2.mp3", date="Mon, 09 Mar 2026 08:00:00 GMT"),
            item("denied", transcript("/denied.vtt", "text/vtt"), date="Mon, 05 Jan 2026 08:00:00 GMT"),
            item("down", transcript("/down.vtt", "text/vtt"), date="Tue, 06 Jan 2026 08:00:00 GMT"),
            item("mute", date="Wed, 07 Jan 2026 08:00:00 GMT"),
        )
        feed = site.put("/feed.xml", rss(*episodes), "application/rss+xml")
        # An episode's id is made of its feed's and its guid.
        new, denied, down, mute = (
            f"{feed}#episode={uuid5(identity(feed, ''), guid)}" for guid in ("new", "denied", "down", "mute")
        )
        yield OriginCase(
            origin=origin,
            items=[new, f"feed:{new}", f" {new} "],
            collection=feed,
            gone=f"{feed}#episode={uuid5(identity(feed, ''), 'gone')}",
            failing=[denied, down, mute],
            foreign=[
                f"{site.url}/post",
                "@new",
                "dQw4w9WgXcQ",
                "page:" + feed,
            ],
        )


class TestPodcast(OriginContract):
    """Feeds and their episodes."""

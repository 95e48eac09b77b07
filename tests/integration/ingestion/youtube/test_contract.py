"""The contract of origins, run on YouTube: the real libraries on the local wire."""

from collections.abc import Callable

import pytest

from ingestion.origins.youtube.origin import YouTubeOrigin
from tests.contract.origin_contract import OriginCase, OriginContract, unplugged  # noqa: F401 - a fixture
from tests.integration.ingestion.youtube.site import Site, Track, Video, listed, playlist
from tests.integration.ingestion.youtube.test_failures import says
from tests.integration.ingestion.youtube.wire import Reply

ID, OTHER, GONE, MEMBERS, AIRING, BUSY = (
    f"demo{name}"[:11].ljust(11, "1") for name in ("Tubes", "Tyres", "Gone", "Members", "Airing", "Busy")
)
PLAYLIST = "PL" + "a" * 32


@pytest.fixture
def case(site: Site, make: Callable[..., YouTubeOrigin]) -> OriginCase:
    words = Track("en", [(0, "so take the wheel out"), (4000, "and look at the tyre")], automatic=True)
    site.add(Video(ID, tracks=[words]))
    site.add(Video(OTHER, title="Tyres", tracks=[words]))
    site.add(Video(GONE, playability=says("ERROR", "This video has been removed by the uploader")))
    site.add(
        Video(
            MEMBERS,
            playability=says("UNPLAYABLE", "Join this channel to get access to members-only content."),
        )
    )
    site.add(Video(AIRING, tracks=[words], details={"isLive": True, "isLiveContent": True}))
    site.add(Video(BUSY, replies={"page": Reply("", status=429)}))
    page, rest = playlist("Wheels", [listed(ID, "How to fix a puncture"), listed(OTHER, "Tyres")])
    site.pages[f"/playlist?list={PLAYLIST}"], site.more[f"VL{PLAYLIST}"] = page, rest
    return OriginCase(
        origin=make(),
        items=[
            ID,
            f"https://www.youtube.com/watch?v={ID}",
            f"https://youtu.be/{ID}?si=abc&t=42",
            f"https://m.youtube.com/shorts/{ID}",
            f"https://www.youtube.com/live/{ID}?feature=share",
            f"https://www.youtube.com/watch?v={ID}&list={PLAYLIST}&index=2",
        ],
        collection=f"https://www.youtube.com/playlist?list={PLAYLIST}",
        gone=f"https://youtu.be/{GONE}",
        failing=[f"https://youtu.be/{one}" for one in (MEMBERS, AIRING, BUSY)],
        foreign=[
            "https://example.org/watch?v=demoTubes21",
            "https://youtube.com.example.org/watch?v=x",
            "feed:https://a.b/c",
        ],
    )


class TestYouTube(OriginContract):
    """Videos and their lists."""

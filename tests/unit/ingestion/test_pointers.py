"""Pages that only point at something: what is meant is named, in the form in which its own origin takes it.

Shapes: HTML's `<link rel="alternate">`, schema.org/PodcastSeries, YouTube's embedded player
(https://developers.google.com/youtube/player_parameters), and Apple's lookup (iTunes Search API, "Lookup Examples").
"""

from collections.abc import AsyncIterator

import pytest

from ingestion.origins.podcast.addresses import recognise as recognise_podcast
from ingestion.origins.types import Address, BelongsElsewhere
from ingestion.origins.web import WebOrigin
from ingestion.origins.youtube.addresses import recognise as recognise_youtube
from runtime.errors import InvalidInput, NotFound, UnderstudyError
from runtime.testing import FixedClock
from tests.unit.ingestion.site import Site, running_site
from tests.unit.ingestion.test_web import page, read_here

VIDEO = "demoTubes21"
FEED_LINK = '<link rel="alternate" type="application/rss+xml" title="Episodes" href="/rss?a=1&amp;b=2">'
SERIES = '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "PodcastSeries"%s}</script>'


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def origin(site: Site) -> WebOrigin:
    others = (recognise_youtube, recognise_podcast)
    lookup = f"{site.url}/lookup"
    return WebOrigin(
        client=site.client, clock=FixedClock(), read_page=read_here, others=others, apple_lookup=lookup
    )


async def error_of(origin: WebOrigin, url: str) -> UnderstudyError:
    address = origin.recognise(url)
    assert address is not None
    with pytest.raises(UnderstudyError) as caught:
        await origin.fetch(address)
    assert caught.value.next_step
    return caught.value


async def leads_to(origin: WebOrigin, url: str) -> tuple[str, str]:
    error = await error_of(origin, url)
    assert isinstance(error, BelongsElsewhere), error.code
    return error.code, error.url


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (f'<iframe src="https://www.youtube.com/embed/{VIDEO}?rel=0"></iframe>', f"watch?v={VIDEO}"),
        (f"<iframe src='//www.youtube-nocookie.com/embed/{VIDEO}'></iframe>" * 2, f"watch?v={VIDEO}"),
        (
            f'<iframe src="https://www.youtube.com/embed/videoseries?si=x&amp;list=PL{"a" * 32}"></iframe>',
            f"playlist?si=x&list=PL{'a' * 32}",
        ),
    ],
)
async def test_a_page_that_is_only_a_player(site: Site, origin: WebOrigin, body: str, place: str) -> None:
    url = site.put("/show", page(body), "text/html")
    code, there = await leads_to(origin, url)
    assert (code, there) == ("page_is_player", f"https://www.youtube.com/{place}")
    assert recognise_youtube(there) is not None


async def test_what_has_words_of_its_own_stays_a_page(site: Site, origin: WebOrigin) -> None:
    frame = f'<iframe src="https://www.youtube.com/embed/{VIDEO}"></iframe>'
    body = f"<p>{'Grease the seat post every spring. ' * 5}</p>{frame}"
    address = origin.recognise(site.put("/post", page(body, FEED_LINK), "text/html"))
    assert address is not None
    assert b"Grease" in (await origin.fetch(address)).files[0].read()


async def test_several_players_are_not_one(site: Site, origin: WebOrigin) -> None:
    frames = "".join(f'<iframe src="https://www.youtube.com/embed/{n * 11}"></iframe>' for n in "ab")
    assert (await error_of(origin, site.put("/all", page(frames), "text/html"))).code == "page_empty"


async def test_a_page_without_words_that_names_its_feed(site: Site, origin: WebOrigin) -> None:
    url = site.put("/show", page("<div id='app'></div>", FEED_LINK), "text/html")
    assert await leads_to(origin, url) == ("page_names_feed", f"feed:{site.url}/rss?a=1&b=2")


@pytest.mark.parametrize("told", [True, False])
async def test_a_page_that_says_it_is_a_podcast(site: Site, origin: WebOrigin, told: bool) -> None:
    """Though it has words: they tell what the podcast is about, and its episodes are what was meant."""
    feed = f', "webFeed": "{site.url}/episodes"' if told else ""
    url = site.put("/show", page(head=SERIES % feed + FEED_LINK), "text/html")
    expected = f"feed:{site.url}/{'episodes' if told else 'rss?a=1&b=2'}"
    assert await leads_to(origin, url) == ("page_is_podcast", expected)


@pytest.mark.parametrize(
    "target",
    [f"https://youtu.be/{VIDEO}?si=x", "https://www.youtube.com/@demo", "https://www.youtube.com/results"],
)
async def test_a_short_link_to_another_origin_is_not_followed_there(
    site: Site, origin: WebOrigin, target: str
) -> None:
    """Nothing but this site can be called, and its name is not even looked up."""
    site.put("/a", status=302, Location=f"{site.url}/b")
    url = site.put("/b", status=301, Location=target) and f"{site.url}/a"
    assert await leads_to(origin, url) == ("page_leads_elsewhere", target)
    assert site.paths == ["/robots.txt", "/a", "/b"]


@pytest.mark.parametrize(
    "url",
    [
        "https://podcasts.apple.com/us/podcast/wrench-and-road/id1234567890",
        "https://podcasts.apple.com/podcast/id1234567890?l=en",
        "https://itunes.apple.com/de/podcast/wrench/id1234567890?mt=2",
    ],
)
async def test_a_podcast_in_apple_s_directory(site: Site, origin: WebOrigin, url: str) -> None:
    path = "/lookup?id=1234567890&entity=podcast"
    site.put(path, '{"resultCount": 1, "results": [{"kind": "podcast", "feedUrl": "{site}/wrench.rss"}]}')
    assert await leads_to(origin, url) == ("page_is_podcast", f"feed:{site.url}/wrench.rss")
    assert site.paths == [path]


async def test_what_apple_s_directory_cannot_tell(site: Site, origin: WebOrigin) -> None:
    show = "https://podcasts.apple.com/us/podcast/wrench/id1234567890"
    episode = await error_of(origin, f"{show}?i=1000600000000")
    assert (type(episode), episode.code) == (InvalidInput, "podcast_episode_link")
    assert site.paths == []
    for answer in ('{"resultCount": 0, "results": []}', "<html>", "[]", '{"results": [7]}'):
        site.put("/lookup?id=1234567890&entity=podcast", answer)
        missing = await error_of(origin, show)
        assert (type(missing), missing.code) == (NotFound, "podcast_without_feed")


def test_an_address_of_apple_s_is_a_page_until_it_is_looked_up(origin: WebOrigin) -> None:
    assert origin.recognise("https://podcasts.apple.com/us/podcast/w/id1") == Address(
        "web",
        "item",
        "https://podcasts.apple.com/us/podcast/w/id1",
        "https://podcasts.apple.com/us/podcast/w/id1",
    )

"""Podcast feeds, from a real server through the guarded client to segments.

Shapes: RSS 2.0 (rssboard.org/rss-specification), Atom (RFC 4287), pages (RFC 5005), and the examples of the Podcasting 2.0
namespace (podcastindex.org/namespace/1.0); the words are our own.
"""

import gzip
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from creators import Chapter
from ingestion.bundles import Bundle
from ingestion.extraction import extract
from ingestion.info import parse_info
from ingestion.origins.podcast import PodcastOrigin
from ingestion.origins.podcast.origin import PodcastLimits
from ingestion.origins.types import Address, Listing
from ingestion.speakers import Cast
from runtime.errors import InvalidInput, NotFound, UnderstudyError
from runtime.http import FetchLimits
from runtime.testing import FixedClock
from tests.unit.ingestion.site import Reply, Site, running_site

VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\n<v Mara Holt>Grease the seat post every spring.\n"
SRT = "1\n00:00:01,000 --> 00:00:04,000\nGrease the seat post every spring.\n"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:atom="http://www.w3.org/2005/Atom"'
    ' xmlns:podcast="https://podcastindex.org/namespace/1.0" xmlns:psc="http://podlove.org/simple-chapters">'
    "<channel><title>Wrench &amp; Road</title><language>en-us</language><itunes:author>Mara Holt</itunes:author>"
)


def item(
    guid: str = "ep-1",
    more: str = "",
    *,
    audio: str = "{site}/1.mp3",
    date: str = "Mon, 02 Mar 2026 08:00:00 GMT",
) -> str:
    return (
        f'<item><title>Seat posts</title><guid isPermaLink="false">{guid}</guid><link>{{site}}/episodes/1</link>'
        f'<pubDate>{date}</pubDate><enclosure url="{audio}" length="1000" type="audio/mpeg"/>'
        f"<itunes:duration>00:31:05</itunes:duration>{more}</item>"
    )


def rss(*items: str, more: str = "") -> str:
    return f"{HEAD}{more}{''.join(items)}</channel></rss>"


def transcript(path: str, kind: str, more: str = "") -> str:
    return f'<podcast:transcript url="{{site}}{path}" type="{kind}" {more}/>'


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def origin(site: Site, clock: FixedClock) -> PodcastOrigin:
    return PodcastOrigin(client=site.client, clock=clock)


async def listed(origin: PodcastOrigin, url: str) -> Listing:
    address = origin.recognise(f"feed:{url}")
    assert address is not None
    return await origin.discover(address)


async def only(origin: PodcastOrigin, url: str) -> Bundle:
    listing = await listed(origin, url)
    assert len(listing.entries) == 1
    return await origin.fetch(listing.entries[0].address)


def info_of(bundle: Bundle) -> dict[str, Any]:
    return json.loads(bundle.files[0].read())


async def test_from_the_feed_to_segments_with_chapters_and_speakers(
    site: Site, origin: PodcastOrigin
) -> None:
    site.put("/1.vtt", VTT, "text/vtt")
    site.put(
        "/chapters.json",
        '{"version": "1.2.0", "chapters": [{"startTime": 0, "title": "Hello"}, {"startTime": 90.5, "title": "Grease"},'
        ' {"startTime": 95, "toc": false, "title": "a picture"}, {"startTime": 99}]}',
        "application/json+chapters",
    )
    more = (
        transcript("/1.vtt", "text/vtt", 'language="en"')
        + '<podcast:chapters url="{site}/chapters.json" type="application/json+chapters"/>'
        + '<podcast:person role="guest">Tom &amp;amp; Jo Reed</podcast:person><podcast:person>Mara Holt</podcast:person>'
        + '<podcast:person group="audio post-production" role="audio editor">Ed</podcast:person>'
        + '<itunes:image href="{site}/1.jpg"/>'
    )
    url = site.put("/feed.xml", rss(item(more=more)), "application/rss+xml")
    listing = await listed(origin, url)
    [entry] = listing.entries
    assert (listing.title, listing.complete, entry.title) == ("Wrench & Road", True, "Seat posts")
    assert entry.published_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    bundle = await origin.fetch(entry.address)
    assert [file.name for file in bundle.files] == [
        f"{entry.address.id}.info.json",
        f"{entry.address.id}.en.vtt",
    ]
    info = parse_info(bundle.files[0].read())
    assert (info.id, info.title, info.url, info.is_audio) == (
        entry.address.id,
        "Seat posts",
        f"{site.url}/1.mp3",
        True,
    )
    assert (info.duration_ms, info.language) == (1_865_000, "en-us")
    assert info.chapters == (Chapter(0, "Hello"), Chapter(90_500, "Grease"))
    assert info.cast == Cast(
        ("Mara Holt", "Tom & Jo Reed"), hosts=(), guests=("Tom & Jo Reed",), show="Wrench & Road"
    )
    found = extract(bundle, ["Mara Holt"], ["en"])
    assert found.facts.kind == "audio"
    assert found.facts.published_at == entry.published_at
    [segment] = found.segments
    assert (segment.text, segment.speaker, segment.role) == (
        "Grease the seat post every spring.",
        "Mara Holt",
        "creator",
    )
    assert (segment.start_ms, segment.end_ms) == (1000, 4000)


async def test_an_atom_feed(site: Site, origin: PodcastOrigin) -> None:
    site.put("/1.srt", SRT, "application/x-subrip")
    url = site.put(
        "/atom",
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xmlns:p="https://podcastindex.org/namespace/1.0">'
        "<title>Werkstatt</title><author><name>Mara</name></author><entry><id>urn:x:1</id><title>Eins</title>"
        '<updated>2026-03-02T08:00:00+01:00</updated><link href="{site}/page"/>'
        '<link rel="enclosure" type="audio/mpeg" href="/media/1.mp3"/>'
        '<p:transcript url="/1.srt" type="application/srt"/></entry></feed>',
        "application/atom+xml",
    )
    bundle = await only(origin, url)
    info = info_of(bundle)
    assert (info["webpage_url"], info["episode_url"]) == (f"{site.url}/media/1.mp3", f"{site.url}/page")
    assert (info["language"], info["uploader"]) == ("de", "Mara")
    assert info["timestamp"] == int(datetime(2026, 3, 2, 7, tzinfo=UTC).timestamp())
    assert bundle.files[1].name.endswith(".de.srt")
    assert extract(bundle).segments[0].text == "Grease the seat post every spring."


async def test_without_a_transcript_the_recording_comes_when_speech_can_be_recognised(
    site: Site, origin: PodcastOrigin, tmp_path: Path
) -> None:
    audio = os.urandom(3_000_000)
    site.put("/1.mp3", audio, "audio/mpeg")
    url = site.put("/f.rss", rss(item()))
    with pytest.raises(InvalidInput) as caught:
        await only(origin, url)
    assert (caught.value.code, caught.value.transient) == ("transcript_missing", False)
    assert "podcast:transcript" in caught.value.next_step
    hearing = PodcastOrigin(
        client=site.client, clock=FixedClock(datetime.now(UTC)), downloads=tmp_path / "heard"
    )
    bundle = await only(hearing, url)
    info, recording = bundle.files
    assert recording.name == f"{bundle.name}.mp3"
    assert isinstance(recording.content, Path)
    assert recording.content.read_bytes() == audio
    assert parse_info(info.read()).title == "Seat posts"


async def test_of_a_recording_that_cannot_be_had_nothing_is_left(site: Site, tmp_path: Path) -> None:
    limits = PodcastLimits(audio=FetchLimits(max_bytes=100_000))
    hearing = PodcastOrigin(client=site.client, clock=FixedClock(), downloads=tmp_path, limits=limits)
    url = site.put("/f.rss", rss(item()))
    for reply, code in (
        (Reply(b"x" * 100_001), "response_too_large"),
        (Reply(status=404), "audio_not_found"),
        (Reply(b"<html>", headers={"Content-Type": "text/html"}), "audio_wrong_type"),
    ):
        site.replies["/1.mp3"] = reply
        with pytest.raises(UnderstudyError) as caught:
            await only(hearing, url)
        assert caught.value.code == code
        assert os.listdir(tmp_path) == []
    site.put("/1.mp3", b"x" * 10, "audio/mpeg")
    await only(hearing, url)
    old = tmp_path / "old.mp3"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    await only(hearing, url)
    assert not old.exists()


async def test_a_feed_is_asked_again_only_when_it_changed(
    site: Site, origin: PodcastOrigin, clock: FixedClock
) -> None:
    site.put("/1.vtt", VTT)
    more = transcript("/1.vtt", "text/vtt")
    url = site.put("/f.rss", rss(item(more=more)), etag='"v1"')
    first = await listed(origin, url)
    assert await listed(origin, url) == first
    assert [asked.get("if-none-match") for _, asked in site.requests] == [None, '"v1"']
    await origin.fetch(first.entries[0].address)
    assert site.paths.count("/f.rss") == 2, "just read"
    clock.advance(301)
    await origin.fetch(first.entries[0].address)
    assert site.paths.count("/f.rss") == 3
    site.put("/f.rss", rss(item(more=more.replace("1.vtt", "2.vtt"))), etag='"v2"')
    [changed] = (await listed(origin, url)).entries
    assert changed.address == first.entries[0].address
    assert changed.version != first.entries[0].version


async def test_pages_are_followed_and_never_in_a_circle(site: Site, origin: PodcastOrigin) -> None:
    def page(number: int, following: int) -> str:
        link = f'<atom:link rel="next" href="{{site}}/f.rss?page={following}"/>'
        date = f"Mon, {20 - number:02} Apr 2026 08:00:00 +0200"
        return rss(item(f"ep-{number}", date=date), item("ep-again"), more=link)

    url = site.put("/f.rss", page(1, 2))
    for number in (2, 3):
        site.put(f"/f.rss?page={number}", page(number, number % 3 + 1))
    site.put("/f.rss?page=1", page(1, 2))
    listing = await listed(origin, url)
    days = [entry.published_at.day for entry in listing.entries if entry.published_at]
    assert days == [19, 18, 17, 2]
    assert listing.complete
    short = PodcastOrigin(client=site.client, clock=FixedClock(), limits=PodcastLimits(pages=2))
    assert not (await listed(short, url)).complete


async def test_ids_survive_a_move_and_a_new_recording(site: Site, origin: PodcastOrigin) -> None:
    """`podcast:guid` names the feed wherever it is; without it, the address without scheme and slash does."""
    guid = "<podcast:guid>917393e3-1b1e-5cef-ace4-edaa54e1f810</podcast:guid>"
    ids = set()
    for path, more, audio in (
        ("/old.rss", guid, "{site}/1.mp3"),
        ("/new.rss", guid, "{site}/1b.mp3?x"),
        ("/x.rss", "", "{site}/1.mp3"),
    ):
        [entry] = (await listed(origin, site.put(path, rss(item(audio=audio), more=more)))).entries
        ids.add(entry.address.id)
    assert len(ids) == 2


async def test_a_guid_given_twice_hides_no_episode(site: Site, origin: PodcastOrigin) -> None:
    old = item("same", audio="{site}/old.mp3", date="Mon, 02 Feb 2026 08:00:00 GMT")
    url = site.put("/f.rss", rss(old))
    [before] = (await listed(origin, url)).entries
    site.put("/f.rss", rss(item("same", audio="{site}/new.mp3"), old, old))
    new, after = (await listed(origin, url)).entries
    assert after.address == before.address
    assert new.address.id != after.address.id


async def test_an_episode_that_left_the_feed_is_gone(
    site: Site, origin: PodcastOrigin, clock: FixedClock
) -> None:
    url = site.put("/f.rss", rss(item()))
    [entry] = (await listed(origin, url)).entries
    site.put("/f.rss", rss(item("other")))
    clock.advance(301)
    with pytest.raises(NotFound) as caught:
        await origin.fetch(entry.address)
    assert caught.value.code == "episode_gone"


async def test_redirects_and_packed_answers(site: Site, origin: PodcastOrigin) -> None:
    site.put("/there.rss", gzip.compress(rss(item()).encode()), Content_Encoding="gzip")
    url = site.put("/here.rss", status=301, Location="/there.rss")
    [entry] = (await listed(origin, url)).entries
    assert entry.address.url.startswith(f"{url}#episode=")


async def test_a_feed_cannot_send_the_worker_inward(
    site: Site, origin: PodcastOrigin, tmp_path: Path
) -> None:
    """Only the site itself is trusted here; what its feed names is checked like any other address."""
    inward = f"http://localhost:{site.port}/secret"
    more = f'<podcast:transcript url="{inward}" type="text/vtt"/><podcast:chapters url="{inward}"/>'
    url = site.put("/f.rss", rss(item(more=more, audio=inward)))
    hearing = PodcastOrigin(client=site.client, clock=FixedClock(), downloads=tmp_path)
    for each, code in ((origin, "url_port_refused"), (hearing, "url_port_refused")):
        with pytest.raises(InvalidInput) as caught:
            await only(each, url)
        assert caught.value.code == code
    assert set(site.paths) == {"/f.rss"}


async def test_a_broken_chapters_file_costs_only_the_chapters(site: Site, origin: PodcastOrigin) -> None:
    site.put("/1.vtt", VTT)
    more = transcript("/1.vtt", "text/vtt") + '<podcast:chapters url="{site}/c.json"/>'
    url = site.put("/f.rss", rss(item(more=more)))
    for body in (
        '{"chapters": [{"startTime": "x"}]}',
        "[]",
        "",
        '{"chapters": [{"startTime": 1e999, "title": "x"}]}',
    ):
        site.put("/c.json", body)
        assert info_of(await only(origin, url))["chapters"] == []
    inline = '<psc:chapters><psc:chapter start="00:01:30.500" title="Grease"/><psc:chapter start="x" title="y"/></psc:chapters>'
    url = site.put("/g.rss", rss(item(more=more + inline)))
    assert info_of(await only(origin, url))["chapters"] == [{"start_time": 90.5, "title": "Grease"}]


def test_an_address_recognises_itself(origin: PodcastOrigin) -> None:
    episode = Address(
        "podcast",
        "item",
        "917393e3-1b1e-5cef-ace4-edaa54e1f810",
        "https://x.org/a?b=c#episode=917393e3-1b1e-5cef-ace4-edaa54e1f810",
    )
    assert origin.recognise(episode.url) == episode
    assert origin.name == episode.origin

"""What is a feed, told by its address alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.origins.podcast.addresses import feed_of, identity, recognise
from runtime.errors import InvalidInput


@pytest.mark.parametrize(
    ("url", "feed"),
    [
        ("feed:https://Example.org/show", "https://example.org/show"),
        ("feed://example.org/show?a=B", "https://example.org/show?a=B"),
        ("feed:http://example.org/", "http://example.org/"),
        ("itpc://example.org/x", "https://example.org/x"),
        ("pcast://example.org/x", "https://example.org/x"),
        ("podcast:https://example.org/x", "https://example.org/x"),
        ("rss://example.org/x", "https://example.org/x"),
        ("FEED:HTTPS://example.org/x", "https://example.org/x"),
        (" https://example.org/feed.xml ", "https://example.org/feed.xml"),
        ("https://example.org/podcast.rss#top", "https://example.org/podcast.rss"),
        ("https://example.org/feed/", "https://example.org/feed/"),
        ("https://example.org/rss", "https://example.org/rss"),
        ("https://example.org/show-feed.xml", "https://example.org/show-feed.xml"),
        ("https://example.org/a.atom", "https://example.org/a.atom"),
        ("https://example.org/?feed=podcast", "https://example.org/?feed=podcast"),
        ("https://example.org/x?format=rss&a=1", "https://example.org/x?format=rss&a=1"),
        ("https://feeds.example.org/abc123", "https://feeds.example.org/abc123"),
        ("https://feed.example.org/abc123", "https://feed.example.org/abc123"),
        ("https://user:Key@feeds.example.org/abc", "https://user:Key@feeds.example.org/abc"),
    ],
)
def test_feeds(url: str, feed: str) -> None:
    found = recognise(url)
    assert found is not None
    assert (found.origin, found.kind, feed_of(found)) == ("podcast", "collection", feed)
    assert recognise(found.url) == found
    assert "Key" not in found.id


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/",
        "https://example.org/about",
        "https://example.org/sitemap.xml",
        "https://example.org/sitemap-feed.xml",
        "https://example.org/feeding-birds",
        "https://feeds.example.org/",
        "https://example.org/a.xml",
        "ftp://example.org/feed.xml",
        "/tmp/feed.xml",  # noqa: S108 - an example of input
        "feedback",
        "https://example.org/feed.xml\nx",
        "https://[::1/feed.xml",
        "",
    ],
)
def test_others(url: str) -> None:
    assert recognise(url) is None


@pytest.mark.parametrize("url", ["feed:", "feed://", "feed:ftp://x", "feed:https://[::1", "feed://a b/"])
def test_a_feed_without_an_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        recognise(url)
    assert caught.value.code == "url_invalid"


def test_a_feed_is_known_by_its_address_without_scheme_and_slash() -> None:
    """The example of the namespace's `podcast:guid` page."""
    assert str(identity("https://podnews.net/rss", "")) == "9b024349-ccf0-5f69-a609-6b82873eab3c"
    assert identity("http://podnews.net/rss/", "no uuid") == identity("https://podnews.net/rss", "")


@given(st.one_of(st.text(), st.from_regex(r"(feed|itpc|http|https):/{0,3}[a-z\[\]:%@.#?/=-]{0,30}")))
def test_any_text(text: str) -> None:
    try:
        found = recognise(text)
    except InvalidInput:
        return
    if found is not None:
        assert recognise(found.url) == found

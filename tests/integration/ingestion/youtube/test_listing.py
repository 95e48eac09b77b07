"""Listing channels and playlists, by the Data API and by yt-dlp."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.origins.types import Address, Listing
from ingestion.origins.youtube.addresses import recognise
from ingestion.origins.youtube.origin import YouTubeOrigin
from runtime.errors import UnderstudyError
from tests.integration.ingestion.youtube.site import (
    CHANNEL,
    UPLOADS,
    Site,
    alert,
    listed,
    lockup,
    more,
    playlist,
    short,
    tab,
)
from tests.integration.ingestion.youtube.wire import Reply, Request, Wire

Make = Callable[..., YouTubeOrigin]
LIST = "PLdemoDemoDemoDemo01"


def place(text: str) -> Address:
    found = recognise(text)
    assert found is not None
    return found


def ids(listing: Listing) -> list[str]:
    return [entry.address.id for entry in listing.entries]


async def refusal(origin: YouTubeOrigin, text: str) -> UnderstudyError:
    with pytest.raises(UnderstudyError) as caught:
        await origin.discover(place(text))
    return caught.value


def google_error(status: int, reason: str, domain: str = "youtube.quota") -> Reply:
    """Shape: https://developers.google.com/youtube/v3/docs/errors and the general error of Google's APIs."""
    error = {
        "code": status,
        "message": "...",
        "errors": [{"message": "...", "domain": domain, "reason": reason}],
    }
    return Reply({"error": error}, status=status)


class Api:
    """The resources of a channel. Shapes: https://developers.google.com/youtube/v3/docs, the page of each resource."""

    def __init__(self, site: Site, videos: list[dict[str, Any]]) -> None:
        self.videos = {video["id"]: video for video in videos}
        self.order = [video["id"] for video in videos]
        site.api |= {
            "channels": self.channels,
            "playlists": Reply({"items": [{"snippet": {"title": "My list"}}]}),
            "playlistItems": self.items,
            "videos": self.details,
        }

    def channels(self, request: Request) -> Reply:
        if request.query.get("forHandle", "@demo") != "@demo":
            return Reply({"pageInfo": {"totalResults": 0}})
        content = {"relatedPlaylists": {"likes": "", "uploads": UPLOADS}}
        return Reply({"items": [{"id": CHANNEL, "snippet": {"title": "Demo"}, "contentDetails": content}]})

    def items(self, request: Request) -> Reply:
        start, size = int(request.query.get("pageToken", "0")), int(request.query["maxResults"])
        page = [{"contentDetails": {"videoId": video_id}} for video_id in self.order[start : start + size]]
        following = {"nextPageToken": str(start + size)} if start + size < len(self.order) else {}
        return Reply({"items": page, "pageInfo": {"totalResults": len(self.order)}, **following})

    def details(self, request: Request) -> Reply:
        asked = request.query["id"].split(",")
        assert len(asked) <= 50
        return Reply({"items": [self.videos[video_id] for video_id in asked if "hidden" not in video_id]})


def resource(video_id: str, published: str = "2024-05-06T07:08:09Z", **changed: Any) -> dict[str, Any]:
    return {
        "kind": "youtube#video",
        "id": video_id,
        "snippet": {
            "publishedAt": published,
            "channelId": CHANNEL,
            "title": f"About {video_id}",
            "description": "",
            "liveBroadcastContent": "none",
        }
        | changed.get("snippet", {}),
        "contentDetails": {"duration": "PT10M", "caption": "false"} | changed.get("contentDetails", {}),
        "status": {"uploadStatus": "processed", "privacyStatus": "public"} | changed.get("status", {}),
    }


@pytest.mark.parametrize(
    "text", ["@Demo", f"https://www.youtube.com/channel/{CHANNEL}", "youtube.com/user/Demo"]
)
async def test_a_key_lists_a_channel_newest_first(site: Site, make: Make, wire: Wire, text: str) -> None:
    many = [resource(f"video{n:06}", f"2024-01-01T{n // 60:02}:{n % 60:02}:00Z") for n in range(120)]
    Api(site, [*many, resource("hidden00000"), resource("private0000", status={"privacyStatus": "private"})])
    listing = await make(key="k3y").discover(place(text))
    assert (listing.title, listing.complete) == ("Demo", True)
    assert ids(listing) == [f"video{n:06}" for n in reversed(range(120))]
    first = listing.entries[0]
    assert (first.title, first.published_at) == ("About video000119", datetime(2024, 1, 1, 1, 59, tzinfo=UTC))
    assert all(request.headers["x-goog-api-key"] == "k3y" for request in wire.requests)
    assert not any("key" in request.query for request in wire.requests)
    assert len(wire.requests) == 1 + 3 + 3


async def test_a_key_tells_what_cannot_be_fetched_now(site: Site, make: Make) -> None:
    Api(
        site,
        [
            resource("video000001", snippet={"liveBroadcastContent": "live"}),
            resource("video000002", snippet={"liveBroadcastContent": "upcoming"}),
            resource("video000003", status={"uploadStatus": "uploaded"}),
            resource("video000004"),
        ],
    )
    listing = await make(key="k").discover(place("@demo"))
    assert [entry.obstacle for entry in listing.entries] == [
        "youtube_live",
        "youtube_premiere",
        "youtube_processing",
        None,
    ]


async def test_the_version_changes_with_the_content(site: Site, make: Make) -> None:
    origin = make(key="k")
    versions: list[str | None] = []
    for changed in ({}, {}, {"contentDetails": {"caption": "true"}}, {"snippet": {"title": "Another"}}):
        Api(site, [resource("video000001", **changed)])
        versions.append((await origin.discover(place(LIST))).entries[0].version)
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


async def test_a_listing_that_was_cut_says_so(site: Site, make: Make) -> None:
    Api(site, [resource(f"video{n:06}") for n in range(60)])
    cut = await make(key="k", max_items=55).discover(place("@demo"))
    assert (len(cut.entries), cut.complete) == (55, False)
    whole = await make(key="k", max_items=60).discover(place("@demo"))
    assert (len(whole.entries), whole.complete) == (60, True)


def channel_pages(site: Site, handle: str = "@demo") -> None:
    members = lockup("memberVid01", "For members", "1 day ago", badge="BADGE_MEMBERS_ONLY")
    site.pages |= {
        f"/{handle}/videos": tab(
            handle, "videos", [members, lockup("video000001", "New", "2 days ago")], "next-1"
        ),
        f"/{handle}/streams": tab(handle, "streams", [lockup("stream00001", "Live", "Streamed 3 days ago")]),
        f"/{handle}/shorts": tab(handle, "shorts", [short("short000001", "Quick")]),
    }
    site.more["next-1"] = more([lockup("video000002", "Old", "2 years ago")])


async def test_without_a_key_all_tabs_are_listed(site: Site, make: Make) -> None:
    channel_pages(site)
    listing = await make().discover(place("https://youtube.com/@Demo"))
    assert (listing.title, listing.complete) == ("Demo", True)
    assert ids(listing) == ["memberVid01", "video000001", "stream00001", "video000002", "short000001"]
    assert [entry.obstacle for entry in listing.entries] == ["youtube_members_only", None, None, None, None]
    assert [entry.title for entry in listing.entries][-1] == "Quick"


async def test_one_tab_alone(site: Site, make: Make, wire: Wire) -> None:
    channel_pages(site)
    assert ids(await make(key="k").discover(place("youtube.com/@demo/shorts"))) == ["short000001"]
    assert {request.path for request in wire.requests} == {"/@demo/shorts"}


async def test_a_channel_without_streams_and_shorts(site: Site, make: Make) -> None:
    channel_pages(site)
    # YouTube shows the first tab where one is asked for that is not there.
    site.pages["/@demo/streams"] = site.pages["/@demo/shorts"] = tab("@demo", "featured", [])
    listing = await make().discover(place("@demo"))
    assert (ids(listing), listing.complete) == (["memberVid01", "video000001", "video000002"], True)


async def test_a_listing_that_breaks_off_is_not_complete(site: Site, make: Make) -> None:
    channel_pages(site)
    site.more["next-1"] = Reply("", status=403)
    listing = await make().discover(place("@demo"))
    assert (ids(listing)[:2], listing.complete) == (["memberVid01", "video000001"], False)


async def test_a_playlist_leaves_out_what_is_gone(site: Site, make: Make) -> None:
    items = [
        listed("video000001", "One"),
        listed("gone0000001", "[Deleted video]"),
        listed("gone0000002", "[Private video]"),
        listed("video000002", "Two"),
    ]
    site.pages[f"/playlist?list={LIST}"], site.more[f"VL{LIST}"] = playlist("My list", items)
    listing = await make().discover(place(LIST))
    assert (listing.title, ids(listing), listing.complete) == (
        "My list",
        ["video000001", "video000002"],
        True,
    )


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (google_error(403, "quotaExceeded"), "quota_exceeded"),
        (google_error(403, "rateLimitExceeded"), "rate_limited"),
        (google_error(400, "keyInvalid", "usageLimits"), "key_refused"),
        (google_error(403, "accessNotConfigured", "usageLimits"), "key_refused"),
        (Reply("<html>bad gateway</html>", status=502), "unreachable"),
    ],
)
async def test_yt_dlp_lists_where_the_key_does_not(site: Site, make: Make, reply: Reply, code: str) -> None:
    site.api["channels"] = reply
    channel_pages(site)
    assert len((await make(key="k").discover(place("@demo"))).entries) == 5
    site.pages.clear()
    error = await refusal(make(key="k"), "@demo")
    assert error.code == "youtube_removed"
    assert f"Tried: Data API ({code}), yt-dlp (removed)." in error.detail


@pytest.mark.parametrize(
    ("page", "code"),
    [
        (None, "removed"),
        (alert("This channel does not exist."), "removed"),
        (alert("This account has been terminated for a violation of YouTube's Terms of Service."), "removed"),
        (alert("The playlist does not exist."), "removed"),
        (alert("This playlist is private."), "private"),
        (Reply("", status=429), "rate_limited"),
    ],
)
async def test_a_list_that_cannot_be_read(site: Site, make: Make, page: Reply | None, code: str) -> None:
    if page is not None:
        site.pages |= {"/@demo/videos": page, f"/playlist?list={LIST}": page}
    assert (await refusal(make(), LIST)).code == f"youtube_{code}"


async def test_an_unknown_handle_is_said_by_the_key(site: Site, make: Make, wire: Wire) -> None:
    Api(site, [])
    assert (await refusal(make(key="k"), "@nobody")).code == "youtube_removed"
    assert {request.host for request in wire.requests} == {"www.googleapis.com"}

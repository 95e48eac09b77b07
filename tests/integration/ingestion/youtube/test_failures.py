"""Each thing that can stand in the way ends as a code of its own, and a second library is asked only where it can help."""

import asyncio
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest

from ingestion.origins.youtube.addresses import video
from ingestion.origins.youtube.failures import OBSTACLES
from ingestion.origins.youtube.origin import YouTubeOrigin
from runtime.errors import UnderstudyError
from runtime.testing import FixedClock
from tests.integration.ingestion.youtube.site import Site, Track, Video, asset
from tests.integration.ingestion.youtube.wire import Reply, Wire

Make = Callable[..., YouTubeOrigin]
ID = "demoTubes21"
TRACK = Track("en", [(0, "so take the wheel out")], automatic=True)


def player_asset(name: str) -> Reply:
    return Reply(asset(f"{name}.innertube.json"))


async def refusal(origin: YouTubeOrigin, **named: Any) -> UnderstudyError:
    with pytest.raises(UnderstudyError) as caught:
        await origin.fetch(video(ID), **named)
    error = caught.value
    assert error.code in OBSTACLES
    assert error.next_step
    return error


def asked_by_yt_dlp(wire: Wire) -> bool:
    return any(
        request.path.endswith("/player") and request.form["context"]["client"]["clientName"] != "ANDROID"
        for request in wire.requests
    )


def says(status: str, reason: str, subreason: str = "") -> dict[str, Any]:
    """Shape: `playabilityStatus` in the assets of youtube-transcript-api."""
    screen = (
        {"playerErrorMessageRenderer": {"subreason": {"runs": [{"text": subreason}]}}} if subreason else {}
    )
    return {"status": status, "reason": reason, "errorScreen": screen}


# The reasons: yt-dlp's tests and code (`_video.py`: 'skip' and `_extract_player_responses`), youtube-transcript-api's assets.
SAID = [
    (
        says("LOGIN_REQUIRED", "Private video", "Sign in if you've been granted access"),
        "private",
        False,
        False,
    ),
    (says("ERROR", "This video has been removed by the uploader"), "removed", False, False),
    (
        says("ERROR", "Video unavailable", "This video has been removed for violating YouTube's policy"),
        "removed",
        False,
        False,
    ),
    (
        says("ERROR", "This video is no longer available because the YouTube account has been terminated."),
        "removed",
        False,
        False,
    ),
    (
        says("UNPLAYABLE", "Join this channel to get access to members-only content like this video."),
        "members_only",
        False,
        False,
    ),
    (
        says(
            "LOGIN_REQUIRED",
            "Sign in to confirm your age",
            "This video may be inappropriate for some users.",
        ),
        "age_restricted",
        False,
        False,
    ),
    (
        says(
            "UNPLAYABLE",
            "Video unavailable",
            "The uploader has not made this video available in your country",
        ),
        "region_blocked",
        False,
        False,
    ),
    (
        says(
            "UNPLAYABLE",
            "Video unavailable. It contains content from X, who has blocked it in your country",
        ),
        "region_blocked",
        False,
        False,
    ),
    (says("UNPLAYABLE", "This video requires payment to watch"), "paid", False, False),
    (says("LIVE_STREAM_OFFLINE", "Premieres in 3 hours"), "premiere", True, False),
    (says("LIVE_STREAM_OFFLINE", "This live event will begin in 2 days."), "premiere", True, False),
    (says("LIVE_STREAM_OFFLINE", "This live event has ended."), "live", True, False),
    (says("UNPLAYABLE", "We're processing this video. Check back later."), "processing", True, False),
    (says("UNPLAYABLE", "This content isn't available, try again later."), "rate_limited", True, False),
    (says("LOGIN_REQUIRED", "Sign in to confirm you\u2019re not a bot"), "blocked", True, True),
    (says("ERROR", "This video is unavailable"), "unavailable", False, True),
    (says("UNPLAYABLE", "Something new"), "not_understood", True, True),
]


@pytest.mark.parametrize(("playability", "code", "transient", "second"), SAID)
async def test_what_the_player_says(
    site: Site, make: Make, wire: Wire, playability: dict[str, Any], code: str, transient: bool, second: bool
) -> None:
    site.add(Video(ID, playability=playability))
    error = await refusal(make())
    assert (error.code, error.transient) == (f"youtube_{code}", transient)
    assert asked_by_yt_dlp(wire) is second
    assert ("Tried: youtube-transcript-api (" in error.detail) is second


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        ({"ANDROID": player_asset("youtube_age_restricted")}, "age_restricted"),
        ({"page": Reply(asset("youtube_too_many_requests.html"))}, "blocked"),
        ({"page": Reply("", status=429)}, "rate_limited"),
        ({"timedtext": Reply("", status=429)}, "rate_limited"),
        ({"page": Reply(asset("youtube_consent_page.html"))}, "consent_wall"),
        ({"page": Reply(asset("youtube_consent_page_invalid.html"))}, "consent_wall"),
        ({"timedtext": Reply("")}, "captions_locked"),
        ({"page": Reply("<html></html>")}, "not_understood"),
    ],
)
async def test_pages_that_the_libraries_recorded(
    site: Site, make: Make, replies: dict[str, Reply], code: str
) -> None:
    """Where yt-dlp sees nothing either: its player answers as little."""
    bot = player_asset("youtube_request_blocked") if "page" in replies else None
    made = Video(ID, tracks=[TRACK], replies=replies)
    if bot:
        made.replies |= {"ANDROID": bot, "VISIONOS": Reply({"playabilityStatus": {"status": "ERROR"}})}
    site.add(made)
    assert (await refusal(make())).code == f"youtube_{code}"


async def test_captions_that_are_off_are_told_from_captions_to_come(site: Site, make: Make) -> None:
    site.add(Video(ID, published="2026-01-01T00:00:00+00:00"))
    later = FixedClock(datetime(2026, 1, 4, tzinfo=UTC))
    same_day = FixedClock(datetime(2026, 1, 1, 5, tzinfo=UTC))
    error = await refusal(make(clock=later))
    assert (error.code, error.transient) == ("youtube_no_captions", False)
    assert error.detail.endswith("Tried: youtube-transcript-api (no_captions), yt-dlp (no_captions).")
    error = await refusal(make(clock=same_day))
    assert (error.code, error.transient) == ("youtube_captions_pending", True)


async def test_a_stream_that_goes_on_is_not_taken_with_the_captions_so_far(site: Site, make: Make) -> None:
    site.add(Video(ID, tracks=[TRACK], details={"isLive": True, "isLiveContent": True}))
    assert (await refusal(make())).code == "youtube_live"


async def test_cookies_make_a_second_way_worth_trying(
    site: Site, make: Make, wire: Wire, tmp_path: Path
) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(
        "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t4102444800\tDEMO\tbiscuit\n"
    )
    site.add(Video(ID, tracks=[TRACK], replies={"ANDROID": player_asset("youtube_age_restricted")}))
    bundle = await make(cookie_file=cookies).fetch(video(ID))
    assert bundle.files[1].name == f"{ID}.en.vtt"


@pytest.mark.parametrize("content", [None, "these are no cookies"])
async def test_a_file_of_cookies_that_is_none(
    site: Site, make: Make, tmp_path: Path, content: str | None
) -> None:
    cookies = tmp_path / "cookies.txt"
    if content is not None:
        cookies.write_text(content)
    site.add(Video(ID, tracks=[TRACK]))
    assert (await refusal(make(cookie_file=cookies))).code == "youtube_cookies_unreadable"


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_proxy_that_is_not_there(site: Site, make: Make, scheme: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = await refusal(make(proxy=f"{scheme}://somebody:hunter2@127.0.0.1:{closed.getsockname()[1]}"))
    assert (error.code, error.transient) == ("youtube_proxy_failed", True)
    assert "hunter2" not in str(error)


async def test_a_server_that_says_nothing(site: Site, make: Make, wire: Wire) -> None:
    site.add(Video(ID, tracks=[TRACK]))
    wire.hold = Event()
    try:
        assert (await refusal(make(timeout_s=0.2))).code == "youtube_timeout"
    finally:
        wire.hold.set()


async def test_a_fetch_that_is_not_wanted_any_longer_leaves_nothing(
    site: Site, make: Make, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    site.add(Video(ID, tracks=[TRACK]))
    wire.hold = Event()
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    try:
        fetching = asyncio.create_task(make(timeout_s=60).fetch(video(ID)))
        await asyncio.to_thread(wire.asked.wait, 60)
        assert [name.startswith("understudy-youtube-") for name in os.listdir(tmp_path)] == [True]
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
    finally:
        wire.hold.set()
    assert os.listdir(tmp_path) == []
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_every_obstacle_says_what_to_do() -> None:
    assert all(detail.endswith(".") and step.endswith(".") for _, detail, step in OBSTACLES.values())
    assert len({step for _, _, step in OBSTACLES.values()}) >= len(OBSTACLES) - 2

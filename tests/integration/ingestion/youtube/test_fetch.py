"""Fetching a video with the real libraries: which captions are taken, and what is known about the video."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.bundles import Bundle
from ingestion.extraction import Extracted, extract
from ingestion.origins.youtube.addresses import video
from ingestion.origins.youtube.origin import YouTubeOrigin
from tests.integration.ingestion.youtube.site import CHANNEL, Site, Track, Video, asset
from tests.integration.ingestion.youtube.wire import Reply, Wire

Make = Callable[..., YouTubeOrigin]
ID = "demoTubes21"
AUTOMATIC = Track("en", [(1000, "so take the wheel out"), (5000, "and find the hole")], automatic=True)
BOT = Reply(asset("youtube_request_blocked.innertube.json"))


def info_of(bundle: Bundle) -> dict[str, Any]:
    return json.loads(next(file for file in bundle.files if file.name == f"{ID}.info.json").read())


def words(bundle: Bundle) -> str:
    return " ".join(segment.text for segment in extract(bundle).segments)


async def test_automatic_captions_come_with_the_time_of_each_word(site: Site, make: Make, wire: Wire) -> None:
    site.add(Video(ID, tracks=[AUTOMATIC]))
    bundle = await make().fetch(video(ID))
    read: Extracted = extract(bundle)
    assert [file.name for file in bundle.files] == [f"{ID}.info.json", f"{ID}.en.vtt"]
    assert [segment.text for segment in read.segments] == ["so take the wheel out", "and find the hole"]
    assert read.segments[0].word_starts_ms == (1000, 1300, 1600, 1900, 2200)
    assert (read.segments[1].start_ms, read.segments[1].end_ms) == (5000, 9000)
    # One reading of the page tells everything: YouTube blocks those who ask too much.
    assert wire.paths() == ["/watch", "/youtubei/v1/player", "/api/timedtext"]


async def test_what_is_known_about_the_video_is_kept(site: Site, make: Make) -> None:
    site.add(
        Video(ID, tracks=[AUTOMATIC], chapters=[(0, "Start"), (60_000, "The hole"), (120_000, "The patch")])
    )
    bundle = await make().fetch(video(ID))
    info = info_of(bundle)
    assert {name: info[name] for name in ("title", "duration", "upload_date", "timestamp", "channel_id")} == {
        "title": "How to fix a puncture",
        "duration": 600,
        "upload_date": "20240506",
        "timestamp": 1714979289,
        "channel_id": CHANNEL,
    }
    assert info["thumbnail"].endswith("hq.jpg")
    facts = extract(bundle).facts
    assert (facts.origin, facts.external_id, facts.language) == ("youtube", ID, "en")
    assert facts.url == f"https://www.youtube.com/watch?v={ID}"
    assert [(c.start_ms, c.title) for c in facts.chapters] == [
        (0, "Start"),
        (60_000, "The hole"),
        (120_000, "The patch"),
    ]


async def test_chapters_of_the_description_are_found(site: Site, make: Make) -> None:
    site.add(Video(ID, tracks=[AUTOMATIC], description="0:00 Start\n1:00 The hole\n2:30 The patch\n"))
    chapters = info_of(await make().fetch(video(ID)))["chapters"]
    assert [(c["start_time"], c["title"]) for c in chapters] == [
        (0, "Start"),
        (60, "The hole"),
        (150, "The patch"),
    ]


@pytest.mark.parametrize("blocked", [False, True], ids=["youtube-transcript-api", "yt-dlp"])
@pytest.mark.parametrize(
    ("tracks", "languages", "expected"),
    [
        ("de*", (), "de*"),
        ("en de*", ("de",), "de*"),  # what was spoken before what a person translated
        ("de de* en", ("de",), "de"),  # by a person before automatic
        ("en fr", ("fr", "en"), "fr"),  # the creator's main language before the second
        ("en fr", (), "en"),  # the setting's
        ("ja fr", ("de",), "fr"),  # another one before none
        ("en* de", (), "en*"),
    ],
)
async def test_the_right_track_is_taken(
    site: Site, make: Make, tracks: str, languages: tuple[str, ...], expected: str, blocked: bool
) -> None:
    """A star marks automatic captions."""
    made = [
        Track(name[:2], [(0, f"this is {name[:2]} {name[2:]}")], automatic="*" in name)
        for name in tracks.split()
    ]
    site.add(Video(ID, tracks=made, replies={"ANDROID": BOT} if blocked else {}))
    bundle = await make().fetch(video(ID), languages=languages)
    info = info_of(bundle)
    assert bundle.files[1].name == f"{ID}.{expected[:2]}.vtt"
    assert list(info["automatic_captions" if "*" in expected else "subtitles"]) == [expected[:2]]
    assert words(bundle).startswith(f"this is {expected[:2]}")
    assert info["captions_by"] == ("yt_dlp" if blocked else "youtube_transcript_api")


async def test_where_one_library_is_refused_the_other_goes_on(site: Site, make: Make, wire: Wire) -> None:
    site.add(
        Video(
            ID,
            tracks=[AUTOMATIC],
            replies={"ANDROID": BOT},
            chapters=[(0, "a"), (20_000, "b"), (40_000, "c")],
        )
    )
    bundle = await make().fetch(video(ID))
    assert extract(bundle).segments[0].word_starts_ms == (1000, 1300, 1600, 1900, 2200)
    assert len(extract(bundle).facts.chapters) == 3
    # A translation has its language in the address; none was asked for.
    assert [r.query.get("tlang") for r in wire.requests if r.path == "/api/timedtext"] == [None]


async def test_captions_without_word_times_are_read_in_the_other_format(site: Site, make: Make) -> None:
    class NoJson(Video):
        def timedtext(self, request: Any) -> Reply:
            return Reply("") if request.query.get("fmt") == "json3" else super().timedtext(request)

    site.add(NoJson(ID, tracks=[Track("en", [(1000, "Ben &amp;amp; Jerry"), (4000, "a &amp;lt; b")])]))
    assert words(await make().fetch(video(ID))) == "Ben & Jerry a < b"


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_all_ways_go_through_the_proxy(
    site: Site, make: Make, wire: Wire, scheme: str, monkeypatch: Any
) -> None:
    site.add(Video(ID, tracks=[AUTOMATIC], replies={"ANDROID": BOT}))
    site.api["videos"] = Reply({"items": []})
    await make(proxy=wire.proxy(scheme), key="k").fetch(video(ID))
    hosts = {(request.host, request.path) for request in wire.requests}
    assert ("www.googleapis.com", "/youtube/v3/videos") in hosts
    assert ("www.youtube.com", "/youtubei/v1/player") in hosts
    assert {request.by for request in wire.requests} == {"connect" if scheme == "http" else "socks"}


async def test_cookies_are_sent_and_their_file_is_left_as_it_is(
    site: Site, make: Make, wire: Wire, tmp_path: Path
) -> None:
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t4102444800\tDEMO\tbiscuit\n"
    cookies.write_text(text)
    headers = {"Set-Cookie": "ROTATED=1; Domain=.youtube.com; Path=/; Secure"}
    made = Video(ID, tracks=[AUTOMATIC], replies={"ANDROID": BOT})
    made.replies["page"] = Reply(made.page(), headers=headers)
    site.add(made)
    await make(cookie_file=cookies).fetch(video(ID))
    pages = [request for request in wire.requests if request.path == "/watch"]
    assert len(pages) == 2
    assert all("DEMO=biscuit" in request.headers["cookie"] for request in pages)
    assert cookies.read_text() == text


async def test_sound_is_fetched_where_captions_are_missing_and_it_is_wanted(
    site: Site, make: Make, tmp_path: Path
) -> None:
    sound = b"\x00\x00\x00\x18ftypM4A " + b"demo" * 1000
    site.add(Video(ID, sound=sound))
    bundle = await make(audio_folder=tmp_path / "audio").fetch(video(ID))
    assert [file.name for file in bundle.files] == [f"{ID}.info.json", f"{ID}.m4a"]
    assert bundle.files[1].read() == sound
    assert info_of(bundle)["title"] == "How to fix a puncture"

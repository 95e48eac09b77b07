"""Every origin as a person uses it: from `understudy ingest <input>` to an answer that cites what was put in.

The libraries, the server, the worker and the command are real; the sites are on this machine. One installation serves all,
each input has a creator of its own.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.web import Outside, opened
from tests.installation import Installation, installed
from tests.integration.ingestion.youtube.site import Track, Video, listed, lockup, playlist, tab
from tests.integration.ingestion.youtube.test_failures import says
from tests.unit.ingestion.archives_on_disk import tarred, zipped
from tests.unit.ingestion.caption_formats import (
    Said,
    as_json3,
    as_sbv,
    as_srv1,
    as_srv3,
    as_ttml,
    as_vtt,
    as_whisper,
    clock,
)
from tests.unit.ingestion.test_podcast import item, rss, transcript
from tests.unit.ingestion.test_takeout import HEADING, YOUTUBE, row
from tests.unit.ingestion.test_web import page

pytestmark = pytest.mark.timeout(600)

AT_MS = 65_000


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with opened(tmp_path_factory.mktemp("outside")) as there:
        yield there


@pytest.fixture(scope="module")
def house(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(
        tmp_path_factory.mktemp("origins") / "var", "--no-demo", **outside.settings
    ) as installation:
        yield installation


def fact(part: str) -> str:
    return f"The {part} wants seven turns of the red key before every long ride."


def speech(part: str) -> list[Said]:
    """A minute of something else, then the fact."""
    return [
        Said(1000, 5000, "Welcome back to the workshop, today we look at the whole bicycle."),
        Said(AT_MS, AT_MS + 5000, fact(part)),
        Said(AT_MS + 9000, AT_MS + 12000, "That was all for today, see you next week."),
    ]


def as_srt(cues: Sequence[Said]) -> bytes:
    blocks = (
        f"{n}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{cue.text}\n"
        for n, cue in enumerate(cues, start=1)
    )
    return "\n".join(blocks).encode()


def video(video_id: str, part: str, **named: Any) -> Video:
    lines = [(cue.start_ms, cue.text) for cue in speech(part)]
    return Video(video_id, title=f"About the {part}", tracks=[Track("en", lines)], **named)


def take_in(house: Installation, what: str, creator: str, *, ready: int = 1) -> dict[str, Any]:
    house.command("creators", "add", creator, "--name", creator.title())
    taken = house.command("ingest", what, "--creator", creator, check=False)
    assert taken["counts"] == {"ready": ready}, taken
    return taken


def cited(house: Installation, creator: str, part: str) -> dict[str, Any]:
    """The citation of the answer, which quotes the fact."""
    house.http.cookies.clear()
    question = f"How many turns of the red key does the {part} want before a long ride?"
    body = {"message": question, "creator_id": creator}
    answer = house.http.post("/api/v1/chat", json=body).raise_for_status().json()
    assert answer["kind"] in {"covered", "partly_covered"}, answer
    found = [one for one in answer["citations"] if fact(part).rstrip(".") in one["quote"]]
    assert found, answer
    return found[0]


def assert_at_the_second(citation: dict[str, Any]) -> None:
    assert abs(citation["start_ms"] - AT_MS) <= 1000, citation


def test_a_youtube_video(house: Installation, outside: Outside) -> None:
    outside.youtube.add(video("demoVideo01", "saddle"))
    take_in(house, "https://youtu.be/demoVideo01?si=shared", "video")
    citation = cited(house, "video", "saddle")
    assert_at_the_second(citation)
    assert (citation["external_id"], citation["title"]) == ("demoVideo01", "About the saddle")
    assert citation["url"].startswith("https://www.youtube.com/watch?v=demoVideo01")
    [source] = house.get("/api/v1/creators/video/sources")["sources"]
    assert source["seen_to_ready_s"] > 0
    published = datetime.fromisoformat(source["published_at"])
    assert published == datetime.fromisoformat("2024-05-06T07:08:09+00:00")
    ready = datetime.fromisoformat(source["ready_at"])
    assert source["published_to_ready_s"] == pytest.approx((ready - published).total_seconds(), abs=0.01)


def test_a_youtube_playlist(house: Installation, outside: Outside) -> None:
    name = "PL" + "w" * 32
    shown = [listed("demoListA01", "A"), listed("demoListB01", "B")]
    outside.youtube.pages[f"/playlist?list={name}"], outside.youtube.more[f"VL{name}"] = playlist(
        "Wheels", shown
    )
    outside.youtube.add(video("demoListA01", "pedal"))
    outside.youtube.add(video("demoListB01", "brake"))
    take_in(house, f"https://www.youtube.com/playlist?list={name}", "playlist", ready=2)
    citation = cited(house, "playlist", "brake")
    assert_at_the_second(citation)
    assert citation["external_id"] == "demoListB01"
    [feed] = house.command("feeds", "--creator", "playlist")["feeds"]
    assert (feed["watch"], feed["items"]["ready"], feed["title"]) == (True, 2, "Wheels")


def test_a_youtube_channel(house: Installation, outside: Outside) -> None:
    outside.youtube.pages["/@demo/videos"] = tab(
        "@demo", "videos", [lockup("demoChanA01", "A", "2 days ago")]
    )
    outside.youtube.pages["/@demo/streams"] = tab(
        "@demo", "streams", [lockup("demoChanB01", "B", "3 days ago")]
    )
    outside.youtube.pages["/@demo/shorts"] = tab("@demo", "shorts", [])
    outside.youtube.add(video("demoChanA01", "chain"))
    outside.youtube.add(video("demoChanB01", "crank"))
    take_in(house, "@demo", "channel", ready=2)
    assert_at_the_second(cited(house, "channel", "crank"))
    assert cited(house, "channel", "chain")["external_id"] == "demoChanA01"


def test_a_premiere_is_not_waited_for_by_the_person(house: Installation, outside: Outside) -> None:
    start = datetime.now(UTC) + timedelta(days=2)
    outside.youtube.add(
        Video(
            "demoSoonA01",
            playability=says("LIVE_STREAM_OFFLINE", "Premieres in 2 days"),
            details={"isUpcoming": True, "isLiveContent": True},
            live={"isLiveNow": False, "startTimestamp": start.isoformat()},
        )
    )
    house.command("creators", "add", "premiere", "--name", "Premiere")
    taken = house.command("ingest", "demoSoonA01", "--creator", "premiere")
    assert taken["counts"] == {"waiting": 1}
    [one] = taken["items"]
    assert one["code"] == "youtube_premiere"
    assert f"{start:%Y-%m-%d}" in one["next_step"]
    job = house.get(f"/api/v1/jobs/{one['job_id']}")
    assert (job["state"], job["attempts"], job["error_code"]) == ("queued", 0, "youtube_premiere")
    assert datetime.fromisoformat(job["run_at"]) > start
    [source] = house.get("/api/v1/creators/premiere/sources")["sources"]
    assert (source["state"], source["error_code"]) == ("pending", None)
    assert "asked for again by itself" in source["next_step"]


# The forms of podcast:transcript (Podcast Namespace, transcripts/transcripts.md).
TRANSCRIPTS = {
    "application/x-subrip": ("spoke", lambda cues: as_srt(cues).decode()),
    "text/vtt": ("hub", lambda cues: as_vtt(cues).decode()),
    "application/json": (
        "axle",
        lambda cues: json.dumps(
            {
                "version": "1.0.0",
                "segments": [
                    {
                        "speaker": "Mara",
                        "startTime": c.start_ms / 1000,
                        "endTime": c.end_ms / 1000,
                        "body": c.text,
                    }
                    for c in cues
                ],
            }
        ),
    ),
    "text/html": (
        "rim",
        lambda cues: "".join(
            f"<cite>Mara:</cite><time>{c.start_ms // 60000}:{c.start_ms // 1000 % 60:02}</time><p>{c.text}</p>"
            for c in cues
        ),
    ),
    "text/plain": (
        "tyre",
        lambda cues: "".join(
            f"Mara (00:{c.start_ms // 60000:02}:{c.start_ms // 1000 % 60:02}):\n{c.text}\n\n" for c in cues
        ),
    ),
}


def put_podcast(outside: Outside, path: str) -> str:
    episodes: list[str] = []
    for number, (kind, (part, write)) in enumerate(TRANSCRIPTS.items(), start=1):
        outside.put(f"/words/{number}", write(speech(part)), kind)
        more = transcript(f"/words/{number}", kind)
        episodes.append(
            item(f"ep-{number}", more, audio=f"{{site}}/{number}.mp3").replace("Seat posts", part)
        )
    return outside.put(path, rss(*episodes), "application/rss+xml")


@pytest.fixture(scope="module")
def podcast(house: Installation, outside: Outside) -> str:
    """By the page that stands for it: the feed is found, and becomes what is watched."""
    feed = put_podcast(outside, "/show/episodes")
    about = json.dumps({"@type": "PodcastSeries", "webFeed": feed})
    series = f'<script type="application/ld+json">{about}</script>'
    show = outside.put("/show", page(head=series))
    outside.put("/go", status=302, Location=show)
    taken = take_in(house, f"{outside.url}/go", "podcast", ready=5)
    assert len(taken["items"]) == 5
    return feed


@pytest.mark.parametrize("kind", TRANSCRIPTS)
def test_a_podcast_with_each_form_of_transcript(house: Installation, podcast: str, kind: str) -> None:
    part, _ = TRANSCRIPTS[kind]
    citation = cited(house, "podcast", part)
    assert_at_the_second(citation)
    assert citation["title"] == part


def test_a_podcast_s_page_became_its_feed(house: Installation, podcast: str) -> None:
    [feed] = house.command("feeds", "--creator", "podcast")["feeds"]
    assert (feed["url"], feed["watch"], feed["title"]) == (f"feed:{podcast}", True, "Wrench & Road")
    assert {one["origin"] for one in house.get("/api/v1/creators/podcast/sources")["sources"]} == {"podcast"}


def test_a_short_link_to_a_video(house: Installation, outside: Outside) -> None:
    outside.youtube.add(video("demoShort01", "fork"))
    url = outside.put("/x7", status=301, Location="https://youtu.be/demoShort01")
    taken = take_in(house, url, "shortlink")
    assert taken["items"][0]["name"] == "https://www.youtube.com/watch?v=demoShort01"
    assert cited(house, "shortlink", "fork")["external_id"] == "demoShort01"
    assert len(house.get("/api/v1/creators/shortlink/sources")["sources"]) == 1


def article(part: str) -> str:
    words = f"<p>Most riders never look at it, and wonder why it creaks. {fact(part)} Mine has done so for years.</p>"
    return page(f"<main><article><h1>The {part}</h1>{words}</article></main>")


def test_a_web_page(house: Installation, outside: Outside) -> None:
    url = outside.put("/post", article("bell"))
    take_in(house, f"{url}?utm_source=letter", "webpage")
    assert cited(house, "webpage", "bell")["url"].partition("#")[0] == url


@pytest.mark.parametrize("prefix", ["", "sitemap:"])
def test_a_sitemap(house: Installation, outside: Outside, prefix: str) -> None:
    creator = "told" if prefix else "untold"
    places = [outside.put(f"/{creator}/{part}", article(part)) for part in ("lamp", "lock")]
    listing = "".join(f"<url><loc>{place}</loc></url>" for place in places)
    url = outside.put(f"/{creator}/all", f"<urlset>{listing}</urlset>", "application/xml")
    take_in(house, f"{prefix}{url}", creator, ready=2)
    assert cited(house, creator, "lock")["url"].partition("#")[0] == places[1]


def files_of(video_id: str, part: str) -> dict[str, bytes]:
    info = {"id": video_id, "title": f"About the {part}", "duration": 90, "extractor_key": "Youtube"}
    return {f"{video_id}.info.json": json.dumps(info).encode(), f"{video_id}.en.vtt": as_vtt(speech(part))}


def test_a_folder(house: Installation, tmp_path: Path) -> None:
    for name, data in (files_of("demoFoldA01", "mirror") | files_of("demoFoldB01", "basket")).items():
        (tmp_path / name).write_bytes(data)
    take_in(house, str(tmp_path), "folder", ready=2)
    citation = cited(house, "folder", "basket")
    assert_at_the_second(citation)
    assert citation["external_id"] == "demoFoldB01"


PACKED = {
    "talks.zip": zipped,
    "talks.tar": tarred,
    "talks.tar.gz": lambda files: tarred(files, "w:gz"),
    "takeout-20260102T030405Z-001.zip": zipped,
}


@pytest.mark.parametrize("name", PACKED)
def test_an_archive(house: Installation, tmp_path: Path, name: str) -> None:
    creator = "".join(letter for letter in name.lower() if letter.isalpha())
    if name.startswith("takeout"):
        files = {
            f"{YOUTUBE}/video metadata/videos.csv": f"{HEADING}\n{row('demoPackA01', 'Pumps')}\n".encode(),
            f"{YOUTUBE}/videos/Pumps.en.srt": as_srt(speech("pump")),
        }
    else:
        files = files_of("demoPackA01", "pump")
    (tmp_path / name).write_bytes(PACKED[name](files))
    take_in(house, str(tmp_path / name), creator)
    citation = cited(house, creator, "pump")
    assert_at_the_second(citation)
    assert citation["external_id"] == "demoPackA01"


CAPTIONS = {
    "talk.vtt": as_vtt,
    "talk.srt": as_srt,
    "talk.ttml": as_ttml,
    "talk.sbv": as_sbv,
    "talk.json3": as_json3,
    "talk.srv3": as_srv3,
    "talk.srv1": as_srv1,
    "talk.json": as_whisper,
}


@pytest.fixture(scope="module")
def spoken(house: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """All forms in one folder, each beside an info file of its own."""
    folder = tmp_path_factory.mktemp("captions")
    for number, (name, write) in enumerate(CAPTIONS.items()):
        files = files_of(f"demoForm{number:03}", f"lever{number}")
        [info] = (data for key, data in files.items() if key.endswith(".info.json"))
        (folder / f"demoForm{number:03}.info.json").write_bytes(info)
        suffix = name.partition(".")[2]
        (folder / f"demoForm{number:03}.en.{suffix}").write_bytes(write(speech(f"lever{number}")))
    take_in(house, str(folder), "captions", ready=len(CAPTIONS))
    return house


@pytest.mark.parametrize("number", range(len(CAPTIONS)), ids=list(CAPTIONS))
def test_captions_of_every_form(spoken: Installation, number: int) -> None:
    citation = cited(spoken, "captions", f"lever{number}")
    assert_at_the_second(citation)
    assert citation["external_id"] == f"demoForm{number:03}"


@pytest.mark.parametrize("name", ["alone.vtt", "alone.json3"])
def test_captions_alone(house: Installation, tmp_path: Path, name: str) -> None:
    creator = name.replace(".", "")
    (tmp_path / name).write_bytes((as_vtt if name.endswith("vtt") else as_json3)(speech("stand")))
    take_in(house, str(tmp_path / name), creator)
    assert_at_the_second(cited(house, creator, "stand"))

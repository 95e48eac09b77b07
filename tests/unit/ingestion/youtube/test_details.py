"""What the ways tell about a video."""

from typing import Any

import pytest

from ingestion.origins.youtube.details import chapters_of, completed, from_api, live_obstacle, player_chapters
from ingestion.origins.youtube.failures import OBSTACLES, foremost, obstacle, reason_code


def starts(description: str, duration_s: float | None = 600) -> list[tuple[float, str]]:
    return [(chapter["start_time"], chapter["title"]) for chapter in chapters_of(description, duration_s)]


def test_chapters_of_a_description() -> None:
    expected = [(0.0, "Intro"), (75.0, "The hole"), (3725.0, "End")]
    assert starts("Hello\n0:00 Intro\n1:15 - The hole\n1:02:05 End\nThanks", 4000) == expected
    assert starts("(0:00) Intro\n(1:15) The hole\n(1:02:05) End", 4000) == expected
    assert starts("Intro 0:00\nThe hole - 1:15\nEnd 1:02:05", 4000) == expected
    assert chapters_of("0:00 a\n0:20 b\n0:40 c", 60)[-1] == {"start_time": 40.0, "end_time": 60, "title": "c"}


@pytest.mark.parametrize(
    "description",
    [
        "",
        "0:00 Intro\n1:00 End",  # YouTube wants three
        "0:30 Intro\n1:00 Middle\n2:00 End",  # from the beginning
        "0:00 Intro\n2:00 Middle\n1:00 End",  # in order
        "0:00 Intro\n0:05 Middle\n2:00 End",  # ten seconds each
        "0:00 Intro\n1:00 Middle\n9:55 End",  # the last one too
    ],
)
def test_times_that_are_no_chapters(description: str) -> None:
    assert starts(description) == []


def test_chapters_of_the_player_are_found_wherever_the_bar_holds_them() -> None:
    markers = [
        {"chapterRenderer": {"title": {"simpleText": title}, "timeRangeStartMillis": start}}
        for start, title in ((0, "a"), (90_000, "b"))
    ]
    bar = {"multiMarkersPlayerBarRenderer": {"markersMap": [{"value": {"chapters": markers}}]}}
    data = {"playerOverlays": {"playerOverlayRenderer": {"x": {"playerBar": bar}}}}
    assert player_chapters(data, 100) == [
        {"start_time": 0.0, "title": "a", "end_time": 90.0},
        {"start_time": 90.0, "title": "b", "end_time": 100},
    ]
    assert player_chapters({}, 100) == player_chapters({"playerOverlays": []}, 100) == []


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("PT1H2M3S", 3723), ("PT45S", 45), ("P1DT1S", 86401), ("P0D", None), (None, None)],
)
def test_durations_of_the_api(duration: str | None, seconds: int | None) -> None:
    assert from_api({"id": "x", "contentDetails": {"duration": duration}}).get("duration") == seconds


@pytest.mark.parametrize(
    ("state", "code"), [("live", "youtube_live"), ("upcoming", "youtube_premiere"), ("none", None)]
)
def test_what_is_not_over_yet(state: str, code: str | None) -> None:
    assert live_obstacle(from_api({"id": "x", "snippet": {"liveBroadcastContent": state}})) == code


def test_what_one_way_does_not_tell_another_does() -> None:
    first: dict[str, Any] = {
        "title": "A",
        "duration": None,
        "chapters": [],
        "description": "0:00 a\n1:00 b\n2:00 c",
    }
    found = completed(first, {"title": "B", "duration": 600})
    assert (found["title"], found["duration"], len(found["chapters"])) == ("A", 600, 3)


def test_the_first_thing_to_know_is_named() -> None:
    assert foremost(["youtube_blocked", "youtube_private"]) == "youtube_private"
    error = obstacle("youtube_blocked", [("one", "youtube_blocked"), ("two", "youtube_timeout")])
    assert error.transient
    assert error.detail.endswith("Tried: one (blocked), two (timeout).")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The current session works in parentheses", None),
        ("HTTP Error 429: Too Many Requests", "youtube_rate_limited"),
        ("Unable to connect to proxy", "youtube_proxy_failed"),
        (
            "Failed to resolve 'www.youtube.com' ([Errno -3] Temporary failure in name resolution)",
            "youtube_unreachable",
        ),
        ("Video unavailable. This video is private", "youtube_private"),
        ("This video is only available to Music Premium members", "youtube_paid"),
        ("This video is available to this channel's members on level: Supporter", "youtube_members_only"),
    ],
)
def test_reasons(text: str, code: str | None) -> None:
    assert reason_code(text) == code
    assert code is None or code in OBSTACLES

"""Info files as yt-dlp writes them, and as someone with bad intentions would."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creators import Chapter
from ingestion.info import is_playlist, parse_info
from runtime.errors import InvalidInput

VIDEO: dict[str, Any] = {
    "id": "3UfrB7_ZOx0",
    "title": "Bitcoin Core\u200b 24.0 ",
    "webpage_url": "https://www.youtube.com/watch?v=3UfrB7_ZOx0&list=x",
    "extractor_key": "Youtube",
    "upload_date": "20221007",
    "duration": 2447.4,
    "language": "en-US",
    "chapters": [
        {"start_time": 60.5, "end_time": 90.0, "title": "Ads"},
        {"start_time": 0.0, "end_time": 60.5, "title": "Intro"},
        {"start_time": 80.0, "title": None},
    ],
    "speakers": ["Ann", " ", "Bob  Lee", "Ann"],
    "subtitles": {"en": [{"ext": "vtt"}]},
    "automatic_captions": {"de": [], "en": []},
    "view_count": 10**30,
    "formats": [{"anything": float("1.5")}],
}


def info_with(**fields: object) -> bytes:
    return json.dumps({**VIDEO, **fields}).encode()


def test_all_that_is_used() -> None:
    info = parse_info(json.dumps(VIDEO).encode("utf-8-sig"))
    assert (info.id, info.title, info.is_youtube) == ("3UfrB7_ZOx0", "Bitcoin Core 24.0", True)
    assert info.url == "https://www.youtube.com/watch?v=3UfrB7_ZOx0"
    assert info.published_at == datetime(2022, 10, 7, tzinfo=UTC)
    assert (info.duration_ms, info.language) == (2447400, "en-US")
    assert info.chapters == (Chapter(0, "Intro"), Chapter(60500, "Ads"))
    assert info.cast.listed == ("Ann", "Bob Lee")
    assert (info.manual, info.automatic) == ({"en"}, {"de", "en"})


def test_least() -> None:
    info = parse_info(b'{"id": "x"}')
    assert (info.title, info.url, info.published_at, info.duration_ms, info.chapters) == (
        "x",
        None,
        None,
        None,
        (),
    )
    assert not info.is_youtube


def test_absent_values_are_null() -> None:
    nothing = {key: None for key in VIDEO if key != "id"}
    assert parse_info(info_with(**nothing)).title == VIDEO["id"]


def test_the_second_is_better_than_the_day() -> None:
    info = parse_info(info_with(timestamp=1665144000))
    assert info.published_at == datetime(2022, 10, 7, 12, 0, tzinfo=UTC)


def test_a_date_that_is_none_is_reported() -> None:
    info = parse_info(info_with(upload_date="20221345"))
    assert info.published_at is None
    assert [notice.code for notice in info.notices] == ["date_unreadable"]


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"extractor_key": "Vimeo", "webpage_url": "https://vimeo.com/1"}, "https://vimeo.com/1"),
        ({"extractor_key": None, "webpage_url": "https://example.org/a"}, "https://example.org/a"),
        ({"extractor_key": "Generic", "webpage_url": "javascript:alert(1)"}, None),
        ({"extractor_key": "Generic", "webpage_url": "file:///etc/passwd"}, None),
        ({"extractor_key": "Generic", "webpage_url": "https://[broken"}, None),
        ({"id": "short", "webpage_url": "//x"}, None),
    ],
)
def test_addresses_of_other_places(fields: dict[str, object], url: str | None) -> None:
    info = parse_info(info_with(**fields))
    assert (info.is_youtube, info.url) == (False, url)


WRONG_FIELDS: list[tuple[str, object]] = [
    ("id", 7),
    ("id", ""),
    ("id", "a b"),
    ("id", "../../etc"),
    ("id", "x\x00"),
    ("id", "x" * 300),
    ("title", 5),
    ("title", "x" * 5000),
    ("duration", "12"),
    ("duration", -1),
    ("duration", True),
    ("duration", 1e12),
    ("timestamp", 1e300),
    ("timestamp", -5),
    ("upload_date", 20221007),
    ("chapters", {"start_time": 0}),
    ("chapters", [{"title": "x"}]),
    ("chapters", [{"start_time": -1, "title": "x"}]),
    ("speakers", "Ann"),
    ("speakers", [1]),
    ("subtitles", ["en"]),
    ("language", ["en"]),
]
REFUSED = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"WEBVTT",
    b"\x89PNG\r\n\x1a\n",
    b"{}",
    b'{"id": "x", "duration": NaN}',
    b'{"id": "x", "duration": Infinity}',
    b'{"id": "x", "duration": 1e400}',
    b'{"id": "x", "duration": ' + b"9" * 10_000 + b"}",
    b'{"id": "x", "chapters": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"id": "x", "formats": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    b'{"id": "\\ud800"}',
    *(info_with(**{field: value}) for field, value in WRONG_FIELDS),
]


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: data[:40].decode("latin-1"))
def test_what_cannot_be_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_info(data)
    assert caught.value.code == "info_broken"
    assert caught.value.next_step


def test_the_refusal_names_the_field_and_not_its_content() -> None:
    with pytest.raises(InvalidInput, match=r"'chapters\.0\.start_time'") as caught:
        parse_info(info_with(chapters=[{"start_time": "secret"}]))
    assert "secret" not in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(VIDEO)), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(VIDEO)), _JSON, max_size=6))
def test_any_json_is_read_or_refused(fields: dict[str, object]) -> None:
    try:
        info = parse_info(info_with(**fields))
    except InvalidInput:
        return
    assert "\x00" not in info.title
    assert (info.title + "".join(info.cast.listed)).encode()


def test_playlists() -> None:
    assert is_playlist(b'{"_type": "playlist", "id": "PL1"}')
    assert not is_playlist(b'{"_type": "video", "id": "PL1"}')


def marked(*reads: tuple[float, float, str]) -> list[dict[str, object]]:
    """As `SponsorBlockPP` of yt-dlp writes them."""
    return [
        {"start_time": start, "end_time": end, "category": category, "title": "Sponsor", "type": "skip"}
        for start, end, category in reads
    ]


@pytest.mark.parametrize(
    ("chapters", "reads", "expected"),
    [
        (
            [(0, "Intro"), (60, "Chains")],
            [(80.5, 100, "sponsor")],
            [(0, "Intro"), (60_000, "Chains"), (80_500, "Sponsor"), (100_000, "Chains")],
        ),
        ([], [(0, 30, "sponsor")], [(0, "Sponsor"), (30_000, "Talk")]),
        ([], [(20, 30, "sponsor")], [(0, "Talk"), (20_000, "Sponsor"), (30_000, "Talk")]),
        ([(50, "Late")], [(20, 60, "sponsor")], [(0, "Talk"), (20_000, "Sponsor"), (60_000, "Late")]),
        ([(0, "A"), (30, "B")], [(20, 30, "sponsor")], [(0, "A"), (20_000, "Sponsor"), (30_000, "B")]),
        (
            [(0, "A")],
            [(20, 30, "sponsor"), (25, 40, "sponsor"), (40, 50, "sponsor")],
            [(0, "A"), (20_000, "Sponsor"), (50_000, "A")],
        ),
        ([(0, "A")], [(20, 30, "selfpromo"), (40, 50, "intro"), (60, 60, "sponsor")], [(0, "A")]),
    ],
)
def test_what_sponsorblock_marked_is_a_chapter(
    chapters: list[tuple[float, str]],
    reads: list[tuple[float, float, str]],
    expected: list[tuple[int, str]],
) -> None:
    named = [{"start_time": start, "title": title} for start, title in chapters]
    info = parse_info(info_with(title="Talk", chapters=named, sponsorblock_chapters=marked(*reads)))
    assert info.chapters == tuple(Chapter(start_ms, title) for start_ms, title in expected)

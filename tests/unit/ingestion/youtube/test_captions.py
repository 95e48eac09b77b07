"""From YouTube's formats to WebVTT, which the parser of captions reads back."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingestion.captions import parse_captions
from ingestion.origins.youtube.captions import choose, from_json3, from_snippets


def json3(*events: dict[str, Any]) -> bytes:
    return json.dumps({"wireMagic": "pb3", "events": list(events)}).encode()


def test_words_keep_their_times_and_lines_do_not_repeat() -> None:
    vtt = from_json3(
        json3(
            {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
            {
                "tStartMs": 80,
                "dDurationMs": 4000,
                "segs": [{"utf8": "hi"}, {"utf8": " all", "tOffsetMs": 400}],
            },
            {"tStartMs": 2000, "dDurationMs": 2080, "aAppend": 1, "segs": [{"utf8": "\n"}]},
            {
                "tStartMs": 2010,
                "dDurationMs": 3000,
                "segs": [{"utf8": "a<b"}, {"utf8": " &c", "tOffsetMs": 200}],
            },
        )
    )
    assert vtt == (
        "WEBVTT\n\n00:00:00.080 --> 00:00:02.010\nhi <00:00:00.480>all\n\n"
        "00:00:02.010 --> 00:00:05.010\na&lt;b <00:00:02.210>&amp;c\n"
    )
    cues = parse_captions(vtt.encode()).cues
    assert [(cue.text, cue.word_starts_ms) for cue in cues] == [
        ("hi all", (80, 480)),
        ("a<b &c", (2010, 2210)),
    ]


def test_captions_by_a_person_keep_their_lines_and_ends() -> None:
    vtt = from_json3(
        json3({"tStartMs": 1000, "dDurationMs": 2000, "segs": [{"utf8": "one\n\ntwo --> three"}]})
    )
    assert vtt is not None
    (cue,) = parse_captions(vtt.encode()).cues
    assert (cue.text, cue.start_ms, cue.end_ms) == ("one two --> three", 1000, 3000)


def test_what_holds_no_words_is_nothing() -> None:
    for data in (b"", b"{}", b"[]", b"<html>", json3(), json3({"tStartMs": 0, "segs": [{"utf8": "\n"}]})):
        assert from_json3(data) is None
    assert from_snippets([("  ", 0.0, 1.0)]) is None


def test_plain_lines() -> None:
    vtt = from_snippets([("a & b", 3661.5, 0.0)])
    assert vtt == "WEBVTT\n\n01:01:01.500 --> 01:01:11.500\na &amp; b\n"


words = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=8)
segments = st.fixed_dictionaries({"utf8": words}, optional={"tOffsetMs": st.integers(0, 5000)})
events = st.fixed_dictionaries(
    {"tStartMs": st.integers(0, 10**7)},
    optional={
        "dDurationMs": st.integers(0, 10**5),
        "aAppend": st.just(1),
        "segs": st.lists(segments, max_size=6),
    },
)


@given(st.lists(events, max_size=6))
def test_every_word_survives(given_events: list[dict[str, Any]]) -> None:
    vtt = from_json3(json3(*given_events))
    said = [
        segment["utf8"]
        for event in given_events
        if "aAppend" not in event
        for segment in event.get("segs", [])
    ]
    if vtt is None:
        assert not "".join(said).strip()
    else:
        assert vtt.count("-->") <= len(given_events)
        assert len(vtt) >= len("".join("".join(said).split()))


def test_the_choice_of_a_track() -> None:
    def chosen(tracks: str, wanted: str) -> str | None:
        return choose(
            tracks.split(),
            wanted.split(),
            language=lambda track: track.strip("*"),
            automatic=lambda track: track.endswith("*"),
        )

    assert chosen("", "en") is None
    assert chosen("en-GB en", "en") == "en"
    assert chosen("pt-BR fr", "pt") == "pt-BR"
    assert chosen("en* de* de", "de en") == "de"  # dubbed: nothing tells which was spoken
    assert chosen("en* de", "de") == "de"
    assert chosen("en* de", "de en") == "en*"
    assert chosen("ja ko*", "en") == "ko*"

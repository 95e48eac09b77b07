"""Captions that are broken, in times or in bytes: repaired by a rule that is told, or refused with a reason."""

import pytest

from ingestion.captions import Cue, parse_captions
from runtime.errors import InvalidInput


def cues(text: str, **options: object) -> list[Cue]:
    return list(parse_captions(text.encode(), **options).cues)  # pyright: ignore[reportArgumentType]


def vtt(*texts: str) -> str:
    """A file whose cues last two seconds each."""
    blocks = (
        f"00:{2 * n // 60:02}:{2 * n % 60:02}.000 --> 00:{(2 * n + 2) // 60:02}:{(2 * n + 2) % 60:02}.000\n{text}"
        for n, text in enumerate(texts)
    )
    return "WEBVTT\n\n" + "\n\n".join(blocks) + "\n"


def notices(text: str) -> dict[str, int]:
    return {notice.code: notice.count for notice in parse_captions(text.encode()).notices}


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "captions_empty"),
            (b"  \n\n", "captions_empty"),
            (b"WEBVTT\n\n", "captions_empty"),
            (vtt("[Music]", "").encode(), "captions_empty"),
            (vtt("", "<v Ann>").encode(), "captions_empty"),
            (b"<html><body>Not found</body></html>", "captions_broken"),
            (b'{"events": []}', "captions_broken"),
            (b"WEBVTTt\x89PNG", "captions_encoding"),
            (b"\x89PNG\r\n\x1a\n\x00\x00", "captions_not_text"),
            (b"PK\x03\x04rest", "captions_not_text"),
            (b"WEBVTT\n\n\x00\x01\x02\x03\x04\x05", "captions_not_text"),
            (vtt("один два три").encode("cp1251"), "captions_encoding"),
            (b"\xff\xfe\x00", "captions_encoding"),
        ],
    )
    def test_code_and_next_step(self, data: bytes, code: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            parse_captions(data)
        assert caught.value.code == code
        assert caught.value.next_step

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
    def test_unicode_in_any_form(self, encoding: str) -> None:
        assert [cue.text for cue in parse_captions(vtt("Grüße, 世界").encode(encoding)).cues] == [
            "Grüße, 世界"
        ]

    def test_a_stray_byte_is_read_and_reported(self) -> None:
        data = vtt("It", "is Zoë", *["fine"] * 50).encode().replace(b"It", b"It\x92s")
        captions = parse_captions(data)
        assert [cue.text for cue in captions.cues[:2]] == ["It’s", "is Zoë"]
        assert [(notice.code, notice.count) for notice in captions.notices] == [("bytes_not_utf8", 1)]


class TestTimes:
    def test_a_mistyped_start_stays_in_place(self) -> None:
        text = """WEBVTT

00:25:10.000 --> 00:25:14.000
one

00:25:14.000 --> 00:25:17.000
two

00:15:18.000 --> 00:25:20.000
three

00:25:20.000 --> 00:25:23.000
four
"""
        assert [(cue.text, cue.start_ms // 1000, cue.end_ms // 1000) for cue in cues(text)] == [
            ("one", 1510, 1514),
            ("two", 1514, 1517),
            ("three", 1517, 1520),
            ("four", 1520, 1523),
        ]
        assert notices(text) == {"cues_mistimed": 1}

    def test_a_start_that_leaps_ahead_does_not_push_the_rest(self) -> None:
        text = vtt("a", "b", "c", "d", "e").replace(
            "00:00:04.000 --> 00:00:06.000", "09:00:04.000 --> 09:00:06.000"
        )
        assert [(cue.text, cue.start_ms) for cue in cues(text)] == [
            ("a", 0),
            ("b", 2000),
            ("c", 4000),
            ("d", 6000),
            ("e", 8000),
        ]

    def test_cues_in_the_wrong_place_move_to_their_free_time(self) -> None:
        parts = vtt("a", "b", "c", "d", "e", "f").removeprefix("WEBVTT\n\n").strip().split("\n\n")
        text = "WEBVTT\n\n" + "\n\n".join(parts[3:] + parts[:3])
        assert [cue.text for cue in cues(text)] == list("abcdef")
        assert notices(text) == {"cues_moved": 3}

    def test_backward_times_are_swapped(self) -> None:
        text = vtt("a", "b", "c").replace("00:00:02.000 --> 00:00:04.000", "00:00:04.000 --> 00:00:02.000")
        assert [(cue.start_ms, cue.end_ms) for cue in cues(text)] == [(0, 2000), (2000, 4000), (4000, 6000)]
        assert notices(text) == {"cues_mistimed": 1}

    def test_overlap_ends_at_the_next_start(self) -> None:
        text = vtt("a", "b", "c").replace("--> 00:00:02.000", "--> 00:00:05.000")
        assert [(cue.start_ms, cue.end_ms) for cue in cues(text)] == [(0, 2000), (2000, 4000), (4000, 6000)]
        assert notices(text) == {"cues_overlapping": 1}

    def test_words_under_an_unreadable_time_are_kept(self) -> None:
        text = vtt("a", "b c", "d").replace("00:00:02.000 --> 00:00:04.000", "00:00:0x.000 --> 00:00:04.000")
        assert [(cue.text, cue.start_ms, cue.end_ms) for cue in cues(text)] == [
            ("a", 0, 2000),
            ("b c", 2000, 4000),
            ("d", 4000, 6000),
        ]
        assert notices(text) == {"cues_mistimed": 1}

    def test_a_cue_written_twice_counts_once(self) -> None:
        text = vtt("a", "b") + "\n" + vtt("a", "b").removeprefix("WEBVTT\n\n")
        assert [cue.text for cue in cues(text)] == ["a", "b"]
        assert notices(text) == {"cues_doubled": 2}

    def test_mostly_impossible_times_are_refused(self) -> None:
        text = "WEBVTT\n\n" + "\n\n".join(
            f"00:00:{50 - n:02}.500 --> 00:00:{n:02}.000\nw{n}" for n in range(20)
        )
        with pytest.raises(InvalidInput, match="20 of 20 cues") as caught:
            parse_captions(text.encode())
        assert caught.value.code == "captions_broken"

    def test_times_beyond_the_recording_are_reported(self) -> None:
        captions = parse_captions(vtt("a", "b", "c").encode(), duration_ms=3000)
        assert [(notice.code, notice.count) for notice in captions.notices] == [("cues_out_of_range", 1)]

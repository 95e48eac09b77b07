"""Captions as files in the wild hold them: what is said comes out once, with who said it and when."""

import pytest

from ingestion.captions import Cue, parse_captions
from runtime.errors import InvalidInput


def cues(text: str, **options: object) -> list[Cue]:
    return list(parse_captions(text.encode(), **options).cues)  # pyright: ignore[reportArgumentType]


def said(text: str, **options: object) -> list[tuple[str | None, str]]:
    return [(cue.speaker, cue.text) for cue in cues(text, **options)]


def vtt(*texts: str) -> str:
    """A file whose cues last two seconds each."""
    blocks = (
        f"00:{2 * n // 60:02}:{2 * n % 60:02}.000 --> 00:{(2 * n + 2) // 60:02}:{(2 * n + 2) % 60:02}.000\n{text}"
        for n, text in enumerate(texts)
    )
    return "WEBVTT\n\n" + "\n\n".join(blocks) + "\n"


def notices(text: str) -> dict[str, int]:
    return {notice.code: notice.count for notice in parse_captions(text.encode()).notices}


class TestFormats:
    def test_webvtt_with_all_that_is_not_speech(self) -> None:
        text = """\ufeffWEBVTT - a title
X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000
Language: pt-BR

STYLE
::cue(.loud) { color: red }

REGION
id:top
width:40%

NOTE
This is not said, and neither
is this.

intro
00:01.500 --> 00:03.000 align:start position:0% line:-1
<c.yellow.bg_blue>Hello</c> <i>dear</i> <b>friends</b> &amp; <u>foes</u>,

NOTE one line

01:02:03.004 --> 01:02:05.000
at R&D we say <lang en>"<ruby>so</ruby>&nbsp;be it"</lang>&lrm;
"""
        captions = parse_captions(text.encode())
        assert [(cue.start_ms, cue.end_ms) for cue in captions.cues] == [(1500, 3000), (3723004, 3725000)]
        assert captions.cues[0].text == "Hello dear friends & foes,"
        assert captions.cues[1].text.startswith('at R&D we say "so be it"')
        assert captions.language == "pt-BR"
        assert captions.notices == ()

    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
    def test_subrip(self, line_end: str) -> None:
        text = '1\n00:00:01,000 --> 00:00:02,5\n<font color="#fff">One</font> {\\an8}<I>two</I>\n\n2\n00:00:02,500 --> 00:00:04,000\nthree\n'
        found = cues(text.replace("\n", line_end))
        assert [(cue.start_ms, cue.end_ms, cue.text) for cue in found] == [
            (1000, 2500, "One two"),
            (2500, 4000, "three"),
        ]

    def test_text_torn_off_by_an_empty_line_is_kept(self) -> None:
        text = (
            "1\n00:00:01,000 --> 00:00:02,000\n\nOne\n\ntwo\n\n2\n00:00:02,000 --> 00:00:03,000\nthree\n\n3\n"
        )
        assert said(text) == [(None, "One two"), (None, "three")]

    def test_cues_without_empty_lines_between(self) -> None:
        text = "1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:02,000 --> 00:00:03,000\nroom 2\n3\n00:00:03,000 --> 00:00:04,000\nthree"
        assert said(text) == [(None, "One"), (None, "room 2"), (None, "three")]

    def test_only_known_tags_are_tags(self) -> None:
        assert said(vtt("see <example.org> or <me@example.org", "if a < b and c > d", "a <- b")) == [
            (None, "see <example.org> or <me@example.org"),
            (None, "if a < b and c > d"),
            (None, "a <- b"),
        ]

    def test_tags_inside_a_word_do_not_cut_it(self) -> None:
        assert said(vtt("<i>super</i>man")) == [(None, "superman")]

    @pytest.mark.parametrize(
        "mark", ["[Music]", "[ Applause ]", "♪", "♪♪ ♪", "(laughter)", ">> [Music]", "[music] [applause]"]
    )
    def test_cues_that_hold_only_marks_of_sounds_go(self, mark: str) -> None:
        assert said(vtt("Hello", mark, "world")) == [(None, "Hello"), (None, "world")]

    @pytest.mark.parametrize(
        "text",
        ["[Music] Hello", "(Ad removed)", "♪ la la la ♪", "[the part about boosts is left out]", "(really)"],
    )
    def test_other_brackets_stay(self, text: str) -> None:
        assert said(vtt(text)) == [(None, text)]


class TestSpeakers:
    def test_voice_tags(self) -> None:
        text = vtt(
            "<v Ann>Hi.",
            "<v.loud.first Bob O'Neil>Hello\nthere.</v> (door)",
            "No one",
            "<v [Audience] >Why?",
            "<v R&amp;B>x",
        )
        assert said(text) == [
            ("Ann", "Hi."),
            ("Bob O'Neil", "Hello there."),
            (None, "(door)"),
            (None, "No one"),
            ("Audience", "Why?"),
            ("R&B", "x"),
        ]

    def test_voices_share_a_cue_by_length(self) -> None:
        first, second = cues(vtt("<v Ann>123456789 <v Bob>1234"))
        assert (first.start_ms, first.end_ms, first.text) == (0, 1333, "123456789")
        assert (second.start_ms, second.end_ms, second.speaker) == (1333, 2000, "Bob")

    def test_labels_that_recur_hold_until_the_next(self) -> None:
        text = vtt(
            "ANN: Hi.",
            "I am Ann.",
            "BOB: Hello.",
            "ANN: So.",
            "BOB: Well.",
            "CARL: Me too.",
            "Note: it rains.",
        )
        assert said(text) == [
            ("ANN", "Hi."),
            ("ANN", "I am Ann."),
            ("BOB", "Hello."),
            ("ANN", "So."),
            ("BOB", "Well."),
            ("CARL", "Me too."),
            ("CARL", "Note: it rains."),
        ]

    def test_known_speakers_need_not_recur(self) -> None:
        text = vtt("Aaron van Wirdum: Live.", "Sjors: here. Aaron van Wirdum: And there.")
        assert said(text, known_speakers=["aaron VAN wirdum"]) == [
            ("Aaron van Wirdum", "Live."),
            ("Aaron van Wirdum", "Sjors: here."),
            ("Aaron van Wirdum", "And there."),
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "Note: mind the gap.",
            "So here's the thing: it works.",
            "Step 1: breathe.",
            "At 10:30 we left.",
            "My Question: why?",
        ],
    )
    def test_a_colon_does_not_make_a_speaker(self, text: str) -> None:
        assert said(vtt(text, "And then", text, "he said")) == [
            (None, text),
            (None, "And then"),
            (None, text),
            (None, "he said"),
        ]

    def test_broadcast_marks(self) -> None:
        text = vtt(
            "&gt;&gt; JOHN SMITH: Good evening.",
            "More of it.",
            ">> Thank you. >> You too.",
            "Bye.",
            ">>>NEXT: one",
        )
        assert said(text) == [
            ("JOHN SMITH", "Good evening."),
            ("JOHN SMITH", "More of it."),
            (None, "Thank you."),
            (None, "You too."),
            (None, "Bye."),
            ("NEXT", "one"),
        ]

    def test_two_angles_within_a_sentence_are_no_turn(self) -> None:
        assert said(vtt("shift x >> 2")) == [(None, "shift x >> 2")]

    def test_dialogue_with_dashes(self) -> None:
        assert said(vtt("- Are you there?\n-Yes.", "-5 degrees\n- no")) == [
            (None, "Are you there?"),
            (None, "Yes."),
            (None, "-5 degrees - no"),
        ]

    def test_a_name_in_the_text_is_believed_over_the_tag(self) -> None:
        """As in hand-made transcripts where the mark of a turn was forgotten."""
        found = cues(
            vtt(
                "<v Ann>Hi.",
                "<v Ann>Bob: No!",
                "<v Ann>Or yes.",
                "<v Ann>Ann: Fine.",
                "<v Ann>Good.",
                "<v Bob>Ok.",
            )
        )
        assert [(cue.speaker, cue.perhaps, cue.text) for cue in found] == [
            ("Ann", None, "Hi."),
            ("Bob", None, "No!"),
            ("Ann", "Bob", "Or yes."),
            ("Ann", None, "Fine."),
            ("Ann", None, "Good."),
            ("Bob", None, "Ok."),
        ]

    def test_a_clock_time_glued_to_a_name_goes_with_it(self) -> None:
        assert said(vtt("<v Ann>Hi.", "<v Bob>Ann:00:12:14 I think")) == [("Ann", "Hi."), ("Ann", "I think")]


class TestWordTimes:
    def test_times_stand_before_words(self) -> None:
        (cue,) = cues(vtt("one<00:00:00.400><c> two</c><00:00:01.100><c> three</c> four"))
        assert cue.text == "one two three four"
        assert cue.word_starts_ms == (0, 400, 1100, 1590)

    def test_times_that_cannot_be_are_held_inside_the_cue(self) -> None:
        (cue,) = cues(vtt("one<00:00:09.000> two<00:00:00.500> three"))
        assert cue.word_starts_ms == (0, 2000, 2000)

    def test_a_time_within_a_word_is_not_the_next_words(self) -> None:
        (cue,) = cues(vtt("won<00:00:00.500>der<00:00:01.000> ful"))
        assert (cue.text, cue.word_starts_ms) == ("wonder ful", (0, 1000))

    def test_none_without_times(self) -> None:
        assert cues(vtt("one two"))[0].word_starts_ms is None


ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.350 align:start position:0%
 
hello<00:00:00.480><c> everyone</c><00:00:00.800><c> yeah</c>

00:00:02.350 --> 00:00:02.360 align:start position:0%
hello everyone yeah
 

00:00:02.360 --> 00:00:04.000 align:start position:0%
hello everyone yeah
yeah

00:00:04.000 --> 00:00:04.010 align:start position:0%
yeah
 

00:00:04.010 --> 00:00:05.000 align:start position:0%
yeah
yeah

00:00:05.000 --> 00:00:05.010 align:start position:0%
yeah
 

00:00:05.010 --> 00:00:06.000 align:start position:0%
yeah
[Music]

00:00:06.000 --> 00:00:06.010 align:start position:0%
[Music]
 

00:00:06.010 --> 00:00:07.000 align:start position:0%
[Music]
welcome<00:00:06.500><c> back</c>
"""


class TestRollUp:
    def test_each_word_once_even_if_said_again(self) -> None:
        captions = parse_captions(ROLLING.encode())
        assert captions.rolled
        assert [(cue.start_ms, cue.text, cue.word_starts_ms) for cue in captions.cues] == [
            (160, "hello everyone yeah", (160, 480, 800)),
            (2360, "yeah", None),
            (4010, "yeah", None),
            (6010, "welcome back", (6010, 6500)),
        ]

    def test_without_fillers_and_times(self) -> None:
        text = vtt("one two", "one two\nthree four", "three four\nfive", "five")
        assert said(text) == [(None, "one two"), (None, "three four"), (None, "five")]

    def test_a_line_that_grows(self) -> None:
        text = vtt("so", "so we", "so we went", "so we went home", "home again")
        assert " ".join(cue.text for cue in cues(text)) == "so we went home again"

    def test_what_people_repeat_stays_where_captions_do_not_roll(self) -> None:
        lines = ["Yeah.", "Yeah.", "I know.", "I know.", "I know that.", "No.", "No.", "No."]
        captions = parse_captions(vtt(*lines).encode())
        assert [cue.text for cue in captions.cues] == lines
        assert not captions.rolled

    def test_two_lines_of_which_one_comes_back_do_not_roll(self) -> None:
        lines = ["Yeah.", "Yeah.\nWe should.", "Should we?", "I think\nso.", "so.\nIs that all?", "Maybe."]
        assert len(cues(vtt(*lines))) == 6
        assert sum(len(cue.text.split()) for cue in cues(vtt(*lines))) == sum(
            len(line.split()) for line in lines
        )


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

"""Captions as files in the wild hold them: what is said comes out once, with who said it and when."""

import pytest

from ingestion.captions import Cue, parse_captions


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

    def test_another_voice_ends_all_doubt(self) -> None:
        found = cues(
            vtt("<v Ann>Bob: No!\n<v Carl>Hm.", "<v Ann>Bob: No!", "<v Carl>Hm."), known_speakers=["Bob"]
        )
        assert [(cue.speaker, cue.perhaps) for cue in found] == [
            ("Bob", None),
            ("Carl", None),
            ("Bob", None),
            ("Carl", None),
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
        assert cues(vtt("won<00:00:00.500>der ful"))[0].word_starts_ms is None

    def test_none_without_times(self) -> None:
        assert cues(vtt("one two"))[0].word_starts_ms is None


# `~` stands for a line that holds one space.
ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.350 align:start position:0%
~
hello<00:00:00.480><c> everyone</c><00:00:00.800><c> yeah</c>

00:00:02.350 --> 00:00:02.360 align:start position:0%
hello everyone yeah
~

00:00:02.360 --> 00:00:04.000 align:start position:0%
hello everyone yeah
yeah

00:00:04.000 --> 00:00:04.010 align:start position:0%
yeah
~

00:00:04.010 --> 00:00:05.000 align:start position:0%
yeah
yeah

00:00:05.000 --> 00:00:05.010 align:start position:0%
yeah
~

00:00:05.010 --> 00:00:06.000 align:start position:0%
yeah
[Music]

00:00:06.000 --> 00:00:06.010 align:start position:0%
[Music]
~

00:00:06.010 --> 00:00:07.000 align:start position:0%
[Music]
welcome<00:00:06.500><c> back</c>
""".replace("~", " ")


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

    def test_words_said_again_without_fillers(self) -> None:
        text = vtt("so\nyeah", "yeah\nyeah", "yeah\nyeah", "yeah\nno")
        assert " ".join(cue.text for cue in cues(text)) == "so yeah yeah yeah no"

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

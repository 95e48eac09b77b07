"""Caption formats beside WebVTT and SubRip, with what real programs write into them."""

import json

import pytest

from ingestion.captions import Cue, parse_captions
from runtime.errors import InvalidInput


def cues(text: str | object) -> list[Cue]:
    data = text if isinstance(text, str) else json.dumps(text)
    return list(parse_captions(data.encode()).cues)


def times(text: str | object) -> list[tuple[int, int, str]]:
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in cues(text)]


def said(text: str | object) -> list[tuple[str | None, str]]:
    return [(cue.speaker, cue.text) for cue in cues(text)]


def tt(body: str, attributes: str = "", head: str = "") -> str:
    return (
        f'<?xml version="1.0"?>\n<!-- made by hand --><tt xmlns="http://www.w3.org/ns/ttml" {attributes}>'
        f"<head>{head}</head><body>{body}</body></tt>"
    )


class TestTtml:
    @pytest.mark.parametrize(
        ("begin", "end", "attributes", "expected"),
        [
            ("00:00:01.5", "00:00:02.25", "", (1500, 2250)),
            ("00:00:01:12", "00:00:02:00", 'ttp:frameRate="24"', (1500, 2000)),
            ("00:00:01:15", "00:00:02:00", "", (1500, 2000)),  # 30 frames unless said
            ("36f", "60f", 'ttp:frameRate="24"', (1500, 2500)),
            ("00:00:10:00", "00:00:11:12", 'ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001"', (10_000, 11_500)),
            ("15000000t", "25000000t", 'ttp:tickRate="10000000"', (1500, 2500)),
            ("3t", "5t", 'ttp:frameRate="2"', (1500, 2500)),  # ticks are frames then
            ("1.5s", "2500ms", "", (1500, 2500)),
            ("0.5m", "0.01h", "", (30_000, 36_000)),
            ("01:00:00;02", "01:00:01;00", 'ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001" '
             'ttp:timeBase="smpte" ttp:dropMode="dropNTSC"', (3_600_063, 3_600_997)),
            ("01:02", "01:03.5", "", (62_000, 63_500)),
        ],
    )  # fmt: skip
    def test_times(self, begin: str, end: str, attributes: str, expected: tuple[int, int]) -> None:
        text = tt(f'<div><p begin="{begin}" end="{end}">Hi</p></div>', attributes)
        ((start_ms, end_ms, _),) = times(text)
        assert (start_ms, end_ms) == pytest.approx(expected, abs=1)

    def test_times_count_from_what_is_around(self) -> None:
        text = tt(
            '<div begin="10s" end="15s"><p begin="1s" dur="2s">a</p><p begin="3s">b</p><p begin="4s" end="60s">c</p></div>'
            '<div begin="20s" timeContainer="seq"><p dur="2s">d</p><p begin="1s" dur="1s">e</p></div>'
        )
        assert times(text) == [
            (11_000, 13_000, "a"),
            (13_000, 14_000, "b"),  # its own end is that of the division; the next one is earlier
            (14_000, 15_000, "c"),
            (20_000, 22_000, "d"),
            (23_000, 24_000, "e"),
        ]

    def test_lines_spans_and_agents(self) -> None:
        head = (
            '<metadata><ttm:title xmlns:ttm="t">No speech</ttm:title>'
            '<ttm:agent xml:id="b"><ttm:name type="alias">B</ttm:name><ttm:name type="full">Bev A.</ttm:name></ttm:agent>'
            '<ttm:agent xml:id="o"><ttm:name>Odile</ttm:name></ttm:agent></metadata>'
        )
        body = (
            '<div><p begin="1s" end="5s" region="top" ttm:agent="b"><metadata>no</metadata>Oil\n  the<br/>chain, '
            '<span tts:color="red">it <span>is</span></span> &lt;dry&gt; &nbsp;&amp; R&D.'
            '<span ttm:agent="o"> Is it?</span> Yes.<set begin="1s" tts:color="blue"/></p></div>'
        )
        assert said(tt(body, head=head)) == [
            ("Bev A.", "Oil the chain, it is <dry> & R&D."),
            ("Odile", "Is it?"),
            ("Bev A.", "Yes."),
        ]

    def test_a_paragraph_that_only_holds_timed_spans(self) -> None:
        body = (
            '<div><p><span begin="1s" end="2s">One.</span><br/><span begin="40s" end="41s">Two '
            "<span>words.</span></span></p></div>"
        )
        assert times(tt(body)) == [(1000, 2000, "One."), (40_000, 41_000, "Two words.")]

    def test_words_with_times_of_their_own(self) -> None:
        body = '<p begin="1s" end="3s"><span begin="0s">One</span> <span begin="0.5s">two</span> three</p>'
        (cue,) = cues(tt(f"<div>{body}</div>"))
        assert (cue.text, cue.word_starts_ms) == ("One two three", (1000, 1500, 2100))

    def test_the_start_of_a_broadcast_is_not_counted(self) -> None:
        head = "<metadata><x:documentStartOfProgramme>10:00:00:00</x:documentStartOfProgramme></metadata>"
        body = '<div><p begin="10:00:01:00" end="10:00:02:12">Hi</p></div>'
        assert times(tt(body, 'ttp:frameRate="25" ttp:timeBase="smpte"', head)) == [(1000, 2480, "Hi")]

    def test_as_youtube_writes_it(self) -> None:
        """Lines stay on the screen while the next come in; styles and regions are of no matter."""
        text = (
            '<?xml version="1.0" encoding="utf-8" ?><tt xml:lang="en" xmlns="http://www.w3.org/ns/ttml" '
            'xmlns:tts="http://www.w3.org/ns/ttml#styling"><head><styling><style id="s2"/></styling></head>'
            '<body><div><p begin="00:00:00.240" end="00:00:04.120" style="s2">oil the chain</p>\n'
            '<p begin="00:00:02.000" end="00:00:06.000" style="s2">every week</p></div></body></tt>'
        )
        assert times(text) == [(240, 2000, "oil the chain"), (2000, 6000, "every week")]
        assert parse_captions(text.encode()).language == "en"

    @pytest.mark.parametrize(
        "text",
        [
            tt("<div><p begin='1s' end='2s'>Hi</div>"),
            '<!DOCTYPE tt [<!ENTITY a "aaaa">]><tt><body><p begin="1s">&a;</p></body></tt>',
            '<!DOCTYPE tt SYSTEM "http://127.0.0.1:1/x.dtd"><tt><body><p begin="1s">x</p></body></tt>',
            "<tt><body>" + "<div>" * 200,
            '<?xml version="1.0"?><rss><channel/></rss>',
        ],
    )
    def test_what_is_broken_or_dangerous_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            parse_captions(text.encode())
        assert caught.value.code == "captions_broken"


class TestYouTube:
    def test_automatic_json3(self) -> None:
        """A window first, then each line with offsets, and an event that only ends the line."""
        text = {
            "wireMagic": "pb3",
            "events": [
                {"tStartMs": 0, "dDurationMs": 99000, "id": 1, "wpWinPosId": 1, "wsWinStyleId": 1},
                {"tStartMs": 160, "dDurationMs": 4000, "wWinId": 1, "segs": [
                    {"utf8": "oil", "acAsrConf": 0}, {"utf8": " the", "tOffsetMs": 240}, {"utf8": " chain", "tOffsetMs": 480}]},
                {"tStartMs": 2390, "dDurationMs": 1770, "wWinId": 1, "aAppend": 1, "segs": [{"utf8": "\n"}]},
                {"tStartMs": 2400, "dDurationMs": 3000, "wWinId": 1, "segs": [{"utf8": "yes", "tOffsetMs": 0}]},
                {"tStartMs": 2410, "dDurationMs": 3000, "wWinId": 1, "aAppend": 1, "segs": [{"utf8": "yes"}]},
                {"tStartMs": 9000, "dDurationMs": 1000, "segs": [{"utf8": "[Music]"}]},
            ],
        }  # fmt: skip
        captions = parse_captions(json.dumps(text).encode())
        assert captions.cues == (
            Cue(160, 2400, "oil the chain", word_starts_ms=(160, 400, 640)),
            Cue(2400, 5400, "yes", word_starts_ms=(2400,)),
        )
        assert captions.notices == ()

    def test_manual_json3(self) -> None:
        events = [
            {"tStartMs": 1000, "dDurationMs": 2000, "segs": [{"utf8": ">> ANN: Oil {\\it}\nthe <chain>."}]},
            {"tStartMs": 3000, "dDurationMs": 1000, "segs": [{"utf8": ">> BOB: No &amp; no."}]},
        ]
        assert said({"events": events}) == [("ANN", "Oil {\\it} the <chain>."), ("BOB", "No &amp; no.")]

    def test_srv3_and_srv2(self) -> None:
        text = (
            '<timedtext format="3"><body><p t="1000" d="500">a<br/>b</p><p t="2000">c</p></body></timedtext>'
        )
        assert times(text) == [(1000, 1500, "a b"), (2000, 2065, "c")]
        assert times('<timedtext><text t="5" d="9">a</text></timedtext>') == [(5, 14, "a")]


class TestWhisper:
    def test_openai_verbose_json(self) -> None:
        """Words stand beside the segments, without the marks between them."""
        text = {
            "task": "transcribe",
            "language": "english",
            "segments": [
                {"id": 0, "start": 0.0, "end": 2.0, "text": " Oil, the chain!"},
                {"id": 1, "start": 2.0, "end": 3.0, "text": " Now."},
            ],
            "words": [
                {"word": "Oil", "start": 0.1, "end": 0.3},
                {"word": "the", "start": 0.5, "end": 0.6},
                {"word": "chain", "start": 0.7, "end": 1.0},
                {"word": "Now", "start": 2.5, "end": 2.9},
            ],
        }
        assert [(cue.text, cue.word_starts_ms) for cue in cues(text)] == [
            ("Oil, the chain!", (100, 500, 700)),
            ("Now.", (2500,)),
        ]

    def test_whisperx_words_without_times_and_with_other_speakers(self) -> None:
        text = {
            "segments": [
                {
                    "start": 1.0,
                    "end": 3.0,
                    "text": " In 2014 I oiled. Really?",
                    "speaker": "SPEAKER_00",
                    "words": [
                        {"word": "In", "start": 1.0, "end": 1.1, "speaker": "SPEAKER_00"},
                        {"word": "2014"},
                        {"word": "I", "start": 1.5, "end": 1.6, "speaker": "SPEAKER_00"},
                        {"word": "oiled.", "start": 1.7, "end": 2.0, "speaker": "SPEAKER_00"},
                        {"word": "Really?", "start": 2.5, "end": 2.9, "speaker": "SPEAKER_01"},
                    ],
                }
            ]
        }
        assert cues(text) == [
            Cue(1000, 2500, "In 2014 I oiled.", "SPEAKER_00", word_starts_ms=(1000, 1187, 1500, 1700)),
            Cue(2500, 3000, "Really?", "SPEAKER_01", word_starts_ms=(2500,)),
        ]

    def test_whisper_cpp_with_tokens_of_half_a_character(self) -> None:
        item = {
            "timestamps": {"from": "00:00:01,000", "to": "00:00:02,000"},
            "offsets": {"from": 1000, "to": 2000},
            "text": " 世界",
            "tokens": [{"text": "\ufffd", "offsets": {"from": 1000, "to": 1100}}],
        }
        assert cues({"transcription": [item], "result": {"language": "zh"}}) == [Cue(1000, 2000, "世界")]

    def test_a_list_of_segments(self) -> None:
        """As faster-whisper's segments are dumped, and as youtube-transcript-api writes JSON."""
        assert times(
            [{"text": "a", "start": 1.0, "end": 2}, {"text": "b", "start": "2.5", "duration": 1}]
        ) == [
            (1000, 2000, "a"),
            (2500, 3500, "b"),
        ]

    def test_words_that_say_when_and_a_text_that_does_not(self) -> None:
        words = [
            {"word": w, "start": i / 2, "end": i / 2 + 0.4}
            for i, w in enumerate(["Oil", "it.", "Now", "go", "on."])
        ]
        assert times({"text": "Oil it. Now go on.", "words": words}) == [
            (0, 900, "Oil it."),
            (1000, 2400, "Now go on."),
        ]


class TestTranscripts:
    def test_podcast_segments_of_single_words(self) -> None:
        spoken = [
            ("Ann", "Oil"),
            ("Ann", "the"),
            ("Ann", "chain."),
            ("Ann", "Now."),
            ("Bo", "Why?"),
            ("Bo", "Hm"),
        ]
        segments = [
            {"speaker": name, "startTime": i * 0.5, "endTime": i * 0.5 + 0.4, "body": word}
            for i, (name, word) in enumerate(spoken)
        ]
        assert cues({"version": "1.0.0", "segments": segments}) == [
            Cue(0, 1400, "Oil the chain.", "Ann", word_starts_ms=(0, 500, 1000)),
            Cue(1500, 1900, "Now.", "Ann", word_starts_ms=(1500,)),
            Cue(2000, 2400, "Why?", "Bo", word_starts_ms=(2000,)),
            Cue(2500, 2900, "Hm", "Bo", word_starts_ms=(2500,)),
        ]

    def test_page(self) -> None:
        text = (
            "<!DOCTYPE html><html><head><title>Not said</title><style>p{}</style></head><body><h1>Nor this</h1>"
            "<p>Before.</p><cite>Kevin:</cite>\n<time>0:10</time>\n<p>R&amp;D is <b>hard</b>.<p>Very."
            "<script>no()</script><cite>Ann</cite><time datetime='PT1M2.5S'>one minute</time><p>Yes</p>"
            "<cite>Kevin:</cite><p>Good.</p></body></html>"
        )
        assert [(c.start_ms, c.end_ms, c.speaker, c.text) for c in cues(text)] == [
            (0, 10_000, None, "Before."),
            (10_000, 62_500, "Kevin", "R&D is hard. Very."),
            (62_500, 62_708, "Ann", "Yes"),  # who cites on without a time shares that of the last
            (62_708, 63_020, "Kevin", "Good."),
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "[00:00:05] Ann: Oil it.\n[00:01:05] Bo: Why?\n[00:01:10] Ann: So.\n[00:01:12] Bo: Ah.",
            "Ann (00:05):\nOil it.\n\nBo (01:05):\nWhy?\n\nAnn (01:10):\nSo.\n\nBo (01:12):\nAh.",
            "Ann  0:05\nOil it.\n\nBo  1:05\nWhy?\n\nAnn  1:10\nSo.\n\nBo  1:12\nAh.",
            "00:05 Ann: Oil it.\n01:05 Bo: Why?\n01:10 Ann: So.\n01:12 - Bo: Ah.",
        ],
    )
    def test_plain(self, text: str) -> None:
        assert [(cue.start_ms, cue.speaker, cue.text) for cue in cues(text)] == [
            (5000, "Ann", "Oil it."),
            (65_000, "Bo", "Why?"),
            (70_000, "Ann", "So."),
            (72_000, "Bo", "Ah."),
        ]

    def test_marks_in_the_middle_of_a_line(self) -> None:
        text = "We met at 10:30 and [00:00:30] then oiled it [inaudible] for [00:01:00 --> 00:01:30] an hour (or 2:15)."
        assert times("[0:00] " + text) == [
            (0, 30_000, "We met at 10:30 and"),
            (30_000, 60_000, "then oiled it [inaudible] for"),
            (60_000, 90_000, "an hour (or 2:15)."),
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "We met at\n10:30 and went on.\n",
            "Ann: Oil it.\nBo: Why?\n",
            "<html><p>Ann: Oil it.</p></html>",
            '{"a": 1}',
            "[1]",
        ],
    )
    def test_without_times_it_is_no_captions(self, text: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            parse_captions(text.encode())
        assert caught.value.code == "captions_broken"
        assert caught.value.next_step


def test_sbv_with_breaks_and_numbers() -> None:
    text = "0:00:01.000,0:00:02.500\n>> ANN: Oil[br]it.\n\n0:00:02.500,0:00:04.000\n2\n\n1:00:00.000,1:00:01.000\nx\n"
    assert times(text) == [(1000, 2500, "Oil it."), (2500, 4000, "2"), (3_600_000, 3_601_000, "x")]

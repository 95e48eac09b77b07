"""From files to facts and segments."""

import json
from datetime import UTC, datetime

import pytest

from creators import Chapter, Segment, SourceFacts
from ingestion.bundles import Bundle, BundleFile, group_files
from ingestion.documents import DocumentText, Paragraph
from ingestion.extraction import cast_of, complete, document_to_parse, extract, identify
from runtime.errors import InvalidInput

INFO = {
    "id": "3UfrB7_ZOx0",
    "title": "Ovens",
    "upload_date": "20221007",
    "duration": 10,
    "language": "en",
    "chapters": [{"start_time": 0, "title": "Start"}],
    "speakers": ["Bev Arkenshaw", "Odile Castagnier"],
}
VTT = """WEBVTT

00:00.000 --> 00:02.000
<v Bev>Hot.

00:02.000 --> 00:04.000
<v Odile Castagnier>How<00:03.000> hot? <v Host>Hm.

00:04.000 --> 00:06.000
Very.

00:06.000 --> 00:08.000
<v Bev>Odile Castagnier: No.

00:08.000 --> 00:10.000
<v Bev>Yes.
"""


def bundle(**files: str | bytes | dict[str, object]) -> Bundle:
    """Files named with `_` for a dot."""
    made = []
    for name, content in files.items():
        data = json.dumps(content) if isinstance(content, dict) else content
        made.append(
            BundleFile(
                name.replace("__", "-").replace("_", "."), data if isinstance(data, bytes) else data.encode()
            )
        )
    return Bundle(made[0].name, tuple(made))


def cue(text: str) -> str:
    return f"WEBVTT\n\n00:00.000 --> 00:02.000\n{text}\n"


def test_recording() -> None:
    extracted = extract(bundle(a_info_json=INFO, a_en_vtt=VTT), {"bev arkenshaw"}, ("en",))
    assert extracted.facts == SourceFacts(
        origin="youtube",
        external_id="3UfrB7_ZOx0",
        kind="video",
        title="Ovens",
        url="https://www.youtube.com/watch?v=3UfrB7_ZOx0",
        published_at=datetime(2022, 10, 7, tzinfo=UTC),
        duration_ms=10_000,
        language="en",
        chapters=(Chapter(0, "Start"),),
        speakers=("Bev Arkenshaw", "Odile Castagnier"),
    )
    bev, odile = "Bev Arkenshaw", "Odile Castagnier"
    assert extracted.segments == (
        Segment(0, "Hot.", 0, 2000, speaker=bev, role="creator"),
        Segment(1, "How hot?", 2000, 3384, speaker=odile, role="guest", word_starts_ms=(2000, 3000)),
        Segment(2, "Hm.", 3384, 4000, speaker="Host"),
        Segment(3, "Very.", 4000, 6000),
        Segment(4, "No.", 6000, 8000, speaker=odile, role="guest"),
        Segment(5, "Yes.", 8000, 10_000, speaker=bev, role="unknown"),  # after a forgotten mark
    )
    assert extracted.warnings == ()


def test_what_only_captions_know() -> None:
    info = {"id": "x", "title": "Radio", "vcodec": "none", "webpage_url": "https://example.org/x"}
    facts = extract(
        bundle(a_info_json=info, a_vtt="WEBVTT\nLanguage: de\n\n00:00.000 --> 00:02.500\n<v Ann>Ja")
    ).facts
    assert (facts.origin, facts.kind, facts.url) == ("file", "audio", "https://example.org/x")
    assert (facts.duration_ms, facts.language, facts.speakers) == (2500, "de", ("Ann",))


def test_hosts_and_guests_that_the_origin_names() -> None:
    cues = "".join(
        f"00:0{i}.000 --> 00:0{i}.900\n<v {name}>Yes.\n\n" for i, name in enumerate(["Ann", "Bo", "Cy"])
    )
    info = {
        "id": "x",
        "channel": "Wrench & Road",
        "speakers": ["Ann", "Bo"],
        "hosts": ["Ann"],
        "guests": ["Bo"],
    }
    item = bundle(a_info_json=info, a_vtt=f"WEBVTT\n\n{cues}")
    assert [s.role for s in extract(item, ["wrench & road"]).segments] == ["creator", "guest", "guest"]
    assert [s.role for s in extract(item, ["bo"]).segments] == ["guest", "creator", "guest"]
    assert cast_of(item).hosts == ("Ann",)


@pytest.mark.parametrize(
    ("names", "info", "languages", "chosen"),
    [
        (["a.de.vtt", "a.en.vtt"], {}, ["en"], "a.en.vtt"),
        (["a.en-orig.vtt", "a.en.vtt"], {}, ["en"], "a.en.vtt"),
        (["a.en-orig.vtt", "a.es.vtt"], {}, ["en"], "a.en-orig.vtt"),
        (
            ["a.en.vtt", "a.en-US.vtt"],
            {"subtitles": {"en-US": []}, "automatic_captions": {"en": []}},
            ["en"],
            "a.en-US.vtt",
        ),
        (["a.de.vtt", "a.en.vtt"], {"language": "de"}, ["en", "de"], "a.de.vtt"),
        (["a.de.vtt", "a.en.vtt"], {"language": "de"}, ["en"], "a.en.vtt"),
        (["a.de.vtt", "a.fr.vtt"], {"language": "fr"}, ["en"], "a.fr.vtt"),
        (["a.en.srt", "a.en.vtt"], {}, [], "a.en.vtt"),
        (["a.vtt", "a.zh-Hans.vtt"], {}, ["zh"], "a.zh-Hans.vtt"),
        (["a.en.json3", "a.en.srt", "a.en.ttml", "a.en.vtt"], {}, ["en"], "a.en.json3"),
        (["a.en.transcript.html", "a.en.ttml", "a.en.vtt"], {}, ["en"], "a.en.vtt"),
        (["a.en.transcript.txt", "a.en.sbv"], {}, ["en"], "a.en.sbv"),
        (["a.de.json3", "a.en.transcript.txt"], {}, ["en"], "a.en.transcript.txt"),
        (["a.en.json3", "a.en.srt"], {"subtitles": {"en": []}}, ["en"], "a.en.json3"),
        (["a.en-orig.json3", "a.en.srt"], {}, ["en"], "a.en.srt"),
        (["a.vtt"], {}, ["en"], "a.vtt"),
    ],
)
def test_the_best_captions_are_chosen(
    names: list[str], info: dict[str, object], languages: list[str], chosen: str
) -> None:
    files = [BundleFile(name, cue(name).encode()) for name in names]
    made = Bundle("a", (BundleFile("a.info.json", json.dumps({"id": "x", **info}).encode()), *files))
    assert extract(made, (), languages).segments[0].text == chosen
    assert extract(Bundle("a", made.files[::-1]), (), languages).segments[0].text == chosen


def test_json_that_is_no_captions_is_not_chosen() -> None:
    spoken = {"segments": [{"start": 0, "end": 1, "text": "spoken"}]}
    info = BundleFile("a.info.json", b'{"id": "x"}')
    vtt = BundleFile("a.en.vtt", cue("vtt").encode())
    chat = BundleFile("a.live_chat.json", b'{"text": "no"}')
    for other, chosen in ((b'{"a": 1}', "vtt"), (json.dumps(spoken).encode(), "spoken")):
        made = Bundle("a", (info, vtt, chat, BundleFile("a.json", other)))
        assert extract(made).segments[0].text == chosen
    with pytest.raises(InvalidInput, match="JSON") as caught:
        extract(Bundle("a", (info, BundleFile("a.json", b'{"a": 1}'))))
    assert caught.value.code == "captions_broken"


def test_captions_that_come_alone_are_known_by_their_name() -> None:
    lone = complete(Bundle("x", (BundleFile("talks/My talk.en.sbv", b"0:00:01.000,0:00:02.000\nHot."),)))
    extracted = extract(lone)
    assert extracted.facts == SourceFacts(
        origin="file",
        external_id="talks%2FMy%20talk",
        kind="audio",
        title="My talk",
        duration_ms=2000,
        language="en",
    )
    assert extracted.segments == (Segment(0, "Hot.", 1000, 2000),)
    assert (
        identify(complete(bundle(interview01_srt=VTT))).origin == "file"
    )  # as long as a YouTube id, and none
    long = complete(Bundle("x", (BundleFile("ü" * 100 + ".srt", VTT.encode()),)))
    assert len(identify(long).external_id) == 64


def test_what_is_not_alone_or_no_captions_is_left_as_it_is() -> None:
    for made in (bundle(a_info_json=INFO, a_en_vtt=VTT), bundle(a_md="x"), bundle(a_info_json=INFO)):
        assert complete(made) is made
    for data, code in (
        (b"", "captions_empty"),
        (b"\x89PNG\r\n", "captions_not_text"),
        (b"x", "captions_broken"),
    ):
        with pytest.raises(InvalidInput) as caught:
            complete(bundle(a_srt=data))
        assert caught.value.code == code


def test_language_is_that_of_the_captions() -> None:
    made = bundle(a_info_json={"id": "x", "language": "en"}, a_pt__BR_vtt=cue("x"))
    assert extract(made).facts.language == "pt-BR"
    assert identify(made).language == "pt-BR"
    assert extract(bundle(a_info_json={"id": "x"}, a_en__orig_vtt=cue("x"))).facts.language == "en"


def test_documents() -> None:
    text = "---\nauthor: Bev\ndate: 2024-01-02\n---\n# Gear\n\nOne.\n\n## Oven\n\nTwo."
    made = Bundle("notes/gear.md", (BundleFile("notes/gear.md", text.encode()),))
    extracted = extract(made, {"bev"})
    assert extracted.facts == SourceFacts(
        origin="file",
        external_id="notes/gear.md",
        kind="document",
        title="Gear",
        published_at=datetime(2024, 1, 2, tzinfo=UTC),
        speakers=("Bev",),
    )
    assert extracted.segments == (
        Segment(0, "One.", heading="Gear", speaker="Bev", role="creator"),
        Segment(1, "Two.", heading="Gear > Oven", speaker="Bev", role="creator"),
    )
    assert identify(made) == extracted.facts


def test_text_has_its_name_for_a_title() -> None:
    extracted = extract(Bundle("my notes.txt", (BundleFile("my notes.txt", b"# Not a heading"),)))
    assert (extracted.facts.title, extracted.segments) == ("my notes", (Segment(0, "# Not a heading"),))


def test_documents_that_a_parser_reads() -> None:
    made = Bundle("talk.pdf", (BundleFile("talk.pdf", b"%PDF-1.7 broken"),))
    assert document_to_parse(made) == made.files[0]
    assert identify(made) == SourceFacts(origin="file", external_id="talk.pdf", kind="document", title="talk")
    text = DocumentText((Paragraph("Hot.", "Oven", 3),), title="Gear", author="Bev", language="en")
    extracted = extract(made, {"bev"}, (), text)
    assert extracted.segments == (Segment(0, "Hot.", page=3, heading="Oven", speaker="Bev", role="creator"),)
    assert (extracted.facts.title, extracted.facts.language) == ("Gear", "en")


def test_content_decides_and_not_the_name() -> None:
    named_text = Bundle("a.txt", (BundleFile("a.txt", b"%PDF-1.7"),))
    assert document_to_parse(named_text) == named_text.files[0]
    named_pdf = Bundle("a.pdf", (BundleFile("a.pdf", b"Words."),))
    assert document_to_parse(named_pdf) is None
    assert extract(named_pdf).segments == (Segment(0, "Words."),)


def test_what_nobody_reads_is_refused_at_once() -> None:
    made = Bundle("a.pdf", (BundleFile("a.pdf", b"\x7fELF\x01\x02\x03\x04" * 9),))
    with pytest.raises(InvalidInput) as caught:
        identify(made)
    assert caught.value.code == "file_type_unsupported"


def test_a_picture_beside_a_recording_is_not_a_document() -> None:
    names = ["a.info.json", "a.en.vtt", "a.webp", "a.jpg", "b.jpg"]
    found = list(group_files(BundleFile(name, b"x") for name in names))
    assert [one.name for one in found] == ["a", "b.jpg"]


def test_identify_does_not_need_the_captions() -> None:
    facts = identify(bundle(a_info_json=INFO, a_en_vtt=b"\x89PNG\r\n"))
    assert (facts.external_id, facts.title, facts.origin) == ("3UfrB7_ZOx0", "Ovens", "youtube")


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a_en_vtt": VTT}, "info_missing"),
        ({"a_info_json": INFO}, "captions_missing"),
        ({"a_info_json": b"{", "a_en_vtt": VTT}, "info_broken"),
        ({"a_exe": b"x"}, "file_type_unsupported"),
        ({"a_md": b""}, "document_empty"),
        ({"a_pdf": b""}, "document_empty"),
    ],
)
def test_refusals(files: dict[str, bytes], code: str) -> None:
    for read in (extract, identify):
        with pytest.raises(InvalidInput) as caught:
            read(bundle(**files))
        assert caught.value.code == code
        assert caught.value.next_step


def test_repairs_are_told_in_words() -> None:
    late = cue("x").replace("00:02.000", "00:02.000\nx\n\n00:01.000 --> 00:03.000")
    assert extract(bundle(a_info_json=INFO, a_en_vtt=late)).warnings == (
        "Cues that last into the next one were ended there. (1)",
    )

"""A Google Takeout archive: whose captions are whose, in any language of the account, and nothing private."""

import json

import pytest

from ingestion.bundles import Bundle, BundleFile
from ingestion.extraction import extract
from ingestion.origins.takeout import is_takeout, takeout_items

SRT = b"1\n00:00:01,000 --> 00:00:02,000\nOil the chain.\n"
HEADING = (
    "Video ID,Approx Duration (ms),Video Audio Language,Video Category,Channel ID,Video Title (Original),Privacy,"
    "Video State,Video Create Timestamp,Video Publish Timestamp"
)
LONG = "How often I oil the chain of my bicycle in winter, and what with"
YOUTUBE = "Takeout/YouTube and YouTube Music"


def row(video_id: str, title: str, privacy: str = "Public") -> str:
    quoted = '"' + title.replace('"', '""') + '"'
    return (
        f"{video_id},61000,en,People,UC1234567890,{quoted},{privacy},Processed,"
        "2021-01-30T05:26:03+00:00,2021-02-01T10:00:00+00:00"
    )


def items(files: dict[str, bytes | str]) -> dict[str, Bundle | str]:
    made = [
        BundleFile(name, data if isinstance(data, bytes) else data.encode()) for name, data in files.items()
    ]
    assert is_takeout(files)
    return {item.name: item if isinstance(item, Bundle) else item.error.code for item in takeout_items(made)}


def test_captions_find_their_video_by_its_title() -> None:
    found = items(
        {
            f"{YOUTUBE}/video metadata/videos.csv": "\n".join(
                [
                    HEADING,
                    row("aaaaaaaaaaa", "Chains: part 1"),
                    row("bbbbbbbbbbb", LONG),
                    row("ccccccccccc", "No captions"),
                ]
            ),
            f"{YOUTUBE}/videos/Chains_ part 1.en.srt": SRT,
            f"{YOUTUBE}/videos/Chains_ part 1.mp4": b"film",
            f"{YOUTUBE}/videos/{LONG[:47]}.srt": SRT,
            f"{YOUTUBE}/videos/No captions.mp4": b"film",
            f"{YOUTUBE}/videos/Unknown.mp4": b"film",
            f"{YOUTUBE}/history/watch-history.html": b"private",
            f"{YOUTUBE}/comments/comments.csv": "Comment ID,Video ID\nUg,aaaaaaaaaaa",
            "Takeout/archive_browser.html": b"private",
        }
    )
    chains = found.pop(f"{YOUTUBE}/videos/Chains_ part 1")
    cut = found.pop(f"{YOUTUBE}/videos/{LONG[:47]}")
    assert found == {
        f"{YOUTUBE}/videos/No captions.mp4": "captions_missing",
        f"{YOUTUBE}/videos/Unknown.mp4": "info_missing",
    }
    assert isinstance(chains, Bundle)
    facts = extract(chains).facts
    assert (facts.origin, facts.external_id, facts.title) == ("youtube", "aaaaaaaaaaa", "Chains: part 1")
    assert (facts.url, facts.duration_ms, facts.language) == (
        "https://www.youtube.com/watch?v=aaaaaaaaaaa",
        61_000,
        "en",
    )
    assert str(facts.published_at) == "2021-02-01 10:00:00+00:00"
    assert isinstance(cut, Bundle)
    assert extract(cut).facts.title == LONG


def test_headings_and_folders_in_the_language_of_the_account() -> None:
    root = "Takeout/YouTube und YouTube Music"
    heading = "Video-ID,Ungefähre Dauer (ms),Sprache,Titel des Videos (Original),Datenschutz,Erstellt,Veröffentlicht"
    found = items(
        {
            f"{root}/Video-Metadaten/Videos.csv": "\n".join(
                [
                    heading,
                    "aaaaaaaaaaa,1000,de,Öffentlich,Öffentlich,2021-01-30T05:26:03+00:00,2021-02-01T10:00:00+00:00",
                    "bbbbbbbbbbb,1000,de,Geheim,Privat,2021-01-30T05:26:03+00:00,",
                ]
            ),
            f"{root}/Videos/Öffentlich.de.srt": SRT,
            f"{root}/Videos/Geheim.de.srt": SRT,
        }
    )
    bundle = found.pop(f"{root}/Videos/Öffentlich")
    assert found == {f"{root}/Videos/Geheim.de.srt": "video_not_public"}
    assert isinstance(bundle, Bundle)
    assert extract(bundle).facts.external_id == "aaaaaaaaaaa"


@pytest.mark.parametrize("privacy", ["Private", "Unlisted", "", "Something new", "Privado", "非公開"])
def test_what_is_not_known_to_be_public_stays_out(privacy: str) -> None:
    files = {
        "Takeout/Y/m/videos.csv": f"{HEADING}\n{row('aaaaaaaaaaa', 'Public', privacy)}\n",
        "Takeout/Y/v/Public.srt": SRT,
    }
    assert items(files) == {"Takeout/Y/v/Public.srt": "video_not_public"}


def test_a_video_called_public_is_not_public_for_its_name() -> None:
    csv = "Video-ID,Titel,Datenschutz\naaaaaaaaaaa,Öffentlich,Etwas Neues\n"
    files = {"Takeout/Y/m/videos.csv": csv, "Takeout/Y/v/Öffentlich.srt": SRT}
    assert items(files) == {"Takeout/Y/v/Öffentlich.srt": "video_not_public"}


def test_titles_that_begin_alike_are_not_guessed() -> None:
    files = {
        "Takeout/Y/m/videos.csv": "\n".join(
            [HEADING, row("aaaaaaaaaaa", LONG + "!"), row("bbbbbbbbbbb", LONG + " 2")]
        ),
        f"Takeout/Y/v/{LONG[:47]}.srt": SRT,
        f"Takeout/Y/v/{LONG[:47]}(1).srt": SRT,
    }
    assert set(items(files).values()) == {"takeout_ambiguous"}


def test_the_json_beside_a_video_in_older_archives() -> None:
    video = {
        "kind": "youtube#video",
        "id": "aaaaaaaaaaa",
        "snippet": {"title": "What's new?", "publishedAt": "2019-05-06T07:08:09.000Z"},
        "status": {"privacyStatus": "public"},
        "contentDetails": {"duration": "PT1H2M3S"},
    }
    found = items(
        {
            "Takeout/YouTube/videos/What_s new_.json": json.dumps([video]),
            "Takeout/YouTube/videos/What_s new_.srt": SRT,
        }
    )
    (bundle,) = found.values()
    assert isinstance(bundle, Bundle)
    facts = extract(bundle).facts
    assert (facts.external_id, facts.title, facts.duration_ms) == ("aaaaaaaaaaa", "What's new?", 3_723_000)


@pytest.mark.parametrize(
    "metadata", [b"\xff\xfe\x00", b"", b"a,b\n\x00", b'Video ID\n"aaaaaaaaaaa', b"{" * 9999]
)
def test_metadata_that_cannot_be_read_names_the_captions(metadata: bytes) -> None:
    files = {"Takeout/Y/videos.csv": metadata, "Takeout/Y/x.json": metadata, "Takeout/Y/a.srt": SRT}
    assert items(files) == {"Takeout/Y/a.srt": "info_missing"}

"""What a folder holds: each item found once, each file that cannot be taken named, and nothing else stopped."""

import os
from pathlib import Path

import pytest

from ingestion.bundles import MAX_FILE_BYTES, BundleFile
from ingestion.origins.folder import Bundle, Problem, discover_folder
from runtime.errors import InvalidInput, TooLarge


def write(folder: Path, *names: str, content: bytes = b'{"id": "x"}') -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def found(path: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Items with the names of their files, and problems with their codes."""
    items, problems = {}, {}
    for item in discover_folder(path):
        if isinstance(item, Bundle):
            assert item.name not in items
            items[item.name] = [file.name for file in item.files]
        else:
            assert item.error.next_step
            problems[item.name] = item.error.code
    return items, problems


def test_items_are_grouped_by_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.info.json",
        "a.en.vtt",
        "a.pt-BR.vtt",
        "a.en-orig.vtt",
        "a.srt",
        "a.mp4",
        "a.webp",
        "a.description",
    )
    write(tmp_path, "Title. With dots [b].info.json", "Title. With dots [b].en.SRT", "notes.md", "talk.TXT")
    items, problems = found(tmp_path)
    assert items == {
        "a": ["a.info.json", "a.en-orig.vtt", "a.en.vtt", "a.pt-BR.vtt", "a.srt"],
        "Title. With dots [b]": ["Title. With dots [b].info.json", "Title. With dots [b].en.SRT"],
        "notes.md": ["notes.md"],
        "talk.TXT": ["talk.TXT"],
    }
    assert problems == {}


def test_a_name_that_begins_like_another_is_its_own(tmp_path: Path) -> None:
    write(tmp_path, "a.info.json", "a.b.info.json", "a.b.en.vtt", "ab.en.vtt")
    items, problems = found(tmp_path)
    assert items == {"a.b": ["a.b.info.json", "a.b.en.vtt"]}
    assert problems == {"a.info.json": "captions_missing", "ab.en.vtt": "info_missing"}


def test_media_is_read_only_where_there_are_no_captions(tmp_path: Path) -> None:
    write(
        tmp_path, "a.info.json", "a.en.vtt", "a.mp4", "b.info.json", "b.f137.mp4", "b.webm", "b.m4a", "b.webp"
    )
    write(tmp_path, "alone.flac", "no.srt", "no.mp4")
    items, problems = found(tmp_path)
    assert items == {
        "a": ["a.info.json", "a.en.vtt"],
        "b": ["b.info.json", "b.m4a"],
        "alone.flac": ["alone.flac"],
    }
    assert problems == {"no.srt": "info_missing"}


def test_folders_below(tmp_path: Path) -> None:
    write(tmp_path, "z.md", "b/x.info.json", "b/x.en.vtt", "b/c/x.info.json", "b/c/x.en.vtt", "a/y.md")
    assert list(found(tmp_path)[0].items()) == [
        ("z.md", ["z.md"]),
        ("a/y.md", ["a/y.md"]),
        ("b/x", ["b/x.info.json", "b/x.en.vtt"]),
        ("b/c/x", ["b/c/x.info.json", "b/c/x.en.vtt"]),
    ]


def test_what_cannot_be_taken_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(
        tmp_path,
        "alone.info.json",
        "good.info.json",
        "good.en.vtt",
        "no.en.vtt",
        "no.de.vtt",
        "song.mp3",
        "noext",
    )
    write(tmp_path, "broken.info.json", content=b"{")
    write(tmp_path, "list.info.json", content=b'{"id": "PL", "_type": "playlist"}')
    items, problems = found(tmp_path)
    assert list(items) == ["good", "song.mp3"]
    assert problems == {
        "alone.info.json": "captions_missing",
        "broken.info.json": "info_broken",
        "no.de.vtt": "info_missing",
        "noext": "file_type_unsupported",
    }


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, ".DS_Store", ".a.md", ".git/config", ".git/x.md", "seen.md")
    assert found(tmp_path) == ({"seen.md": ["seen.md"]}, {})


def test_links_lead_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(tmp_path, "outside/secret.md", "in/real.md", "in/sub/x.md")
    (folder / "leak.md").symlink_to(tmp_path / "outside" / "secret.md")
    (folder / "all").symlink_to(tmp_path / "outside")
    (folder / "self").symlink_to(folder / "self")
    (folder / "gone.md").symlink_to(folder / "nothing.md")
    (folder / "loop").symlink_to(folder)
    (folder / "again.md").symlink_to(folder / "real.md")
    items, problems = found(folder)
    assert sorted(items) == ["again.md", "real.md", "sub/x.md"]
    assert problems == {
        "leak.md": "file_outside_folder",
        "all": "file_outside_folder",
        "self": "file_unreadable",
        "gone.md": "file_unreadable",
    }


def test_a_file_swapped_for_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "secret.txt", "in/a.txt")
    (bundle,) = discover_folder(tmp_path / "in")
    assert isinstance(bundle, Bundle)
    (tmp_path / "in" / "a.txt").unlink()
    (tmp_path / "in" / "a.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InvalidInput) as caught:
        bundle.files[0].read()
    assert caught.value.code == "file_unreadable"


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert found(tmp_path) == ({}, {"pipe.md": "file_type_unsupported"})


def test_names_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_bytes(b"text")
    (bundle,) = discover_folder(tmp_path)
    assert isinstance(bundle, Bundle)
    assert bundle.name == "caf\\xe9.md"
    assert bundle.files[0].read() == b"text"


@pytest.mark.parametrize(
    ("name", "files", "problems"),
    [
        ("a.info.json", ["a.info.json", "a.en.vtt"], {}),
        ("a.en.vtt", ["a.info.json", "a.en.vtt"], {}),
        ("notes.md", ["notes.md"], {}),
        ("no.en.vtt", None, {"no.en.vtt": "info_missing"}),
        ("no.fr.vtt", None, {"no.fr.vtt": "info_missing"}),
        ("a.mp4", ["a.info.json", "a.en.vtt"], {}),
        ("no.mkv", None, {"no.en.vtt": "info_missing"}),
        ("b.webm", ["b.info.json", "b.webm"], {}),
        ("alone.MP3", ["alone.MP3"], {}),
    ],
)
def test_a_single_file(tmp_path: Path, name: str, files: list[str] | None, problems: dict[str, str]) -> None:
    write(tmp_path, "a.info.json", "a.en.vtt", "a.mp4", "notes.md", "other.md", "no.en.vtt", "no.fr.vtt")
    write(tmp_path, "no.mkv", "b.info.json", "b.webm", "alone.MP3")
    items, found_problems = found(tmp_path / name)
    assert list(items.values()) == ([files] if files else [])
    assert found_problems == problems


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        discover_folder(tmp_path / "nothing")
    assert caught.value.code == "folder_missing"


def test_unreadable_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a refusing scan, because the tests may run as root, who may read everything."""
    write(tmp_path, "a.md", "closed/b.md", "open/c.md")
    scan = os.scandir

    def refusing(path: Path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    items, problems = found(tmp_path)
    assert (list(items), problems) == (["a.md", "open/c.md"], {"closed": "folder_unreadable"})
    with pytest.raises(InvalidInput) as caught:
        discover_folder(tmp_path / "closed")
    assert caught.value.code == "folder_unreadable"


def test_files_are_opened_late(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md")
    bundles = list(discover_folder(tmp_path))
    (tmp_path / "a.md").unlink()
    gone, there = (bundle.files[0] for bundle in bundles if isinstance(bundle, Bundle))
    assert there.read()
    with pytest.raises(InvalidInput) as caught:
        gone.read()
    assert caught.value.code == "file_unreadable"


def test_files_beyond_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "big.txt").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    (bundle,) = discover_folder(tmp_path)
    assert not isinstance(bundle, Problem)
    for file in (bundle.files[0], BundleFile("big.txt", bytes(MAX_FILE_BYTES + 1))):
        with pytest.raises(TooLarge) as caught:
            file.read()
        assert caught.value.code == "file_too_large"


def test_captions_in_every_format_belong_to_their_recording(tmp_path: Path) -> None:
    suffixes = ["en.ttml", "en.dfxp", "en.sbv", "en.json3", "en.srv3", "json", "en.json"]
    transcripts = ["transcript.json", "en.transcript.html", "transcript.txt"]
    write(tmp_path, "a.info.json", *(f"a.{suffix}" for suffix in [*suffixes, *transcripts]))
    write(tmp_path, "a.live_chat.json", "other.json", "b.en.ttml")
    items, problems = found(tmp_path)
    assert set(items["a"]) == {"a.info.json", *(f"a.{suffix}" for suffix in [*suffixes, *transcripts])}
    assert problems == {"b.en.ttml": "info_missing", "other.json": "file_type_unsupported"}


def test_archives_are_items_and_the_parts_of_a_takeout_are_one(tmp_path: Path) -> None:
    parts = [f"takeout-20260102T030405Z-00{i}.zip" for i in (1, 2)]
    numbered = [f"takeout-20260102T030405Z-3-00{i}.tgz" for i in (1, 2)]
    write(tmp_path, *parts, *numbered, "talks.tar.gz", "x.ZIP")
    assert found(tmp_path) == (
        {parts[0]: parts, numbered[0]: numbered, "talks.tar.gz": ["talks.tar.gz"], "x.ZIP": ["x.ZIP"]},
        {},
    )
    assert found(tmp_path / parts[1]) == ({parts[0]: parts}, {})
    assert found(tmp_path / "talks.tar.gz") == ({"talks.tar.gz": ["talks.tar.gz"]}, {})


@pytest.mark.parametrize("name", ["no.en.vtt", "no.json", "no.transcript.txt"])
def test_captions_that_are_named_themselves_may_be_alone(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "a.info.json", "a.en.vtt")
    (lone,) = discover_folder(tmp_path / name, lone_captions=True)
    assert isinstance(lone, Bundle)
    assert [file.name for file in lone.files] == [name]
    (kept,) = discover_folder(tmp_path / "a.en.vtt", lone_captions=True)
    assert isinstance(kept, Bundle)
    assert len(kept.files) == 2

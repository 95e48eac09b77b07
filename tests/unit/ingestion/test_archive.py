"""What an archive holds: what can be taken is, what is dangerous is named, and nothing is written anywhere."""

import bz2
import gzip
import lzma
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.archives.unpacking import items_of
from ingestion.bundles import Bundle
from ingestion.origins.archive import Archive, ArchiveLimits, open_archive
from runtime.errors import InvalidInput, TooLarge
from tests.unit.ingestion.archives_on_disk import (
    NOTES,
    encrypted,
    overlapping,
    special,
    tar_of,
    tarred,
    write,
    zip_link,
    zipped,
)

TALK = {
    "t/x.info.json": b'{"id": "x"}',
    "t/x.en.vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n",
    "notes.md": NOTES,
}


def found(path: Path, limits: ArchiveLimits | None = None) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Items with the names of their files, and problems with their codes; every item is read."""
    items, problems = {}, {}
    with open_archive(path, path.name, limits or ArchiveLimits()) as archive:
        for item in items_of([archive]):
            if isinstance(item, Bundle):
                items[item.name] = [file.name for file in item.files]
                assert all(isinstance(file.read(), bytes) for file in item.files)
            else:
                assert item.error.next_step
                problems[item.name] = item.error.code
    return items, problems


@pytest.mark.parametrize(
    "data",
    [
        zipped(TALK),
        zipped(TALK, compression=zipfile.ZIP_STORED),
        zipped(TALK, compression=zipfile.ZIP_BZIP2),
        zipped(TALK, compression=zipfile.ZIP_LZMA),
        tarred(TALK),
        tarred(TALK, "w:gz"),
        tarred(TALK, "w:bz2"),
        tarred(TALK, "w:xz"),
        tarred({f"./{name}": data for name, data in TALK.items()}, "w:gz"),
    ],
)
def test_items_are_those_of_a_folder(tmp_path: Path, data: bytes) -> None:
    """Whatever the name says that the archive is."""
    path = write(tmp_path, data)
    assert found(path) == ({"notes.md": ["notes.md"], "t/x": ["t/x.info.json", "t/x.en.vtt"]}, {})
    with open_archive(path, path.name) as archive:
        assert content(archive, "notes.md") == NOTES


def test_a_folder_named_like_a_recording_is_none_of_its_files(tmp_path: Path) -> None:
    path = write(tmp_path, zipped({"a.info.json": b'{"id": "x"}', "a.b/c.en.vtt": b"x", "a.en.vtt": b"x"}))
    assert found(path) == ({"a": ["a.info.json", "a.en.vtt"]}, {"a.b/c.en.vtt": "info_missing"})


def test_names_are_read_as_they_were_written(tmp_path: Path) -> None:
    """UTF-8 without the flag that says so, as several systems write it; and backslashes."""
    data = zipped({"Grüße.md": NOTES, "a/b.md": NOTES}).replace(b"a/b.md", b"a\\b.md")
    flagged = bytearray(data)
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = flagged.find(magic)
        flagged[place + offset + 1] &= ~0x08
    assert sorted(found(write(tmp_path, bytes(flagged)))[0]) == ["Grüße.md", "a/b.md"]


def test_what_systems_add_is_passed_over(tmp_path: Path) -> None:
    names = ["__MACOSX/._a.md", ".DS_Store", "x/.git/config", "x/Thumbs.db", "x/a.md"]
    assert found(write(tmp_path, zipped(dict.fromkeys(names, NOTES)))) == ({"x/a.md": ["x/a.md"]}, {})


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../evil.md", "archive_member_outside"),
        ("a/../../evil.md", "archive_member_outside"),
        ("/etc/evil.md", "archive_member_outside"),
        ("C:/evil.md", "archive_member_outside"),
        ("..\\evil.md", "archive_member_outside"),
        ("a/" * 17 + "deep.md", "archive_member_name"),
        ("new\nline.md", "archive_member_name"),
        ("x" * 256 + ".md", "archive_member_name"),
        ("inner.zip", "archive_nested"),
        ("inner.tar.gz", "archive_nested"),
        ("inner.7z", "archive_nested"),
        ("song.xyz", "file_type_unsupported"),
    ],
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_bad_member_is_named_and_the_rest_goes_on(tmp_path: Path, pack, name: str, code: str) -> None:
    items, problems = found(write(tmp_path, pack({name: NOTES, "good.md": NOTES})))
    assert (list(items), list(problems.values())) == (["good.md"], [code])
    assert [path.name for path in tmp_path.rglob("*")] == ["talks.zip"]


@pytest.mark.parametrize(
    "data",
    [
        zip_link("link.md", "/etc/passwd"),
        tar_of(special("link.md", tarfile.SYMTYPE, "/etc/passwd")),
        tar_of(special("link.md", tarfile.LNKTYPE, "good.md")),
        tar_of(special("pipe.md", tarfile.FIFOTYPE)),
        tar_of(special("device.md", tarfile.CHRTYPE)),
        tar_of(special("device.md", tarfile.BLKTYPE)),
    ],
)
def test_links_and_devices_are_not_followed(tmp_path: Path, data: bytes) -> None:
    items, problems = found(write(tmp_path, data))
    assert (list(items), list(problems.values())) == (["good.md"], ["archive_member_special"])


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, encrypted(zipped({"secret.md": NOTES, "good.md": NOTES})))
    assert found(path) == ({"good.md": ["good.md"]}, {"secret.md": "archive_member_encrypted"})


def test_a_member_that_swells_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, zipped({"bomb.txt": bytes(30_000_000), "good.md": NOTES}))
    assert found(path) == ({"good.md": ["good.md"]}, {"bomb.txt": "archive_bomb"})


def test_a_large_member_is_never_held_whole(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 4096
    path = write(tmp_path, zipped({"big.mp4": noise * 65}, compression=zipfile.ZIP_STORED))
    with open_archive(path, path.name) as archive:
        sizes = [len(chunk) for chunk in archive.stream("big.mp4")]
    assert sum(sizes) == len(noise) * 65
    assert max(sizes) <= 2**20


def test_all_that_is_read_has_a_limit(tmp_path: Path) -> None:
    path = write(tmp_path, zipped({f"{i}.md": NOTES * 100 for i in range(4)}))
    with open_archive(path, path.name, ArchiveLimits(unpacked_bytes=len(NOTES) * 250)) as archive:
        assert len(content(archive, "0.md")) == len(content(archive, "1.md")) == len(NOTES) * 100
        with pytest.raises(TooLarge) as caught:
            content(archive, "2.md")
    assert caught.value.code == "archive_too_large"


SMALL = ArchiveLimits(members=100, unpacked_bytes=8_000_000, directory_bytes=10_000)
MANY = {f"{i}.md": b"x" for i in range(101)}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (zipped(MANY), "archive_too_large"),
        (tarred(MANY, "w:gz"), "archive_too_large"),
        (
            zipped({f"{i}{'x' * 200}": b"" for i in range(60)}),
            "archive_too_large",
        ),  # a list of names that is too long
        (overlapping(20), "archive_bomb"),
        (gzip.compress(bytes(6_000_000)), "archive_bomb"),
        (bz2.compress(bytes(6_000_000)), "archive_bomb"),
        (lzma.compress(bytes(6_000_000)), "archive_bomb"),
        (zipped(TALK)[:-10], "archive_broken"),
        (zipped(TALK)[:100], "archive_broken"),
        (tarred(TALK, "w:gz")[:-20], "archive_broken"),
        (tarred(TALK)[:700], "archive_broken"),
        (b"", "archive_broken"),
        (b"no archive at all" * 100, "archive_broken"),
        (gzip.compress(b"no tar"), "archive_broken"),
        (b"PK\x05\x06" + bytes(18), None),
    ],
)
def test_an_archive_that_is_broken_or_hostile_as_a_whole(
    tmp_path: Path, data: bytes, code: str | None
) -> None:
    path = write(tmp_path, data)
    if code is None:
        assert found(path) == ({}, {})
        return
    with pytest.raises(InvalidInput) as caught:
        found(path, SMALL)
    assert caught.value.code == code
    assert caught.value.next_step


def test_a_header_of_a_tar_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    """A comment of five megabytes is well-formed; it is refused for its length, before it is read."""
    comment = b"5242880 comment=" + b"x" * (5 * 1024 * 1024 - 17) + b"\n"
    info = special("x", tarfile.XHDTYPE)
    info.size = len(comment)
    with pytest.raises(InvalidInput) as caught:
        found(write(tmp_path, info.tobuf(tarfile.USTAR_FORMAT) + comment + tarred({"a.md": NOTES})))
    assert caught.value.code == "archive_broken"


def test_a_damaged_member_does_not_stop_the_others(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.md": NOTES * 50, "b.md": NOTES}, compression=zipfile.ZIP_STORED))
    data[60] ^= 0xFF
    path = write(tmp_path, bytes(data))
    with open_archive(path, path.name) as archive:
        with pytest.raises(InvalidInput) as caught:
            content(archive, "a.md")
        assert content(archive, "b.md") == NOTES
    assert caught.value.code == "archive_broken"


def test_the_temporary_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    path = write(tmp_path, tarred(TALK, "w:gz"))
    with open_archive(path, path.name) as archive:
        assert content(archive, "notes.md") == NOTES
        assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("data", [zipped(TALK), tarred(TALK), tarred(TALK, "w:gz"), overlapping(3)])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=8)), min_size=1, max_size=5))
def test_any_damage_is_told(tmp_path: Path, data: bytes, changes: list[tuple[int, bytes]]) -> None:
    changed = bytearray(data)
    for place, piece in changes:
        changed[place % len(changed) : place % len(changed) + len(piece)] = piece
    path = write(tmp_path, bytes(changed))
    assert refusal_of(path) is None or refusal_of(path).startswith("archive_")


def refusal_of(path: Path) -> str | None:
    """Why it cannot be opened; each member must be read or refused."""
    try:
        with open_archive(path, path.name) as archive:
            for member in archive.members:
                refusals = _read(archive, member.name)
                assert refusals is None or refusals.startswith(("archive_", "file_"))
    except InvalidInput as error:
        return error.code
    return None


def content(archive: Archive, name: str) -> bytes:
    return b"".join(archive.stream(name))


def _read(archive, name: str) -> str | None:
    try:
        content(archive, name)
    except InvalidInput as error:
        return error.code
    return None

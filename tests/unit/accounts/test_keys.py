"""The keys of an installation: made once, kept to its owner, told apart in constant time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from pydantic import SecretStr

from accounts import AdminKey, load_or_create_key
from runtime.errors import InvalidInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "secrets" / "admin-key"


def test_a_key_is_made_once_and_found_again(path: Path) -> None:
    first = load_or_create_key(path)
    assert len(first) == 43
    assert load_or_create_key(path) == first
    assert [file.name for file in path.parent.iterdir()] == ["admin-key"]


def test_only_the_owner_may_read_it(path: Path) -> None:
    load_or_create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    load_or_create_key(path)
    path.chmod(mode)
    with pytest.raises(InvalidInput) as caught:
        load_or_create_key(path)
    assert caught.value.code == "key_file_exposed"
    assert f"chmod 600 {path}" in caught.value.next_step


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b"\xff" * 60, b"a" * 30 + b"\x00" + b"b" * 30])
def test_a_file_without_a_key_is_refused_and_kept(path: Path, content: bytes) -> None:
    load_or_create_key(path)
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        load_or_create_key(path)
    assert caught.value.code == "key_file_damaged"
    assert path.read_bytes() == content


def test_a_place_where_no_file_can_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("in the way")
    with pytest.raises(InvalidInput) as caught:
        load_or_create_key(tmp_path / "secrets" / "admin-key")
    assert caught.value.code == "key_file_unreadable"
    assert str(tmp_path) in caught.value.detail


def test_a_given_key_wins_and_leaves_no_file(path: Path) -> None:
    key = AdminKey.load_or_create(path, given=SecretStr("from the environment"))
    assert key.verify("from the environment")
    assert not path.exists()


def test_verify_takes_the_key_and_nothing_else(path: Path) -> None:
    key = AdminKey.load_or_create(path)
    assert key.verify(key.reveal())
    for wrong in ("", key.reveal()[:-1], key.reveal() + "x", key.reveal().swapcase(), "ключ", "\udcff"):
        assert not key.verify(wrong)


def test_the_key_does_not_show_when_printed(path: Path) -> None:
    key = AdminKey.load_or_create(path)
    assert key.reveal() not in repr(key)
    assert key.reveal() not in f"{key}"


def test_those_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    barrier = Barrier(8)

    def start(path: Path) -> str:
        barrier.wait()
        return load_or_create_key(path)

    with ThreadPoolExecutor(8) as pool:
        for attempt in range(20):
            path = tmp_path / str(attempt) / "admin-key"
            assert set(pool.map(start, [path] * 8)) == {path.read_text().strip()}
            assert [file.name for file in path.parent.iterdir()] == ["admin-key"]

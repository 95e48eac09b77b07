"""Guest cookies: recognised while they are ours, unchanged and young enough."""

from pathlib import Path

import pytest

from accounts import GUEST_MAX_AGE_S, GuestSigner
from runtime.testing import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def signer(clock: FixedClock) -> GuestSigner:
    return GuestSigner("k" * 43, clock)


def test_a_guest_is_recognised_by_the_cookie(signer: GuestSigner) -> None:
    guest, cookie = signer.issue()
    assert signer.read(cookie) == guest


def test_each_guest_is_another(signer: GuestSigner) -> None:
    assert len({signer.issue()[0] for _ in range(100)}) == 100


def test_a_cookie_lasts_400_days(signer: GuestSigner, clock: FixedClock) -> None:
    guest, cookie = signer.issue()
    clock.advance(GUEST_MAX_AGE_S)
    assert signer.read(cookie) == guest
    clock.advance(1)
    assert signer.read(cookie) is None


def test_a_cookie_of_another_installation_is_nobody(signer: GuestSigner, clock: FixedClock) -> None:
    assert GuestSigner("x" * 43, clock).read(signer.issue()[1]) is None


def test_a_changed_cookie_is_nobody(signer: GuestSigner) -> None:
    guest, cookie = signer.issue()
    other, _ = signer.issue()
    assert signer.read(cookie.replace(guest.hex, other.hex)) is None
    for place in range(len(cookie) - 1):
        changed = cookie[:place] + ("A" if cookie[place] != "A" else "B") + cookie[place + 1 :]
        assert signer.read(changed) is None


@pytest.mark.parametrize("cookie", ["", ".", "..", "a.b.c", "\udc80", "é.è.ê", "x" * 10_000])
def test_rubbish_is_nobody(signer: GuestSigner, cookie: str) -> None:
    assert signer.read(cookie) is None


def test_the_key_is_kept_for_the_next_start(tmp_path: Path, clock: FixedClock) -> None:
    path = tmp_path / "secrets" / "signing-key"
    guest, cookie = GuestSigner.load_or_create(path, clock).issue()
    assert GuestSigner.load_or_create(path, clock).read(cookie) == guest

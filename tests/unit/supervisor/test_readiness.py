"""Waiting for a child, without a child."""

import asyncio

import pytest

from apps.supervisor.readiness import how_it_ended, nearest_host, until_ready
from runtime.errors import Unavailable


async def never() -> int:
    return await asyncio.Future()


async def ends(status: int) -> int:
    return status


async def no() -> bool:
    return False


async def test_it_returns_when_the_probe_says_yes() -> None:
    answers = [True, False, False]

    async def probe() -> bool:
        return answers.pop()

    await until_ready("gateway", probe, never(), timeout_s=5)
    assert answers == []


async def test_the_end_of_the_child_ends_the_waiting() -> None:
    with pytest.raises(Unavailable) as caught:
        await until_ready("gateway", no, ends(3), timeout_s=5)
    assert (caught.value.code, caught.value.detail) == (
        "child_ended",
        "gateway exited with status 3 before it was ready.",
    )


async def test_a_child_that_is_never_ready_is_given_up() -> None:
    with pytest.raises(Unavailable) as caught:
        await until_ready("gateway", no, never(), timeout_s=0)
    assert caught.value.code == "child_not_ready"


@pytest.mark.parametrize(("status", "words"), [(0, "exited with status 0"), (-9, "was ended by signal 9")])
def test_the_end_in_words(status: int, words: str) -> None:
    assert how_it_ended(status) == words


@pytest.mark.parametrize(
    ("host", "nearest"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.5", "10.0.0.5")],  # noqa: S104 - nobody listens
)
def test_an_address_that_stands_for_all_is_reached_on_the_loopback(host: str, nearest: str) -> None:
    assert nearest_host(host) == nearest

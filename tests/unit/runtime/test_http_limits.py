"""The guarded client's limits: size as sent and as unpacked, and time."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from runtime.errors import TooLarge, Unavailable
from runtime.http import FetchLimits, OutsideClient
from tests.unit.runtime.outside import Canary, Clients, ok, running_canary


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    async with running_canary() as canary:
        yield canary


@pytest.fixture
async def make() -> AsyncIterator[Clients]:
    async with Clients() as clients:
        yield clients


async def test_a_declared_size_over_the_limit_is_not_read(canary: Canary, make: Clients) -> None:
    canary.answers["/"] = ok(b"x" * 2000)
    with pytest.raises(TooLarge) as caught:
        await make.trusting(canary, limits=FetchLimits(max_bytes=1999)).fetch(
            f"http://127.0.0.1:{canary.port}/"
        )
    assert caught.value.code == "response_too_large"
    got = await make.trusting(canary, limits=FetchLimits(max_bytes=2000)).fetch(
        f"http://127.0.0.1:{canary.port}/"
    )
    assert len(got.content) == 2000


async def test_an_undeclared_size_is_cut_off_while_it_comes(canary: Canary, make: Clients) -> None:
    canary.answers["/"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 500_000
    client = make.trusting(canary, limits=FetchLimits(max_bytes=100_000))
    pieces: list[int] = []
    with pytest.raises(TooLarge):
        await measure(client, f"http://127.0.0.1:{canary.port}/", pieces)
    assert sum(pieces) <= 100_000


async def test_a_packed_bomb_is_cut_off_while_it_unpacks(canary: Canary, make: Clients) -> None:
    canary.answers["/"] = ok(gzip.compress(b"\0" * 20_000_000), "Content-Encoding: gzip")
    client = make.trusting(canary, limits=FetchLimits(max_bytes=1_000_000))
    pieces: list[int] = []
    with pytest.raises(TooLarge):
        await measure(client, f"http://127.0.0.1:{canary.port}/", pieces)
    assert 0 < sum(pieces) <= 1_000_000
    assert max(pieces) <= 64 * 1024


async def measure(client: OutsideClient, url: str, pieces: list[int]) -> None:
    async with client.stream(url) as response:
        async for chunk in response.chunks():
            pieces.append(len(chunk))  # noqa: PERF401 - the list must hold what came before an error


async def test_packed_answers_are_unpacked(canary: Canary, make: Clients) -> None:
    text = bytes(range(256)) * 5000
    canary.answers["/"] = ok(
        gzip.compress(text[:1000]) + gzip.compress(text[1000:]), "Content-Encoding: gzip"
    )
    got = await make.trusting(canary).fetch(f"http://127.0.0.1:{canary.port}/")
    assert got.content == text


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (gzip.compress(b"x" * 5000)[:-20], "gzip", "response_damaged"),
        (b"not gzip at all", "gzip", "response_damaged"),
        (b"whatever", "br", "response_encoding_unknown"),
    ],
)
async def test_what_cannot_be_unpacked_is_not_passed_on(
    body: bytes, encoding: str, code: str, canary: Canary, make: Clients
) -> None:
    canary.answers["/"] = ok(body, f"Content-Encoding: {encoding}")
    with pytest.raises(Unavailable) as caught:
        await make.trusting(canary).fetch(f"http://127.0.0.1:{canary.port}/")
    assert caught.value.code == code


async def test_a_server_that_never_answers_is_given_up(canary: Canary, make: Clients) -> None:
    canary.silent = True
    with pytest.raises(Unavailable) as caught:
        await make.trusting(canary, limits=FetchLimits(timeout_s=0.05)).fetch(
            f"http://127.0.0.1:{canary.port}/"
        )
    assert caught.value.code == "fetch_timeout"
    assert caught.value.transient


async def test_time_is_counted_over_the_whole_body(canary: Canary, make: Clients) -> None:
    """A server that drips is silent for no single read long enough to be noticed."""
    client = make.trusting(canary, limits=FetchLimits(timeout_s=0.1))
    with pytest.raises(Unavailable) as caught:
        async with client.stream(f"http://127.0.0.1:{canary.port}/"):
            await asyncio.Event().wait()
    assert caught.value.code == "fetch_timeout"


async def test_an_error_of_the_reader_stays_its_own(canary: Canary, make: Clients) -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with make.trusting(canary).stream(f"http://127.0.0.1:{canary.port}/"):
            raise TimeoutError("mine")


async def test_an_answer_that_breaks_off_is_an_error(canary: Canary, make: Clients) -> None:
    canary.answers["/"] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    with pytest.raises(Unavailable) as caught:
        await make.trusting(canary).fetch(f"http://127.0.0.1:{canary.port}/")
    assert caught.value.code == "fetch_failed"

"""The guarded client's limits: size as sent and as unpacked, and time."""

import asyncio
import base64
import gc
import gzip
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import TooLarge, Unavailable, UnderstudyError
from runtime.http import FetchLimits, OutsideClient
from tests.unit.runtime.outside import PUBLIC, Canary, Clients, Wire, names, ok, running_canary


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


async def test_a_handshake_that_stalls_is_given_up_and_closed(canary: Canary, make: Clients) -> None:
    """The tests run with warnings as errors: a connection that is forgotten open is one."""
    client = make.trusting(canary, limits=FetchLimits(timeout_s=0.05))
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await client.fetch(f"https://127.0.0.1:{canary.port}/")
        assert caught.value.code in {"fetch_timeout", "fetch_failed"}
    gc.collect()


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(2000)), "fetch_failed"),
        (b"X: " + b"y" * 2_000_000 + b"\r\n", "fetch_failed"),
        (b"Content-Length: " + b"9" * 19 + b"\r\n", "response_too_large"),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", "fetch_failed"),
        (b"Content-Length: -1\r\n", "fetch_failed"),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n", "fetch_failed"),
        (b"Transfer-Encoding: chunked, gzip\r\n", "fetch_failed"),
        (b"Location\r\n", "fetch_failed"),
    ],
)
async def test_heads_that_are_bombs_or_wrong_are_refused(
    head: bytes, code: str, canary: Canary, make: Clients
) -> None:
    canary.answers["/"] = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"
    with pytest.raises(UnderstudyError) as caught:
        await make.trusting(canary).fetch(f"http://127.0.0.1:{canary.port}/")
    assert caught.value.code == code


async def test_interim_answers_without_end_are_given_up(canary: Canary, make: Clients) -> None:
    canary.answers["/"] = b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000
    with pytest.raises(Unavailable):
        await make.trusting(canary, limits=FetchLimits(timeout_s=5)).fetch(f"http://127.0.0.1:{canary.port}/")


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "identity, deflate"]
)
async def test_packing_that_is_not_understood_is_never_unpacked(
    encoding: str, canary: Canary, make: Clients
) -> None:
    canary.answers["/"] = ok(gzip.compress(b"\0" * 10_000_000), f"Content-Encoding: {encoding}")
    with pytest.raises(Unavailable) as caught:
        await make.trusting(canary).fetch(f"http://127.0.0.1:{canary.port}/")
    assert caught.value.code == "response_encoding_unknown"


async def test_one_fetch_may_have_limits_of_its_own(canary: Canary, make: Clients) -> None:
    canary.answers["/"] = ok(b"x" * 2000)
    url, client = f"http://127.0.0.1:{canary.port}/", make.trusting(canary, limits=FetchLimits(max_bytes=10))
    assert len((await client.fetch(url, limits=FetchLimits(max_bytes=2000))).content) == 2000
    with pytest.raises(TooLarge):
        await client.fetch(url)


async def test_the_password_in_an_address_is_sent_and_not_shown(canary: Canary, make: Clients) -> None:
    canary.redirect("/", "/there")
    canary.redirect("/there", f"//other@127.0.0.1:{canary.port}/end")
    got = await make.trusting(canary, user_agent="Understudy/1").fetch(
        f"http://ann:p%40ss@127.0.0.1:{canary.port}/"
    )
    assert got.url == f"http://127.0.0.1:{canary.port}/end"
    ann = b"Authorization: Basic " + base64.b64encode(b"ann:p@ss") + b"\r\n"
    assert [ann in call for call in canary.calls] == [True, True, False]
    assert all(b"User-Agent: Understudy/1\r\n" in call for call in canary.calls)


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://[", "//", "http://xn--"]))
async def test_no_text_makes_it_fail_in_an_unknown_way(text: str, begin: str) -> None:
    async with Clients() as clients:
        with pytest.raises(UnderstudyError):
            await clients(network=Wire(), resolve=names([PUBLIC])).fetch(begin + text)

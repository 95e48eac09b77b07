"""The guarded client: only public addresses, and only those that it looked at."""

import socket
from collections.abc import AsyncIterator, Collection

import httpcore
import httpx
import pytest

from runtime.errors import InvalidInput, Unavailable, UnderstudyError
from runtime.http import FetchLimits, service_client
from tests.unit.runtime.outside import END, PUBLIC, Canary, Clients, Wire, names, ok, running_canary


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    async with running_canary() as canary:
        yield canary


@pytest.fixture
async def make() -> AsyncIterator[Clients]:
    async with Clients() as clients:
        yield clients


# Each of these has been a way round some other guard. None may reach the server that listens on loopback.
INWARD = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.127.127.127",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "0",
    "0.0.0.0",  # noqa: S104 - an address to refuse, not to listen on
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[2001:10::1]",
    "[3fff::1]",
    "[5f00::1]",
]
RESERVED = [
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
]


@pytest.mark.parametrize("host", INWARD + RESERVED)
async def test_no_way_to_write_an_inward_address_is_followed(
    host: str, canary: Canary, make: Clients
) -> None:
    client = make(ports={canary.port}, limits=FetchLimits(timeout_s=5))
    with pytest.raises(UnderstudyError) as caught:
        await client.fetch(f"http://{host}:{canary.port}/")
    # Forms that the machine's own resolver does not read are no danger either.
    assert caught.value.code in {"url_address_refused", "host_unresolved", "url_invalid"}
    assert canary.calls == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_the_refusal_says_that_the_address_is_not_public(host: str, make: Clients) -> None:
    with pytest.raises(InvalidInput) as caught:
        await make().fetch(f"http://{host}/")
    assert caught.value.code == "url_address_refused"
    assert caught.value.next_step


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]
)
async def test_public_addresses_are_fetched(address: str, make: Clients) -> None:
    wire = Wire(ok(b"hello"))
    got = await make(resolve=names([address]), network=wire).fetch("http://example.org/feed?a=1")
    assert (got.status, got.content, got.url) == (200, b"hello", "http://example.org/feed?a=1")
    assert wire.dialled == [(address, 80)]


async def test_the_address_that_was_checked_is_the_one_that_is_dialled(canary: Canary, make: Clients) -> None:
    """A name that turns to loopback after the check: the second answer is never asked for, let alone dialled."""
    wire = Wire(ok(b"public"))
    client = make(resolve=names([PUBLIC], ["127.0.0.1"]), network=wire, ports={canary.port})
    got = await client.fetch(f"http://rebind.example:{canary.port}/")
    assert got.content == b"public"
    assert wire.dialled == [(PUBLIC, canary.port)]
    assert canary.calls == []


async def test_the_next_connection_is_checked_again(canary: Canary, make: Clients) -> None:
    again = f"HTTP/1.1 302 Found\r\nLocation: http://rebind.example:{canary.port}/\r\n".encode() + END
    wire = Wire(again)
    client = make(resolve=names([PUBLIC], ["127.0.0.1"]), network=wire, ports={canary.port})
    with pytest.raises(InvalidInput, match="not a server on the public internet"):
        await client.fetch(f"http://rebind.example:{canary.port}/")
    assert wire.dialled == [(PUBLIC, canary.port)]
    assert canary.calls == []


async def test_of_a_mixed_answer_only_public_addresses_are_dialled(
    make: Clients,
) -> None:
    wire = Wire()
    client = make(resolve=names(["10.0.0.1", PUBLIC, "::1", "2606:4700::1111"]), network=wire)
    with pytest.raises(Unavailable) as caught:
        await client.fetch("http://mixed.example/")
    assert caught.value.code == "fetch_failed"
    assert wire.dialled == [(PUBLIC, 80), ("2606:4700::1111", 80)]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        "http://localhost:{port}/x",
        "http://[::ffff:127.0.0.1]:{port}/",
    ],
)
async def test_a_redirect_inward_is_refused(location: str, canary: Canary, make: Clients) -> None:
    answer = f"HTTP/1.1 301 Moved\r\nLocation: {location.format(port=canary.port)}\r\n".encode() + END

    async def resolve(host: str, port: int) -> Collection[str]:
        return [PUBLIC] if host == "public.example" else [host if host != "localhost" else "127.0.0.1"]

    wire = Wire(answer)
    client = make(resolve=resolve, network=wire, ports={80, canary.port})
    with pytest.raises(InvalidInput) as caught:
        await client.fetch("http://public.example/")
    assert caught.value.code == "url_address_refused"
    assert wire.dialled == [(PUBLIC, 80)]
    assert canary.calls == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.org/", "url_scheme_refused"),
        ("file:///etc/passwd", "url_scheme_refused"),
        ("gopher://127.0.0.1:6379/_x", "url_scheme_refused"),
        ("javascript:alert(1)", "url_scheme_refused"),
        ("/relative", "url_scheme_refused"),
        ("http://", "url_invalid"),
        ("http:///path", "url_invalid"),
        ("http://exa mple.org/", "url_invalid"),
        ("http://example.org:0/", "url_port_refused"),
        ("http://example.org\x00/", "url_invalid"),
        (f"http://{'a' * 300}.example/", "url_invalid"),
        ("http://example.org:8080/", "url_port_refused"),
        ("http://example.org:22/", "url_port_refused"),
        ("https://example.org:25/", "url_port_refused"),
    ],
)
async def test_other_addresses_are_refused_by_name(url: str, code: str, make: Clients) -> None:
    wire = Wire(ok(b""))
    with pytest.raises(InvalidInput) as caught:
        await make(network=wire).fetch(url)
    assert caught.value.code == code
    assert wire.dialled == []


async def test_redirects_are_followed_up_to_the_limit(canary: Canary, make: Clients) -> None:
    for step in range(6):
        canary.redirect(f"/{step}", f"/{step + 1}")
    client = make.trusting(canary)
    got = await client.fetch(f"http://127.0.0.1:{canary.port}/1")
    assert (got.url, got.content) == (f"http://127.0.0.1:{canary.port}/6", b"canary")
    with pytest.raises(InvalidInput) as caught:
        await client.fetch(f"http://127.0.0.1:{canary.port}/0")
    assert caught.value.code == "too_many_redirects"


async def test_a_redirect_to_another_scheme_or_port_is_checked(canary: Canary, make: Clients) -> None:
    canary.redirect("/file", "file:///etc/passwd")
    canary.redirect("/port", "http://127.0.0.1:1/")
    client = make.trusting(canary)
    for path, code in (("/file", "url_scheme_refused"), ("/port", "url_port_refused")):
        with pytest.raises(InvalidInput) as caught:
            await client.fetch(f"http://127.0.0.1:{canary.port}{path}")
        assert caught.value.code == code


async def test_trust_is_for_the_exact_host_and_port(canary: Canary, make: Clients) -> None:
    client = make.trusting(canary, ports={80, canary.port})
    for host in ("localhost", "127.0.0.2", "0x7f.1", "[::1]"):
        with pytest.raises(InvalidInput) as caught:
            await client.fetch(f"http://{host}:{canary.port}/")
        assert caught.value.code == "url_address_refused"
    assert canary.calls == []


async def test_credentials_do_not_follow_to_another_origin(make: Clients) -> None:
    seen: list[bytes] = []

    class Stream(httpcore.AsyncMockStream):
        async def write(self, buffer: bytes, timeout: float | None = None) -> None:
            seen.append(buffer)

    class Recording(Wire):
        async def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> Stream:
            return Stream([self._responses.pop(0)])

    away = b"HTTP/1.1 302 Found\r\nSet-Cookie: a=b\r\nLocation: http://other.example/\r\n" + END
    client = make(resolve=names([PUBLIC]), network=Recording(away, ok(b""), ok(b"")))
    await client.fetch("http://one.example/", headers={"Authorization": "Bearer x", "If-None-Match": "y"})
    await client.fetch("http://one.example/")
    requests = b"".join(seen).lower().split(b"get ")[1:]
    assert b"authorization: bearer x" in requests[0]
    assert b"authorization" not in requests[1]
    assert b"if-none-match: y" in requests[1]
    assert all(b"cookie" not in request for request in requests)


async def test_a_name_without_an_address_is_named(make: Clients) -> None:
    async def nobody(host: str, port: int) -> Collection[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(Unavailable, match=r"no server named 'nowhere\.example'"):
        await make(resolve=nobody).fetch("http://nowhere.example/")


async def test_proxies_of_the_environment_are_not_used(
    canary: Canary, make: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    wire = Wire(ok(b"direct"))
    assert (
        await make(resolve=names([PUBLIC]), network=wire).fetch("http://example.org/")
    ).content == b"direct"
    async with service_client("http://127.0.0.1:1") as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
    assert canary.calls == []


async def test_other_statuses_are_the_callers_to_judge(canary: Canary, make: Clients) -> None:
    canary.answers["/"] = b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
    got = await make.trusting(canary).fetch(
        f"http://127.0.0.1:{canary.port}/", headers={"If-None-Match": "x"}
    )
    assert (got.status, got.content, got.headers["etag"]) == (304, b"", "x")
    assert b"If-None-Match: x" in canary.calls[0]


async def test_our_own_services_are_reached_by_path(canary: Canary) -> None:
    async with service_client(f"http://127.0.0.1:{canary.port}", headers={"X-Caller": "test"}) as client:
        assert (await client.get("/internal/answer")).content == b"canary"
    assert b"GET /internal/answer " in canary.calls[0]
    assert b"X-Caller: test" in canary.calls[0]

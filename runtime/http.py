"""HTTP: guarded to addresses that people give, plain to our own services.

What a person names may point anywhere, also inward: at this machine, its neighbours, a cloud's metadata. So
`OutsideClient` resolves names itself, refuses every address that is not public, connects to exactly the
address it checked (a name that changes between check and connection gains nothing), and treats each redirect
the same way. Size and time have limits, and no proxy settings of the environment apply.
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import cast

import httpcore
import httpx

from runtime.errors import InvalidInput, TooLarge, Unavailable

# Numeric addresses of a host name. Raises OSError when it has none.
Resolver = Callable[[str, int], Awaitable[Collection[str]]]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Not for another origin than the one that they were meant for.
PERSONAL_HEADERS = frozenset({"authorization", "cookie"})
ADDRESSES_TRIED = 4
INFLATED_AT_ONCE = 64 * 1024

# IANA's special-purpose registry of IPv4 addresses (2025): this network, private ones, carrier-grade NAT, loopback,
# link-local (with the clouds' metadata), protocol assignments, documentation, benchmarks, multicast, reserved;
# and one public number that means the host's own agent inside a large cloud.
_SPECIAL_4 = [
    IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
]
# Of IPv6 only this block is given out to the world, and not all of it: protocol assignments (among them Teredo) and
# 6to4, which both hold an IPv4 address, and documentation are taken out. Outside it lie loopback, unspecified,
# unique local, link-local, multicast, and the IPv4-mapped, IPv4-compatible and NAT64 ways to write an IPv4 address.
_GLOBAL_6 = IPv6Network("2000::/3")
_SPECIAL_6 = [
    IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one fetch may take: seconds in all, redirects included; bytes of the body, as sent and as unpacked."""

    timeout_s: float = 30
    max_bytes: int = 32 * 2**20
    max_redirects: int = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete response. `url` is where the redirects ended; header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes


class OutsideResponse:
    """A response whose body is still to come. Header names are in lower case."""

    def __init__(self, response: httpx.Response, max_bytes: int) -> None:
        self.url = str(response.url)
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._max_bytes = max_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, unpacked. Raises TooLarge `response_too_large`, Unavailable when it breaks off."""
        if int(self.headers.get("content-length", "0")) > self._max_bytes:
            raise self._too_large()
        packed = _Inflater() if self._is_packed() else None
        received = unpacked = 0
        async for chunk in self._response.aiter_raw():
            received += len(chunk)
            for piece in (chunk,) if packed is None else packed.feed(chunk):
                unpacked += len(piece)
                if max(received, unpacked) > self._max_bytes:
                    raise self._too_large()
                yield piece
            if received > self._max_bytes:
                raise self._too_large()
        if packed is not None:
            packed.finish()

    def _is_packed(self) -> bool:
        # Asked for plain bytes, some servers pack them nevertheless.
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding in {"gzip", "x-gzip", "deflate"}:
            return True
        if encoding in {"", "identity"}:
            return False
        raise Unavailable(
            "response_encoding_unknown",
            f"{self._response.url.host} packs its answer in a way that is not understood here.",
            next_step="Download the file yourself and upload it.",
        )

    def _too_large(self) -> TooLarge:
        return TooLarge(
            "response_too_large",
            f"What {self._response.url.host} sends is larger than {self._max_bytes:,} bytes.",
            next_step="Name a smaller file.",
        )


class _Inflater:
    """Unpacks gzip and zlib in pieces of bounded size, however much a few packed bytes stand for."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._begun = False

    def feed(self, packed: bytes) -> Iterable[bytes]:
        try:
            while packed:
                self._begun = True
                piece = self._stream.decompress(packed, INFLATED_AT_ONCE)
                packed = self._stream.unconsumed_tail
                if self._stream.eof:
                    packed = self._stream.unused_data
                    self._stream, self._begun = zlib.decompressobj(zlib.MAX_WBITS | 32), False
                if piece:
                    yield piece
        except zlib.error as error:
            raise _damaged() from error

    def finish(self) -> None:
        if self._begun:
            raise _damaged()


class OutsideClient:
    """Fetches what people name. `aclose()` belongs to whoever made it.

    `ports` are the ones that may be called. `trusted` are exact pairs of host and port that are called without
    these checks; it is for tests and for servers of one's own that are named in the settings.
    """

    def __init__(
        self,
        *,
        limits: FetchLimits = FetchLimits(),
        ports: Collection[int] = frozenset({80, 443}),
        trusted: Collection[tuple[str, int]] = frozenset(),
        resolve: Resolver | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._ports = frozenset(ports)
        self._trusted = frozenset(trusted)
        # Its two definitions, with and without anyio, are one type at run time.
        plain = network or cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        guarded = _GuardedNetwork(plain, resolve or _resolve, self._trusted)
        self._client = httpx.AsyncClient(
            transport=_PoolTransport(guarded, tls or httpx.create_ssl_context(trust_env=False)),
            trust_env=False,
            timeout=httpx.Timeout(limits.timeout_s, connect=min(10, limits.timeout_s)),
            headers={"User-Agent": "Understudy", "Accept-Encoding": "identity"},
            # Nothing that one person's fetch is given goes along with the next one's.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        """GET the whole of it, whatever its status; raises as `stream` and `OutsideResponse.chunks` do."""
        async with self.stream(url, headers=headers) as response:
            content = b"".join([chunk async for chunk in response.chunks()])
            return Fetched(response.url, response.status, response.headers, content)

    @asynccontextmanager
    async def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[OutsideResponse]:
        """GET; the body is read inside the block, for which the time limit holds too.

        Raises InvalidInput `url_invalid`, `url_scheme_refused`, `url_port_refused`, `url_address_refused`,
        `too_many_redirects`; Unavailable `host_unresolved`, `fetch_failed`, `fetch_timeout`.
        """
        deadline = asyncio.timeout(self._limits.timeout_s)
        try:
            async with deadline:
                response = await self._follow(url, headers or {})
                try:
                    yield OutsideResponse(response, self._limits.max_bytes)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise self._timeout() from error
        except httpcore.TimeoutException as error:
            raise self._timeout() from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unavailable(
                "fetch_failed",
                "The server named by the address refused the connection or broke it off.",
                next_step="Check the address, then try again later.",
            ) from error

    async def _follow(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        address = _parsed(url)
        for _ in range(self._limits.max_redirects + 1):
            self._check(address)
            response = await self._client.send(
                self._client.build_request("GET", address, headers=dict(headers)), stream=True
            )
            location = response.headers.get("location")
            if response.status_code not in REDIRECTS or location is None:
                return response
            await response.aclose()
            following = _parsed(location, base=address)
            if _origin(following) != _origin(address):
                headers = {n: v for n, v in headers.items() if n.lower() not in PERSONAL_HEADERS}
            address = following
        raise InvalidInput(
            "too_many_redirects",
            f"The address leads on more than {self._limits.max_redirects} times.",
            next_step="Open it in a browser and use the address where it ends.",
        )

    def _check(self, url: httpx.URL) -> None:
        if url.scheme not in {"http", "https"}:
            raise InvalidInput(
                "url_scheme_refused",
                f"Addresses that begin with {url.scheme[:20]!r} are not fetched.",
                next_step="Use an address that begins with https:// or http://.",
            )
        if not url.host or "%" in url.host:
            raise _invalid()
        _, host, port = _origin(url)
        if port not in self._ports and (host, port) not in self._trusted:
            raise InvalidInput(
                "url_port_refused",
                f"Port {port} is not called.",
                next_step="Use an address on the ordinary web ports.",
            )

    def _timeout(self) -> Unavailable:
        return Unavailable(
            "fetch_timeout",
            f"The address did not send everything within {self._limits.timeout_s:g} seconds.",
            next_step="Try again later.",
        )


def service_client(
    base_url: str, *, timeout_s: float = 30, connect_s: float = 2, headers: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """A client for our own services: connections kept open, no proxies, no redirects followed.

    `timeout_s` is the longest silence, not the longest answer. Closing it belongs to the caller.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        timeout=httpx.Timeout(timeout_s, connect=connect_s),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30),
        trust_env=False,
    )


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, and only to those that it has looked at."""

    def __init__(
        self, network: httpcore.AsyncNetworkBackend, resolve: Resolver, trusted: frozenset[tuple[str, int]]
    ) -> None:
        self._network, self._resolve, self._trusted = network, resolve, trusted

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError("no address")
        for address in await self._addresses(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolve(host, port)
        except UnicodeError as error:
            raise _invalid() from error
        except OSError as error:
            raise Unavailable(
                "host_unresolved",
                f"There is no server named {host[:100]!r}.",
                next_step="Check the spelling of the address.",
            ) from error
        public = [address for address in found if (host, port) in self._trusted or _is_public(address)]
        if found and not public:
            raise InvalidInput(
                "url_address_refused",
                f"{host[:100]!r} is not a server on the public internet.",
                next_step="Upload the file instead.",
            )
        return public[:ADDRESSES_TRIED]


class _PoolTransport(httpx.AsyncBaseTransport):
    """httpx on a connection pool of httpcore with a network of our own; httpx's transport takes none."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            network_backend=network,
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=5,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method, target, headers=request.headers.raw, extensions=request.extensions
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


def _is_public(address: str) -> bool:
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in block for block in _SPECIAL_4)
    return parsed in _GLOBAL_6 and not any(parsed in block for block in _SPECIAL_6)


async def _resolve(host: str, port: int) -> Collection[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _parsed(url: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        return httpx.URL(url) if base is None else base.join(url)
    except httpx.InvalidURL as error:
        raise _invalid() from error


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    usual = 443 if url.scheme == "https" else 80
    return url.scheme, url.raw_host.decode("ascii"), usual if url.port is None else url.port


def _invalid() -> InvalidInput:
    return InvalidInput(
        "url_invalid", "This is not a web address.", next_step="Copy the whole address from a browser."
    )


def _damaged() -> Unavailable:
    return Unavailable(
        "response_damaged", "What the server sent cannot be unpacked.", next_step="Try again later."
    )

"""The client for addresses that people give.

What a person names may point anywhere, also inward: at this machine, its neighbours, a cloud's metadata. So
`OutsideClient` resolves names itself, refuses every address that is not public, connects to exactly the
address it checked (a name that changes between check and connection gains nothing), and treats each redirect
the same way. Size and time have limits, and no proxy settings of the environment apply.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote_to_bytes

import httpcore
import httpx

from runtime.errors import InvalidInput, TooLarge, Unavailable
from runtime.http.network import GuardedNetwork, Resolver, SystemResolver, url_invalid
from runtime.http.unpacking import Inflater

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# All that goes along when a redirect leads to another origin; any other header may be a secret for the first one.
IMPERSONAL_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "if-modified-since",
        "if-none-match",
        "range",
        "user-agent",
    }
)
# No real length has more digits, and Python refuses to read numbers of thousands.
MAX_LENGTH_DIGITS = 18


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

    def __init__(self, url: httpx.URL, response: httpcore.Response, max_bytes: int) -> None:
        # A name and password that were in the address are nobody's business where it is shown.
        self.url = str(url.copy_with(userinfo=b""))
        self.status = response.status
        self.headers: Mapping[str, str] = _headers(response)
        self._host = _host(url)
        self._response = response
        self._max_bytes = max_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, unpacked. Raises TooLarge `response_too_large`, Unavailable when it breaks off."""
        declared = self.headers.get("content-length", "0")
        if len(declared) > MAX_LENGTH_DIGITS or int(declared) > self._max_bytes:
            raise self._too_large()
        packed = Inflater() if self._is_packed() else None
        received = unpacked = 0
        async for chunk in self._response.aiter_stream():
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
            f"{self._host} packs its answer in a way that is not understood here.",
            next_step="Download the file yourself and upload it.",
        )

    def _too_large(self) -> TooLarge:
        return TooLarge(
            "response_too_large",
            f"What {self._host} sends is larger than {self._max_bytes:,} bytes.",
            next_step="Name a smaller file.",
        )


class OutsideClient:
    """Fetches what people name. `aclose()` belongs to whoever made it.

    `ports` are the ones that may be called. `trusted` are exact pairs of host and port that are called without
    these checks; it is for tests and for servers of one's own that are named in the settings. `limits` hold for
    each fetch that names none of its own; `user_agent` tells the servers who calls.
    """

    def __init__(
        self,
        *,
        limits: FetchLimits = FetchLimits(),
        user_agent: str = "Understudy",
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
        self._resolver = SystemResolver()
        guarded = GuardedNetwork(plain, resolve or self._resolver, self._trusted)
        self._user_agent = user_agent
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            network_backend=guarded,
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=5,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()
        self._resolver.close()

    async def fetch(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: FetchLimits | None = None,
        leave_at: Callable[[str], bool] | None = None,
    ) -> Fetched:
        """GET the whole of it, whatever its status; raises as `stream` and `OutsideResponse.chunks` do."""
        async with self.stream(url, headers=headers, limits=limits, leave_at=leave_at) as response:
            content = b"".join([chunk async for chunk in response.chunks()])
            return Fetched(response.url, response.status, response.headers, content)

    @asynccontextmanager
    async def stream(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: FetchLimits | None = None,
        leave_at: Callable[[str], bool] | None = None,
    ) -> AsyncGenerator[OutsideResponse]:
        """GET; the body is read inside the block, for which the time limit holds too.

        A redirect to an address that `leave_at` is true of is not followed: the answer is then the redirect itself, under
        that address.

        Raises InvalidInput `url_invalid`, `url_scheme_refused`, `url_port_refused`, `url_address_refused`,
        `too_many_redirects`; Unavailable `host_unresolved`, `fetch_failed`, `fetch_timeout`.
        """
        limits = limits or self._limits
        deadline = asyncio.timeout(limits.timeout_s)
        try:
            async with deadline:
                address, response = await self._follow(url, headers or {}, limits, leave_at)
                try:
                    yield OutsideResponse(address, response, limits.max_bytes)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise _timeout(limits) from error
        except httpcore.TimeoutException as error:
            raise _timeout(limits) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unavailable(
                "fetch_failed",
                "The server named by the address refused the connection or broke it off.",
                next_step="Check the address, then try again later.",
            ) from error

    async def _follow(
        self,
        url: str,
        headers: Mapping[str, str],
        limits: FetchLimits,
        leave_at: Callable[[str], bool] | None,
    ) -> tuple[httpx.URL, httpcore.Response]:
        address = _parsed(url)
        for _ in range(limits.max_redirects + 1):
            self._check(address)
            response = await self._send(address, headers, limits)
            location = _headers(response).get("location")
            if response.status not in REDIRECTS or location is None:
                return address, response
            async with AsyncExitStack() as leaving:
                leaving.push_async_callback(response.aclose)
                following = _parsed(location, base=address)
                if leave_at is not None and leave_at(str(following)):
                    leaving.pop_all()
                    return following, response
            if _origin(following) != _origin(address):
                headers = {n: v for n, v in headers.items() if n.lower() in IMPERSONAL_HEADERS}
            address = following
        raise InvalidInput(
            "too_many_redirects",
            f"The address leads on more than {limits.max_redirects} times.",
            next_step="Open it in a browser and use the address where it ends.",
        )

    async def _send(
        self, url: httpx.URL, headers: Mapping[str, str], limits: FetchLimits
    ) -> httpcore.Response:
        # By httpcore itself: httpx keeps cookies, reads the next address of a redirect in its own way, and fails on
        # names that are no proper punycode.
        sent = {"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        if url.userinfo:
            name, _, password = url.userinfo.partition(b":")
            pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
            sent["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        sent |= {name.title(): value for name, value in headers.items()}
        wait_s = {"connect": min(10, limits.timeout_s)} | dict.fromkeys(
            ("read", "write", "pool"), limits.timeout_s
        )
        request = httpcore.Request(
            "GET",
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[(b"Host", url.netloc), *((n.encode("ascii"), v.encode()) for n, v in sent.items())],
            extensions={"timeout": wait_s},
        )
        return await self._pool.handle_async_request(request)

    def _check(self, url: httpx.URL) -> None:
        if url.scheme not in {"http", "https"}:
            raise InvalidInput(
                "url_scheme_refused",
                f"Addresses that begin with {url.scheme[:20]!r} are not fetched.",
                next_step="Use an address that begins with https:// or http://.",
            )
        _, host, port = _origin(url)
        if not host or "%" in host:
            raise url_invalid()
        if port not in self._ports and (host, port) not in self._trusted:
            raise InvalidInput(
                "url_port_refused",
                f"Port {port} is not called.",
                next_step="Use an address on the ordinary web ports.",
            )


def _parsed(url: str, base: httpx.URL | None = None) -> httpx.URL:
    try:
        return httpx.URL(url) if base is None else base.join(url)
    except httpx.InvalidURL as error:
        raise url_invalid() from error


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    usual = 443 if url.scheme == "https" else 80
    return url.scheme, _host(url), usual if url.port is None else url.port


def _headers(response: httpcore.Response) -> dict[str, str]:
    """By lower-case name; of one that came twice the values are joined."""
    found: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name = raw_name.decode("latin-1").lower()
        try:
            value = raw_value.decode("utf-8")
        except UnicodeDecodeError:
            value = raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _host(url: httpx.URL) -> str:
    """As it is sent. `url.host` would undo punycode, and fails for some that is none."""
    return url.raw_host.decode("ascii")


def _timeout(limits: FetchLimits) -> Unavailable:
    return Unavailable(
        "fetch_timeout",
        f"The address did not send everything within {limits.timeout_s:g} seconds.",
        next_step="Try again later.",
    )

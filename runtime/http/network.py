"""What the guarded client connects through: names are resolved here, and only checked addresses are dialled."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore
import httpx

from runtime.errors import InvalidInput, Unavailable
from runtime.http.addresses import is_public

# Numeric addresses of a host name. Raises OSError when it has none.
Resolver = Callable[[str, int], Awaitable[Collection[str]]]

ADDRESSES_TRIED = 4
LOOKUPS_AT_ONCE = 8


class SystemResolver:
    """The machine's own resolver, in threads of its own.

    A name whose servers are made to stall holds its thread for as long as the system waits; in the threads that all
    else of a process shares, a handful of such names would stop everything.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Collection[str]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Begin no more lookups; those under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedNetwork(httpcore.AsyncNetworkBackend):
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
            raise url_invalid() from error
        except OSError as error:
            raise Unavailable(
                "host_unresolved",
                f"There is no server named {host[:100]!r}.",
                next_step="Check the spelling of the address.",
            ) from error
        public = [address for address in found if (host, port) in self._trusted or is_public(address)]
        if found and not public:
            raise InvalidInput(
                "url_address_refused",
                f"{host[:100]!r} is not a server on the public internet.",
                next_step="Upload the file instead.",
            )
        return public[:ADDRESSES_TRIED]


class PoolTransport(httpx.AsyncBaseTransport):
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
        # Nothing that one person's fetch is given goes along with the next one's, and nothing reads it either.
        headers = [(name, value) for name, value in response.headers if name.lower() != b"set-cookie"]
        return httpx.Response(response.status, headers=headers, stream=_Body(response))

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


def url_invalid() -> InvalidInput:
    """What was given is no address that can be called."""
    return InvalidInput(
        "url_invalid", "This is not a web address.", next_step="Copy the whole address from a browser."
    )

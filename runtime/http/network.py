"""What the guarded client connects through: names are resolved here, and only checked addresses are dialled."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

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
                return _Stream(
                    await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
                )
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


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed when it is given up in the middle of a handshake; httpcore's own is then forgotten."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except asyncio.CancelledError:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def url_invalid() -> InvalidInput:
    """What was given is no address that can be called."""
    return InvalidInput(
        "url_invalid", "This is not a web address.", next_step="Copy the whole address from a browser."
    )

"""Waiting until something that was started can be used."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from runtime.errors import Unavailable

Probe = Callable[[], Awaitable[bool]]
"""Whether a child can be used now. Answers within a second or so, and raises nothing."""

_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2
_ANSWER_S = 2


async def until_ready(name: str, probe: Probe, ended: Awaitable[int], *, timeout_s: float) -> None:
    """Ask `probe` again and again until it says yes.

    Raises Unavailable: `child_ended` when `ended` comes first, `child_not_ready` after `timeout_s` seconds.
    """
    ending = asyncio.ensure_future(ended)
    asking = asyncio.ensure_future(_ask(probe))
    try:
        done, _ = await asyncio.wait({ending, asking}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if asking in done:
            asking.result()
            return
        if ending in done:
            raise Unavailable("child_ended", f"{name} {how_it_ended(ending.result())} before it was ready.")
        raise Unavailable("child_not_ready", f"{name} was not ready after {timeout_s:g} seconds.")
    finally:
        for task in (ending, asking):
            task.cancel()
        await asyncio.wait({ending, asking})


def how_it_ended(status: int) -> str:
    """The end of a process in words: "exited with status 1", "was ended by signal 9"."""
    return f"was ended by signal {-status}" if status < 0 else f"exited with status {status}"


def nearest_host(host: str) -> str:
    """Where a server that listens on `host` is reached from this machine: `0.0.0.0` stands for all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on


def http_ready(host: str, port: int, path: str = "/ready") -> Probe:
    """A probe: whether `path` answers 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()

    async def probe() -> bool:
        answer = await converse(nearest_host(host), port, request, until=b"\r\n")
        return answer.split(b" ")[1:2] == [b"200"]

    return probe


async def converse(host: str, port: int, request: bytes, *, until: bytes) -> bytes:
    """Send `request` over TCP and read up to `until`; what came by then, b"" if nobody answers."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.LimitOverrunError):
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                return await reader.readuntil(until)
            except asyncio.IncompleteReadError as error:
                return error.partial
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    return b""


async def _ask(probe: Probe) -> None:
    pause = _FIRST_PAUSE_S
    while not await probe():
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)

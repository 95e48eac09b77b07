"""Every known way to name this machine or its network, against the real client: the server that listens sees nobody."""

import ast
import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpcore
import pytest

from runtime.errors import UnderstudyError
from runtime.http import FetchLimits, OutsideClient, network
from tests.unit.runtime.outside import END, ok

TABLE = Path(__file__).parents[2] / "data" / "attack_urls.txt"
# Codes of a refusal that comes before anything is dialled.
REFUSALS = {
    "url_address_refused",
    "url_invalid",
    "url_scheme_refused",
    "url_port_refused",
    "host_unresolved",
}
# What the services answer that give a name to any address, and names that were set up to attack.
INWARD_NAMES = {
    "nat64.inward.example": ["64:ff9b::7f00:1"],
    "mapped.inward.example": ["::ffff:127.0.0.1"],
    "mixed-only-private.inward.example": ["10.0.0.1", "::1", "127.0.0.1"],
}
INWARD = re.compile(
    r"nip\.io|sslip\.io|localtest\.me|lvh\.me|vcap\.me|burpcollaborator\.net|rebind\.example|inward\.example|"
    r"metadata|instance-data|tencentyun"
)


@dataclass
class Watch:
    """A server on loopback, IPv4 and IPv6, that counts connections before a byte is read."""

    port: int = 0
    connections: int = 0
    location: str = ""
    requests: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if await reader.readexactly(1) != b"G":
                raise asyncio.IncompleteReadError(b"", None)
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.IncompleteReadError:
            pass  # whoever called began a handshake, or hung up
        else:
            writer.write(self._answer())
        writer.close()

    def _answer(self) -> bytes:
        if not self.location:
            return ok(b"reached")
        return b"HTTP/1.1 302 Found\r\nLocation: " + self.location.encode("utf-8") + b"\r\n" + END


async def start(stack: AsyncExitStack) -> Watch:
    watch = Watch()
    server = await stack.enter_async_context(await asyncio.start_server(watch.serve, "127.0.0.1", 0))
    watch.port = server.sockets[0].getsockname()[1]
    if socket.has_ipv6:
        await stack.enter_async_context(await asyncio.start_server(watch.serve, "::1", watch.port))
    return watch


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


class OnlyThisMachine(httpcore.AsyncNetworkBackend):
    """Really connects on loopback, and nowhere else; notes all that is dialled."""

    def __init__(self) -> None:
        self.dialled: list[str] = []
        self._real: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        if host not in {"127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"}:  # noqa: S104 - never listened on
            raise httpcore.ConnectError("not on this machine")
        return await self._real.connect_tcp(host, port, timeout, local_address, socket_options)


async def resolve(host: str, port: int) -> Collection[str]:
    """The system's own reading of numbers and of this machine's names; names of others as their owners set them."""
    if INWARD.search(host):
        return INWARD_NAMES.get(host, ["127.0.0.1"])
    if re.fullmatch(r"[0-9a-fx.:]+|localhost\.?", host):
        return await network.SystemResolver()(host, port)
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def attacks(port: int) -> list[str]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [ast.literal_eval(line).replace("{port}", str(port)) for line in lines if line[:1] in ('"', "'")]


def client(stack: AsyncExitStack, wire: OnlyThisMachine, *ports: int, trusted: int = 0) -> OutsideClient:
    made = OutsideClient(
        tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        limits=FetchLimits(timeout_s=5),
        ports={80, 443, *ports},
        trusted={("127.0.0.1", trusted)} if trusted else (),
        resolve=resolve,
        network=wire,
    )
    stack.push_async_callback(made.aclose)
    return made


async def outcome(client: OutsideClient, url: str) -> str:
    try:
        return (await client.fetch(url)).content.decode()
    except UnderstudyError as error:
        return error.code


def test_the_table_is_long_and_holds_nothing_twice() -> None:
    found = attacks(54321)
    assert len(found) >= 400
    assert len(set(found)) == len(found)


async def test_no_attack_reaches_this_machine(stack: AsyncExitStack) -> None:
    watch, wire = await start(stack), OnlyThisMachine()
    guarded = client(stack, wire, watch.port)
    for url in attacks(watch.port):
        assert await outcome(guarded, url) in REFUSALS, url
    assert (wire.dialled, watch.connections) == ([], 0)


async def test_no_attack_reaches_this_machine_by_a_redirect(stack: AsyncExitStack) -> None:
    """A public server, here a trusted one, that sends its callers on to each address of the table."""
    watch, sender, wire = await start(stack), await start(stack), OnlyThisMachine()
    guarded = client(stack, wire, watch.port, trusted=sender.port)
    entry = f"http://127.0.0.1:{sender.port}/"
    for url in attacks(watch.port):
        sender.location = url
        found = await outcome(guarded, entry)
        # What is no absolute address leads back to the sender itself, until it has been asked too often.
        assert found in REFUSALS | {"too_many_redirects", "fetch_failed"}, url
    assert watch.connections == 0
    assert set(wire.dialled) == {"127.0.0.1"}, "only the sender"


async def test_without_the_guard_the_same_table_does_reach_it(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof that the server would have seen a connection, had there been one."""
    monkeypatch.setattr(network, "is_public", lambda _: True)
    watch, wire = await start(stack), OnlyThisMachine()
    open_client = client(stack, wire, watch.port)
    reached = [url for url in attacks(watch.port) if await outcome(open_client, url) == "reached"]
    assert watch.connections >= len(reached) > 60
    assert {"127.0.0.1", "::1"} <= set(wire.dialled)
    assert {"169.254.169.254", "10.0.0.1", "100.100.100.200", "64:ff9b::7f00:1"} <= set(wire.dialled)
    for spelling in (
        "http://127.1:",
        "http://0x7f.1:",
        "http://017700000001:",
        "http://[::1]:",
        "http://localtest.me:",
    ):
        assert any(url.startswith(spelling) for url in reached), spelling

"""Real ports of the loopback."""

import os
import re
import socket
import sys
from collections.abc import Iterator

import pytest

from apps.supervisor.ports import ensure_free, find_holder, free_port, is_free, start_on_port
from runtime.errors import Conflict, InvalidInput, Unavailable


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_free_port_is_free() -> None:
    port = free_port()
    assert is_free("127.0.0.1", port)
    ensure_free("127.0.0.1", port, remedy="")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_taken_port_is_named_with_its_holder_and_a_free_one_offered(taken: int) -> None:
    with pytest.raises(Conflict) as caught:
        ensure_free("127.0.0.1", taken, remedy="Run ./understudy up --port {port}")
    assert caught.value.code == "port_taken"
    assert f"Port {taken} is in use by " in caught.value.detail
    assert f"(process {os.getpid()})" in caught.value.detail
    offered = re.fullmatch(r"Run \./understudy up --port (\d+)", caught.value.next_step)
    assert offered is not None
    assert is_free("127.0.0.1", int(offered[1]))


def test_nobody_holds_a_free_port() -> None:
    assert find_holder(free_port()) is None


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_this_machine_has_not_is_refused(host: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ensure_free(host, 8000, remedy="")
    assert caught.value.code == "address_not_usable"
    assert host in caught.value.detail


async def test_when_somebody_was_faster_another_port_is_tried(taken: int) -> None:
    tried: list[int] = []
    listeners: list[socket.socket] = []

    async def start(port: int) -> None:
        tried.append(port)
        if len(tried) < 3:
            listeners.append(socket.create_server(("127.0.0.1", port)))
            raise Unavailable("child_ended", "It exited.")

    assert await start_on_port(None, start) == tried[2]
    for listener in listeners:
        listener.close()


async def test_another_reason_is_not_answered_with_another_port() -> None:
    tried: list[int] = []

    async def start(port: int) -> None:
        tried.append(port)
        raise Unavailable("child_ended", "It exited.")

    with pytest.raises(Unavailable):
        await start_on_port(None, start)
    assert len(tried) == 1

"""The embedded Valkey for real."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from redis import AuthenticationError, Redis

from apps.supervisor.valkey import EmbeddedValkey


def client(url: str) -> "Redis":
    return Redis.from_url(url, decode_responses=True)


async def test_data_outlives_a_stop_and_a_kill_and_the_url_stays(var: Path) -> None:
    server = EmbeddedValkey(var)
    await server.start()
    url = server.url()
    with client(url) as connection:
        connection.set("stop", "kept")
        pid = connection.info("server")["process_id"]
    await server.stop()
    await server.start()
    with client(url) as connection:
        assert connection.get("stop") == "kept"
        connection.set("kill", "kept")
        connection.execute_command("WAITAOF", 1, 0, 5000)
        pid = connection.info("server")["process_id"]
    os.kill(pid, signal.SIGKILL)
    assert await server.exited() == -signal.SIGKILL
    await server.start()
    assert server.url() == url
    with client(url) as connection:
        assert connection.get("kill") == "kept"
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    await server.stop()


async def test_databases_are_apart_and_nobody_enters_without_the_password(var: Path) -> None:
    server = EmbeddedValkey(var)
    await server.start()
    with client(server.url(0)) as limits, client(server.url(1)) as broker:
        limits.set("name", "limits")
        assert broker.get("name") is None
    without = f"redis://{server.url().partition('@')[2]}"
    with client(without) as connection, pytest.raises(AuthenticationError):
        connection.ping()
    assert (var / "secrets" / "valkey").stat().st_mode & 0o777 == 0o600
    assert (var / "valkey" / "valkey.conf").stat().st_mode & 0o777 == 0o600
    await server.stop()


async def test_two_at_once_keep_apart(open_folder: Path) -> None:
    servers = [EmbeddedValkey(open_folder / name) for name in "ab"]
    await asyncio.gather(*(server.start() for server in servers))
    assert servers[0].url() != servers[1].url()
    await asyncio.gather(*(server.stop() for server in servers))


async def test_a_server_left_by_a_killed_supervisor_is_ended_first(var: Path) -> None:
    abandoned = EmbeddedValkey(var)
    await abandoned.start()
    server = EmbeddedValkey(var)
    await server.start()
    assert await abandoned.exited() == 0
    with client(server.url()) as connection:
        assert connection.ping()
    await server.stop()

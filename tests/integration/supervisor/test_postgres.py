"""The embedded PostgreSQL for real: begun, stopped, killed, begun again."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import psycopg
import pytest

from apps.supervisor.placement import ENVIRON, bundled_postgres
from apps.supervisor.ports import free_port
from apps.supervisor.postgres import EmbeddedPostgres
from apps.supervisor.process_table import is_alive, pids_working_in
from apps.supervisor.processes import Account, Child, Command, run_to_end
from apps.supervisor.valkey import EmbeddedValkey
from runtime.errors import Conflict, Unavailable
from tests.integration.supervisor.surroundings import NOBODY, REPOSITORY, until


def remember(url: str, word: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES (%s)", (word,))


def remembered(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [str(word) for (word,) in connection.execute("SELECT word FROM words ORDER BY word")]


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def new(var: Path, **options: object) -> EmbeddedPostgres:
    return EmbeddedPostgres(var, durable=False, **options)  # pyright: ignore[reportArgumentType]


async def test_data_outlives_a_stop(var: Path) -> None:
    server = new(var)
    await server.start()
    url, pid = server.url(), postmaster(server)
    remember(url, "kept")
    await server.stop()
    assert not is_alive(pid)
    await server.start()
    assert server.url() == url
    assert remembered(url) == ["kept"]
    await server.stop()

    other = new(var)
    await other.start()
    assert remembered(other.url()) == ["kept"]
    await other.remove()
    assert not other.data.exists()


async def test_it_listens_on_the_loopback_only_and_its_role_is_no_superuser(var: Path) -> None:
    server = new(var)
    await server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(
            "SELECT current_setting('listen_addresses'), rolsuper, rolcreatedb, lower('ÄÉЖ') FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        connection.execute("CREATE DATABASE another")
    assert row == ("127.0.0.1", False, True, "äéж")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url().replace("understudy:", "understudy:x", 1))
    for name in ("postgres", "postgres-admin"):
        assert (var / "secrets" / name).stat().st_mode & 0o777 == 0o600
    await server.remove()


async def test_what_was_committed_outlives_a_kill(var: Path) -> None:
    server = new(var)
    await server.start()
    remember(server.url(), "committed")
    os.kill(postmaster(server), signal.SIGKILL)
    assert await server.exited() == -signal.SIGKILL
    await server.start()
    assert remembered(server.url()) == ["committed"]
    await server.remove()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_server_and_its_busy_backend_left_by_a_killed_supervisor_are_ended_first(var: Path) -> None:
    abandoned = new(var)
    await abandoned.start()
    remember(abandoned.url(), "kept")
    busy = await psycopg.AsyncConnection.connect(abandoned.url())
    asking = asyncio.create_task(busy.execute("SELECT pg_sleep(600)"))
    (var / "run" / "postgres.pid").unlink()  # it is found without what the supervisor wrote, too

    server = new(var)
    await server.start()
    assert await abandoned.exited() == 0
    with pytest.raises(psycopg.OperationalError):
        await asking
    await busy.close()
    assert remembered(server.url()) == ["kept"]
    await server.remove()
    assert pids_working_in(server.data) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_backends_that_outlive_their_server_do_not_keep_the_next_one_out(var: Path) -> None:
    server = new(var)
    await server.start()
    busy = await psycopg.AsyncConnection.connect(server.url())
    backend = busy.info.backend_pid
    os.kill(backend, signal.SIGSTOP)  # one that does not notice
    os.kill(postmaster(server), signal.SIGKILL)
    await server.exited()
    assert is_alive(backend)
    await server.start()
    assert not is_alive(backend)
    await busy.close()
    await server.remove()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the server judges its file itself")
async def test_a_stale_pid_file_that_names_another_living_process_is_no_obstacle(var: Path) -> None:
    server = new(var)
    await server.start()
    await server.stop()
    owner = server.data.stat()
    account = Account(owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
    command = Command(("/bin/sleep", "600"), ENVIRON, Path("/"), account)
    stranger = Child.spawn(command, log=var / "logs" / "stranger.log", record=var / "run" / "stranger.pid")
    (server.data / "postmaster.pid").write_text(f"{stranger.pid}\n{server.data}\n1\n1\n\n\n\nready\n")
    await server.start()
    assert postmaster(server) != stranger.pid
    assert is_alive(stranger.pid)
    await stranger.stop(5)
    await server.remove()


async def test_an_impatient_stop_leaves_no_backend_and_loses_nothing(var: Path) -> None:
    server = new(var)
    await server.start()
    remember(server.url(), "kept")
    await server.stop(0)
    assert pids_working_in(server.data) == []
    await server.start()
    assert remembered(server.url()) == ["kept"]
    await server.remove()


async def test_two_at_once_keep_apart(open_folder: Path) -> None:
    first, second = new(open_folder / "a"), new(open_folder / "b")
    await asyncio.gather(first.start(), second.start())
    remember(first.url(), "one")
    remember(second.url(), "two")
    assert (remembered(first.url()), remembered(second.url())) == (["one"], ["two"])
    await asyncio.gather(first.remove(), second.remove())


async def test_data_of_another_version_is_refused_and_left_alone(var: Path) -> None:
    server = new(var)
    await server.start()
    await server.stop()
    version = server.data / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(Conflict) as caught:
        await server.start()
    assert caught.value.code == "database_version_mismatch"
    assert "PostgreSQL 16" in caught.value.detail
    assert version.read_text() == "16\n"
    await server.remove()


async def test_a_folder_without_a_database_in_it_is_refused_and_left_alone(var: Path) -> None:
    server = new(var)
    await server.start()
    await server.stop()
    (server.data / "PG_VERSION").unlink()
    with pytest.raises(Unavailable) as caught:
        await server.start()
    assert caught.value.code == "database_unreadable"
    assert (server.data / "global").exists()
    await server.remove()


async def test_both_servers_run_in_a_folder_with_an_odd_and_relative_name(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(open_folder)
    odd = Path('données "d\'été" %s')
    postgres, valkey = new(odd), EmbeddedValkey(odd)
    for _ in range(2):
        await asyncio.gather(postgres.start(), valkey.start())
        await asyncio.gather(postgres.stop(), valkey.stop())
    assert postgres.data == open_folder / odd / "postgres" / "data"
    assert (open_folder / odd / "valkey" / "appendonlydir").is_dir()


async def test_an_interrupted_beginning_is_begun_again(var: Path) -> None:
    server = new(var)
    starting = asyncio.create_task(server.start())
    await until((var / "postgres" / "data.new" / "PG_VERSION").exists)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not (var / "postgres" / "data").exists()
    assert not (var / "postgres" / "password.new").exists()
    await server.start()
    remember(server.url(), "whole")
    await server.remove()


async def test_a_lost_password_of_the_role_is_set_anew(var: Path) -> None:
    server = new(var)
    await server.start()
    remember(server.url(), "kept")
    await server.stop()
    (var / "secrets" / "postgres").unlink()
    await server.start()
    assert remembered(server.url()) == ["kept"]
    await server.remove()


async def test_a_port_that_was_asked_for_and_is_taken_fails(open_folder: Path) -> None:
    first = new(open_folder / "a", port=free_port())
    await first.start()
    second = new(open_folder / "b", port=int(first.url().rpartition(":")[2].partition("/")[0]))
    with pytest.raises(Unavailable) as caught:
        await second.start()
    assert caught.value.code == "child_ended"
    await asyncio.gather(first.remove(), second.remove())


async def test_a_folder_that_cannot_be_made_is_named(open_folder: Path) -> None:
    (open_folder / "var").write_text("a file where a folder should be")
    with pytest.raises(Unavailable) as caught:
        await new(open_folder / "var").start()
    assert caught.value.code == "postgres_cannot_run"
    assert str(open_folder / "var") in caught.value.detail


@pytest.mark.usefixtures("as_root")
class TestAsRoot:
    """Root cannot run PostgreSQL, so somebody else has to be able to."""

    async def test_the_server_runs_as_somebody_else(self, var: Path) -> None:
        server = new(var)
        await server.start()
        assert server.data.stat().st_uid == os.stat(f"/proc/{postmaster(server)}").st_uid == NOBODY.uid
        assert server.data == var / "postgres" / "data"
        await server.remove()

    async def test_data_of_a_closed_folder_lies_in_the_system_folder(self, open_folder: Path) -> None:
        closed = open_folder / "closed"
        closed.mkdir(mode=0o700)
        var, system = closed / "var", open_folder / "system"
        server = new(var, system=system)
        await server.start()
        remember(server.url(), "kept")
        await server.stop()
        assert server.data.parent.parent == system
        again = new(var, system=system)
        await again.start()
        assert remembered(again.url()) == ["kept"]
        await again.remove()
        assert list(system.iterdir()) == []

    async def test_a_removed_var_begins_empty_and_its_old_data_is_left(self, open_folder: Path) -> None:
        closed = open_folder / "closed"
        closed.mkdir(mode=0o700)
        var, system = closed / "var", open_folder / "system"
        old = new(var, system=system)
        await old.start()
        await old.stop()
        shutil.rmtree(var)
        server = new(var, system=system)
        await server.start()
        assert server.data != old.data
        assert old.data.exists()
        await server.remove()

    async def test_data_that_has_gone_is_not_begun_again_silently(self, open_folder: Path) -> None:
        closed = open_folder / "closed"
        closed.mkdir(mode=0o700)
        server = new(closed / "var", system=open_folder / "system")
        await server.start()
        await server.stop()
        shutil.rmtree(open_folder / "system")
        with pytest.raises(Unavailable) as caught:
            await server.start()
        assert caught.value.code == "database_gone"

    async def test_programs_that_others_cannot_read_are_copied_once(self, open_folder: Path) -> None:
        closed, system = open_folder / "closed", open_folder / "system"
        closed.mkdir(mode=0o700)
        wheel = bundled_postgres()
        install = closed / wheel.parent.name / wheel.name
        shutil.copytree(wheel, install)
        shutil.copytree(
            wheel.parent.with_name(f"{wheel.parent.name}.libs"), closed / f"{wheel.parent.name}.libs"
        )
        servers = [new(open_folder / name, install=install, system=system) for name in "ab"]
        await asyncio.gather(*(server.start() for server in servers))
        programs = {os.readlink(f"/proc/{postmaster(server)}/exe") for server in servers}
        assert len(programs) == 1
        assert programs.pop().startswith(str(system))
        await asyncio.gather(*(server.remove() for server in servers))
        assert len(list(system.iterdir())) == 1

    async def test_an_ordinary_user_does_not_begin_a_second_database_beside_it(
        self, var: Path, python_of_nobody: str
    ) -> None:
        server = new(var)
        await server.start()
        await server.stop()
        for folder in (var, var / "postgres"):
            os.chown(folder, NOBODY.uid, NOBODY.gid)
        os.chown(server.data, 12345, 12345)
        assert "database_of_another_user" in await as_nobody(python_of_nobody, var)
        os.chown(server.data, NOBODY.uid, NOBODY.gid)
        await server.remove()

    async def test_an_ordinary_user_runs_both_servers(self, open_folder: Path, python_of_nobody: str) -> None:
        os.chown(open_folder, NOBODY.uid, NOBODY.gid)
        assert "both answered" in await as_nobody(python_of_nobody, open_folder / "var")


SCRIPT = """
import asyncio, sys
from pathlib import Path
from apps.supervisor.postgres import EmbeddedPostgres
from apps.supervisor.valkey import EmbeddedValkey
async def main():
    servers = [EmbeddedPostgres(Path(sys.argv[1])), EmbeddedValkey(Path(sys.argv[1]))]
    for _ in range(2):
        await asyncio.gather(*(server.start() for server in servers))
        await asyncio.gather(*(server.stop() for server in servers))
    print("both answered")
try:
    asyncio.run(main())
except Exception as error:
    sys.exit(getattr(error, "code", repr(error)))
"""


async def as_nobody(python: str, var: Path) -> str:
    """What an ordinary user's start and stop of both servers on `var` says."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environ = {**ENVIRON, "PYTHONPATH": f"{REPOSITORY}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}
    _, output = await run_to_end(Command((python, "-c", SCRIPT, str(var)), environ, Path("/"), NOBODY))
    return output

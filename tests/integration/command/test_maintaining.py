"""`migrate`, `reindex`, `doctor` and `alembic`: on the database that is set, or else on the one that runs here."""

import json
from pathlib import Path

import psycopg
import pytest

from runtime import migrations
from tests.integration.command.terminal import ALEMBIC, UNDERSTUDY, begin, running, type_in
from tests.waiting import until

NOBODY = "postgresql://nobody:sekret@127.0.0.1:1/none?connect_timeout=2"


def empty(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA jobs, creators, retrieval, ingestion, chat, runtime CASCADE")
        connection.execute("DROP TABLE alembic_version")


def version(url: str) -> str | None:
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else row[0]


@pytest.mark.parametrize("name", ["UNDERSTUDY_DATABASE__URL", "DATABASE_URL"])
@pytest.mark.parametrize("command", ["migrate", "reindex"])
def test_a_database_that_is_set_wins_over_the_running_one(
    name: str, command: str, tmp_path: Path, database_url: str
) -> None:
    with running(tmp_path, database=database_url):
        told = type_in(UNDERSTUDY, command, **{"UNDERSTUDY_VAR": str(tmp_path), name: NOBODY})
    assert told[0] == 5, told
    assert "database_unreachable" in told[2]
    assert "sekret" not in "".join(told[1:])


def test_doctor_looks_at_the_servers_that_are_set(tmp_path: Path, database_url: str, redis_url: str) -> None:
    environ = {"UNDERSTUDY_VAR": str(tmp_path), "DATABASE_URL": NOBODY}
    with running(tmp_path, database=database_url, redis=redis_url):
        _, out, _ = type_in(UNDERSTUDY, "doctor", "--json", **environ)
    found = {one["part"]: one["state"] for one in json.loads(out)}
    assert found["database"] == "PostgreSQL does not answer."
    assert found["redis"] == "answers"
    environ |= {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0?no_such_option=sekret"}
    with running(tmp_path, database=NOBODY, redis=redis_url):
        _, out, err = type_in(UNDERSTUDY, "doctor", "--json", **environ)
    found = {one["part"]: one["state"] for one in json.loads(out)}
    assert found["database"].startswith("PostgreSQL 18")
    assert found["redis"] == "The address of Redis has an option that is not understood."
    assert "sekret" not in out + err


@pytest.mark.parametrize(
    ("program", "arguments"),
    [(UNDERSTUDY, ["migrate"]), (ALEMBIC, ["upgrade", "head"])],
    ids=["migrate", "alembic"],
)
@pytest.mark.parametrize("is_set", [False, True])
def test_the_schema_is_brought_up_to_date(
    program: tuple[str, ...], arguments: list[str], is_set: bool, tmp_path: Path, database_url: str
) -> None:
    empty(database_url)
    environ = {"UNDERSTUDY_VAR": str(tmp_path)}
    if is_set:
        environ["DATABASE_URL"] = database_url.replace("postgresql://", "postgresql+asyncpg://")
    with running(tmp_path, database=NOBODY if is_set else database_url):
        status, _, err = type_in(program, *arguments, **environ)
    assert status == 0, err
    assert version(database_url) == migrations.newest_version()


def test_alembic_waits_for_whoever_migrates(tmp_path: Path, database_url: str) -> None:
    empty(database_url)
    with migrations.alone(database_url) as guard:
        process = begin(ALEMBIC, "upgrade", "head", UNDERSTUDY_VAR=str(tmp_path), DATABASE_URL=database_url)
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )

        def it_waits() -> bool:
            assert process.poll() is None, process.communicate()
            return guard.execute(waiting).fetchone() == (1,)

        until(it_waits)
        assert version(database_url) is None
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert version(database_url) == migrations.newest_version()


@pytest.mark.parametrize(
    ("url", "code"), [(NOBODY, "database_unreachable"), ("mysql://u:sekret@h/d", "settings_invalid")]
)
@pytest.mark.parametrize(
    ("program", "arguments"),
    [(UNDERSTUDY, ["migrate"]), (UNDERSTUDY, ["doctor"]), (ALEMBIC, ["upgrade", "head"])],
    ids=["migrate", "doctor", "alembic"],
)
def test_an_address_that_does_not_help_is_told_in_few_words(
    program: tuple[str, ...], arguments: list[str], url: str, code: str, tmp_path: Path
) -> None:
    told = type_in(program, *arguments, UNDERSTUDY_VAR=str(tmp_path), DATABASE_URL=url)
    said = "".join(told[1:])
    assert told[0] != 0
    assert code in said or arguments == ["doctor"]
    assert "Traceback" not in said
    assert "sekret" not in said

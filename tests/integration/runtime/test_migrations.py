"""The schema: brought to the newest version once, by whoever comes first; refused when it is of a later product."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from runtime import migrations
from runtime.errors import Conflict, Unavailable

ROOT = Path(__file__).resolve().parents[3]


def version(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row is not None
    return row[0]


def test_the_newest_version_is_the_one_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    assert migrations.newest_version() == ScriptDirectory.from_config(config).get_current_head()


def test_an_old_schema_is_brought_up_to_date(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA jobs, creators, retrieval, ingestion, chat, runtime CASCADE")
        connection.execute("DROP TABLE alembic_version")
    migrations.migrate(database_url)
    assert version(database_url) == migrations.newest_version()
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT FROM chat.messages")


async def test_those_who_start_together_migrate_once(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA jobs, creators, retrieval, ingestion, chat, runtime CASCADE")
        connection.execute("DROP TABLE alembic_version")
    await asyncio.gather(*(asyncio.to_thread(migrations.migrate, database_url) for _ in range(3)))
    assert version(database_url) == migrations.newest_version()


def test_a_schema_of_a_later_product_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict) as caught:
        migrations.migrate(database_url)
    assert caught.value.code == "schema_newer"
    assert version(database_url) == "9999"


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(Unavailable) as caught:
        migrations.migrate("postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=2")
    assert caught.value.code == "database_unreachable"

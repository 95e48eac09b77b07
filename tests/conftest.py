"""Real servers for the tests: one PostgreSQL and one Valkey a session, one fresh database a test that asks."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from apps.supervisor.postgres import EmbeddedPostgres
from apps.supervisor.valkey import EmbeddedValkey
from runtime.database import Database
from runtime.migrations import migrate
from runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from tests.s3_server import S3Server


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real videos; tests that need it skip where it is not named."""
    named = os.environ.get("UNDERSTUDY_TEST_DATA")
    if not named:
        pytest.skip("UNDERSTUDY_TEST_DATA names no folder of real data")
    folder = Path(named)
    assert (folder / "creators").is_dir(), f"UNDERSTUDY_TEST_DATA is {named}, which holds no creators/"
    return folder


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """URL of a running server; its database `understudy` is migrated and serves as the template."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    await server.start()
    try:
        await asyncio.to_thread(migrate, server.url())
        yield server.url()
    finally:
        await server.remove()


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """URL of a fresh, migrated database."""
    name = f"test_{uuid4().hex}"
    parts = urlsplit(postgres)
    admin = urlunsplit(parts._replace(path="/postgres"))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{parts.path[1:]}"')
    yield urlunsplit(parts._replace(path=f"/{name}"))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, min_size=1, max_size=20, timeout_s=10)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def valkey(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    await server.start()
    try:
        yield server.url(0)
    finally:
        await server.stop()


@pytest.fixture
def redis_url(valkey: str) -> str:
    """URL of an emptied Valkey database."""
    from redis import Redis  # noqa: PLC0415 - most tests do without

    with Redis.from_url(valkey) as client:
        client.flushall()
    return valkey


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str) -> Settings:
    """Settings of a whole installation under a temporary folder, on the session's servers."""
    return load_settings(
        {
            "UNDERSTUDY_VAR": str(tmp_path / "var"),
            "UNDERSTUDY_DATABASE__URL": database_url,
            "UNDERSTUDY_REDIS__URL": redis_url,
            "UNDERSTUDY_BROKER__URL": f"{redis_url.rsplit('/', 1)[0]}/1",
        }
    )


@pytest.fixture(scope="session")
def s3_server() -> Iterator["S3Server"]:
    from tests.s3_server import S3Server  # noqa: PLC0415 - takes a second, and most tests do without

    server = S3Server()
    server.start()
    yield server
    server.stop()

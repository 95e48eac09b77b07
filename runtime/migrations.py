"""Schema versions: Alembic keeps the order, the statements are plain SQL files.

All callers take one advisory lock, so that processes which start together migrate once.
"""

from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from runtime.errors import Conflict, Unavailable

ROOT = Path(__file__).resolve().parent.parent
# Any constant will do as long as nothing else uses it: the bytes of "unders".
LOCK_KEY = int.from_bytes(b"unders", "big")


def migrate(url: str) -> None:
    """Bring the schema at `url` to the newest version.

    Raises Unavailable when PostgreSQL cannot be reached, Conflict `schema_newer` when a later Understudy wrote it.
    """
    try:
        with psycopg.connect(url, autocommit=True) as guard:
            guard.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
            present, newest = _version(guard), newest_version()
            if present == newest:
                return
            if present is not None and present > newest:
                raise Conflict(
                    "schema_newer",
                    f"The database has schema version {present}, and this Understudy knows up to {newest}.",
                    next_step="Start the Understudy that wrote it, or a later one.",
                )
            _upgrade(url)
    except psycopg.OperationalError as error:
        raise Unavailable(
            "database_unreachable", "PostgreSQL does not answer.", next_step="Start it, then migrate again."
        ) from error


def newest_version() -> str:
    """The version that the newest script leads to: the number that its name begins with."""
    return max(path.name.partition("_")[0] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))


def _version(connection: psycopg.Connection[TupleRow]) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None


def _upgrade(url: str) -> None:
    # Loaded only when used: together with SQLAlchemy it costs a start more than the database itself.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def statements(version: str) -> str:
    """The SQL of one version, from the file beside its Alembic script."""
    return (ROOT / "migrations" / "versions" / f"{version}.sql").read_text(encoding="utf-8")

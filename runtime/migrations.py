"""Schema versions: Alembic keeps the order, the statements are plain SQL files.

All callers take one advisory lock, so that processes which start together migrate once.
"""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config

from runtime.errors import Unavailable

ROOT = Path(__file__).resolve().parent.parent
# Any constant will do as long as nothing else uses it: the bytes of "unders".
LOCK_KEY = int.from_bytes(b"unders", "big")


def migrate(url: str) -> None:
    """Bring the schema at `url` to the newest version. Raises Unavailable when PostgreSQL cannot be reached."""
    config = Config(str(ROOT / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    try:
        with psycopg.connect(url, autocommit=True) as guard:
            guard.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
            command.upgrade(config, "head")
    except psycopg.OperationalError as error:
        raise Unavailable(
            "database_unreachable", "PostgreSQL does not answer.", next_step="Start it, then migrate again."
        ) from error


def statements(version: str) -> str:
    """The SQL of one version, from the file beside its Alembic script."""
    return (ROOT / "migrations" / "versions" / f"{version}.sql").read_text(encoding="utf-8")

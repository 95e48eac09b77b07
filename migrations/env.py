"""Alembic's entry. `runtime.migrations` gives it an address and holds the lock; run as `alembic`, it sees to both itself."""

import psycopg
import sqlalchemy
from alembic import context
from alembic.util import CommandError

from apps.supervisor.lock import beside_the_running
from runtime.errors import UnderstudyError
from runtime.migrations import alone
from runtime.settings import load_settings


def run(url: str) -> None:
    """Run what Alembic was asked for on the database at this address, which libpq reads, not SQLAlchemy."""
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sqlalchemy.pool.NullPool
    )
    with engine.connect() as connection:
        context.configure(connection=connection, transactional_ddl=True, version_table="alembic_version")
        with context.begin_transaction():
            context.run_migrations()


def run_by_itself() -> None:
    """On the database that is set, or else on the one that runs on this `var`."""
    try:
        url = beside_the_running(load_settings()).database.url.get_secret_value()
        with alone(url):
            run(url)
    except UnderstudyError as error:
        raise CommandError(f"{error.code}: {error}") from error


if given := context.config.attributes.get("url"):
    run(given)
else:
    run_by_itself()

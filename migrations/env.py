"""Alembic's entry: connects to the given address, or to the one in the settings."""

import sqlalchemy
from alembic import context

from runtime.settings import load_settings

url = context.config.attributes.get("url") or load_settings().database.url.get_secret_value()
engine = sqlalchemy.create_engine(
    url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=sqlalchemy.pool.NullPool
)
with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=True, version_table="alembic_version")
    with context.begin_transaction():
        context.run_migrations()

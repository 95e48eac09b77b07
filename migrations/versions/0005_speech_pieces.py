"""Pieces of recordings that were listened to."""

from alembic import op

from runtime.migrations import statements

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the statements of the SQL file beside this one."""
    op.get_bind().exec_driver_sql(statements("0005_speech_pieces"))

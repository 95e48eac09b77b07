"""Resumable transfers, holds on contents, removals, corrections and tags."""

from alembic import op

from runtime.migrations import statements

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the statements of the SQL file beside this one."""
    op.get_bind().exec_driver_sql(statements("0006_uploads_and_removal"))

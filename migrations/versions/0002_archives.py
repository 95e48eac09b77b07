"""Archives, and what became of their items."""

from alembic import op

from runtime.migrations import statements

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the statements of the SQL file beside this one."""
    op.get_bind().exec_driver_sql(statements("0002_archives"))

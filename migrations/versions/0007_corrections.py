"""A creator's corrections of what a transcript heard."""

from alembic import op

from runtime.migrations import statements

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the statements of the SQL file beside this one."""
    op.get_bind().exec_driver_sql(statements("0007_corrections"))

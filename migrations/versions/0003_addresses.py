"""What has an address: feeds, their items, and what was fetched from where."""

from alembic import op

from runtime.migrations import statements

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the statements of the SQL file beside this one."""
    op.get_bind().exec_driver_sql(statements("0003_addresses"))

"""Jobs that can be steered and watched: cancelling, pausing, percentages, queues by what the work needs."""

from alembic import op

from runtime.migrations import statements

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the statements of the SQL file beside this one."""
    op.get_bind().exec_driver_sql(statements("0004_jobs"))

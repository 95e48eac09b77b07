"""Tables of the main job: jobs, creators, passages, uploads, conversations."""

from alembic import op

from runtime.migrations import statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the statements of the SQL file beside this one."""
    op.get_bind().exec_driver_sql(statements("0001_main_job"))

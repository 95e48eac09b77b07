"""${message}"""

from alembic import op

from runtime.migrations import statements

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.get_bind().exec_driver_sql(statements("${up_revision}_NAME"))

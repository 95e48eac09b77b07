"""What the supervisor asks the PostgreSQL it has started. It has no tables of its own."""

import psycopg
from psycopg import sql

# Not a superuser: one can run programs and read files through SQL. It may create databases, for tests and restores.
ROLE = "understudy"
DATABASE = "understudy"


async def answers(url: str) -> bool:
    """Whether the server lets this URL in and answers."""
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=5) as connection:
            await connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


async def ensure_database(admin_url: str, *, password: str) -> None:
    """Have the role with this password and its database. Raises psycopg.Error."""
    connecting = psycopg.AsyncConnection.connect(admin_url, autocommit=True, connect_timeout=5)
    async with await connecting as connection:
        # Scrambled here, so that the password itself stands in no statement that a log could repeat.
        secret = connection.pgconn.encrypt_password(
            password.encode(), ROLE.encode(), b"scram-sha-256"
        ).decode()
        found = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,))
        change = "ALTER" if await found.fetchone() else "CREATE"
        await connection.execute(
            sql.SQL("{} ROLE {} LOGIN CREATEDB PASSWORD {}").format(
                sql.SQL(change), sql.Identifier(ROLE), sql.Literal(secret)
            )
        )
        found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
        if not await found.fetchone():
            await connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
            )

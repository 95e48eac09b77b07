"""Addresses of PostgreSQL and Redis servers: checked without being repeated, because they hold passwords."""

from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

# Redis has that many databases unless its configuration says otherwise.
_REDIS_DATABASES = 16


def postgres_url(url: str) -> str:
    """The address as libpq reads it: `postgresql://...`, without the driver that SQLAlchemy's addresses name.

    Raises ValueError, which does not repeat the address.
    """
    import psycopg.conninfo  # noqa: PLC0415 - costs those nothing who name no database

    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0].lower() not in {"postgres", "postgresql"}:
        raise ValueError("must be an address such as postgresql://user:password@host:5432/database")
    plain = f"postgresql://{rest}"
    try:
        parts = psycopg.conninfo.conninfo_to_dict(plain)
    except psycopg.ProgrammingError:
        raise ValueError(
            "is no address that PostgreSQL understands: special characters of a user or password are written as %XX,"
            " and options after ? are those of libpq"
        ) from None
    for port in str(parts.get("port") or "5432").split(","):
        if not (port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError("must have a port from 1 to 65535")
    return plain


def redis_url(url: str) -> str:
    """The address, if redis-py can use it. Raises ValueError, which does not repeat the address."""
    parts = _split(url)
    if parts.scheme not in {"redis", "rediss", "unix"} or url[len(parts.scheme) :][:3] != "://":
        raise ValueError(
            "must be an address such as redis://:password@host:6379/0, rediss://... or unix:///path?db=0"
        )
    if parts.scheme == "unix" and not parts.path.strip("/"):
        raise ValueError("must name the socket: unix:///path?db=0")
    if parts.scheme != "rediss" and any(name.startswith("ssl_") for name, _ in parse_qsl(parts.query)):
        raise ValueError("has options for TLS, which only rediss:// has")
    _database(parts)
    return url


def redis_url_beside(url: str) -> str:
    """The same server with a database of its own: the next one, or the one before where there may be no next.

    Raises ValueError as `redis_url` does.
    """
    parts = _split(redis_url(url))
    number = _database(parts)
    other = str(number + 1 if number < _REDIS_DATABASES - 1 else number - 1)
    query = parse_qsl(parts.query, keep_blank_values=True)
    path = parts.path
    if parts.scheme == "unix" or any(name == "db" for name, _ in query):
        query = [*((name, value) for name, value in query if name != "db"), ("db", other)]
    else:
        path = f"/{other}"
    options = urlencode(query, safe="/:")
    # Not by urlunsplit, which leaves the two slashes away that redis-py wants before the path of a socket.
    return f"{parts.scheme}://{parts.netloc}{path}" + (f"?{options}" if options else "")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("must have a host, and a port from 1 to 65535") from None
    return parts


def _database(parts: SplitResult) -> int:
    """Where redis-py looks for it: in the query, else in the path."""
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    number = dict(parse_qsl(parts.query)).get("db", path) or "0"
    if not (number.isdecimal() and len(number) < 6):
        raise ValueError("must name its database by a number, as in /0")
    return int(number)

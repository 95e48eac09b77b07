"""The names that other projects use for settings, and ours."""

import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from urllib.parse import quote

from runtime.server_urls import redis_url_beside

PREFIX = "UNDERSTUDY_"
_DATABASE = f"{PREFIX}DATABASE__URL"
_REDIS = f"{PREFIX}REDIS__URL"
_BROKER = f"{PREFIX}BROKER__URL"
_LEVEL = f"{PREFIX}LOG__LEVEL"

_SAME: Mapping[str, str] = {
    "DATABASE_URL": _DATABASE,
    "REDIS_URL": _REDIS,
    "WEAVIATE_URL": f"{PREFIX}WEAVIATE__URL",
    "GOOGLE_API_KEY": f"{PREFIX}SECRETS__GOOGLE_API_KEY",
    "YOUTUBE_API_KEY": f"{PREFIX}YOUTUBE__API_KEY",
    "JWT_SECRET_KEY": f"{PREFIX}SECRETS__SIGNING_KEY",
    "LOG_LEVEL": _LEVEL,
}
_DATABASE_PARTS = ("DB_HOST", "DB_PORT", "POSTGRES_PASSWORD")
_REDIS_PARTS = ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD")
_HOME = "127.0.0.1"
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")


def familiar(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """What the familiar names in `given` set where ours do not: our names with values, and with the names they came from.

    The third is what is wrong with them, each with the name that was set. A server is named by its URL or, where that is not
    set, by host, port and password; what is missing of these is as usual.
    """
    names = {ours: name for name, ours in _SAME.items() if given.get(name) and ours not in given}
    found = {ours: given[name] for ours, name in names.items()}
    complaints: list[str] = []
    if given.get("DEBUG", "").lower() in {"1", "true", "yes", "on"} and _LEVEL not in given:
        found[_LEVEL], names[_LEVEL] = "debug", "DEBUG"
    for ours, parts, build in (
        (_DATABASE, _DATABASE_PARTS, _database_url),
        (_REDIS, _REDIS_PARTS, _redis_url),
    ):
        used = [name for name in parts if given.get(name)]
        if not used or ours in found or ours in given:
            continue
        names[ours] = ", ".join(used)
        wrong = _wrong_parts(given, *parts[:2])
        complaints += wrong
        if not wrong:
            found[ours] = build(given)
    _beside(given, found, names)
    return found, names, complaints


def _beside(given: Mapping[str, str], found: dict[str, str], names: dict[str, str]) -> None:
    """One server for both, unless ours says otherwise: limits in its database, wake-ups in the one beside."""
    if _REDIS not in found or _BROKER in given:
        return
    try:
        found[_BROKER] = redis_url_beside(found[_REDIS])
    except ValueError:
        return  # It is complained about as the address that it was made from.
    names[_BROKER] = names[_REDIS]


def _wrong_parts(given: Mapping[str, str], host: str, port: str) -> list[str]:
    wrong: list[str] = []
    if given.get(host) and not (_HOST.fullmatch(given[host]) or _is_ipv6(given[host])):
        wrong.append(f"{host}: must be the name or the address of a host, without a port")
    number = given.get(port) or "1"
    if not (number.isdecimal() and 1 <= int(number[:6]) <= 65535):
        wrong.append(f"{port}: must be a port from 1 to 65535")
    return wrong


def _database_url(given: Mapping[str, str]) -> str:
    password = given.get("POSTGRES_PASSWORD")
    credentials = "understudy" + (f":{quote(password, safe='')}" if password else "")
    return f"postgresql://{credentials}@{_host(given, 'DB_HOST')}:{given.get('DB_PORT') or 5432}/understudy"


def _redis_url(given: Mapping[str, str]) -> str:
    password = given.get("REDIS_PASSWORD")
    credentials = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{credentials}{_host(given, 'REDIS_HOST')}:{given.get('REDIS_PORT') or 6379}/0"


def _host(given: Mapping[str, str], name: str) -> str:
    host = given.get(name) or _HOME
    return f"[{host}]" if _is_ipv6(host) else host


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True

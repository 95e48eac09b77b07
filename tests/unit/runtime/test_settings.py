"""Settings refuse what they do not know and take the names that people use."""

import re
import traceback
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from redis.connection import parse_url

from runtime.errors import InvalidInput
from runtime.familiar import PREFIX
from runtime.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[3]


def _names(model: type[BaseModel], prefix: str) -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= _names(inner, f"{prefix}{name.upper()}__")
        else:
            found.add(f"{prefix}{name.upper()}")
    return found


def test_example_file_lists_every_setting_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#(UNDERSTUDY_\w+)=", text, re.MULTILINE)) == _names(Settings, "UNDERSTUDY_")


def test_example_file_shows_the_defaults() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    given = dict(re.findall(r"^#(UNDERSTUDY_\w+)=(.+)$", text, re.MULTILINE))
    assert load_settings(given) == load_settings({})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("UNDERSTUDY_GATEWAY__PROT", "8001", "UNDERSTUDY_GATEWAY__PROT: unknown setting"),
        ("UNDERSTUDY_GATWAY__PORT", "8001", "UNDERSTUDY_GATWAY__PORT: unknown setting"),
        ("UNDERSTUDY_GATEWAY__PORT", "0", "UNDERSTUDY_GATEWAY__PORT: "),
        ("UNDERSTUDY_GATEWAY__PORT", "http", "UNDERSTUDY_GATEWAY__PORT: "),
        ("UNDERSTUDY_CHUNKING__TOKENS", "100000", "UNDERSTUDY_CHUNKING__TOKENS: "),
        ("UNDERSTUDY_LOG__LEVEL", "loud", "UNDERSTUDY_LOG__LEVEL: "),
    ],
)
def test_wrong_settings_are_named(name: str, value: str, complaint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings({name: value})
    assert caught.value.code == "settings_invalid"
    assert complaint in caught.value.detail


def test_a_secret_does_not_reach_the_complaint() -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings({"UNDERSTUDY_SECRETS__ADMIN_KEYS": "hunter2", "UNDERSTUDY_JOBS__LEASE_S": "hunter2"})
    assert "hunter2" not in repr(caught.value)
    assert "hunter2" not in repr(load_settings({"UNDERSTUDY_SECRETS__ADMIN_KEY": "hunter2"}))


@pytest.mark.parametrize(
    ("given", "database", "redis", "broker"),
    [
        ({"DATABASE_URL": "postgresql://a/b"}, "postgresql://a/b", "", ""),
        (
            {"DB_HOST": "db", "DB_PORT": "6000", "POSTGRES_PASSWORD": "p/w"},
            "postgresql://understudy:p%2Fw@db:6000/understudy",
            "",
            "",
        ),
        ({"REDIS_URL": "redis://r:1/3"}, "", "redis://r:1/3", "redis://r:1/4"),
        ({"REDIS_HOST": "r", "REDIS_PASSWORD": "p@"}, "", "redis://:p%40@r:6379/0", "redis://:p%40@r:6379/1"),
        (
            {"DATABASE_URL": "x", "UNDERSTUDY_DATABASE__URL": "postgresql://ours"},
            "postgresql://ours",
            "",
            "",
        ),
        ({"POSTGRES_PASSWORD": "p"}, "postgresql://understudy:p@127.0.0.1:5432/understudy", "", ""),
        ({"DB_PORT": "6000"}, "postgresql://understudy@127.0.0.1:6000/understudy", "", ""),
        ({"DB_HOST": "::1"}, "postgresql://understudy@[::1]:5432/understudy", "", ""),
        ({"DATABASE_URL": "postgresql://a/b", "DB_PORT": "6000"}, "postgresql://a/b", "", ""),
        ({"REDIS_PASSWORD": "p"}, "", "redis://:p@127.0.0.1:6379/0", "redis://:p@127.0.0.1:6379/1"),
        ({"REDIS_PORT": "7000"}, "", "redis://127.0.0.1:7000/0", "redis://127.0.0.1:7000/1"),
        (
            {"REDIS_URL": "redis://r/3", "UNDERSTUDY_BROKER__URL": "redis://b/5"},
            "",
            "redis://r/3",
            "redis://b/5",
        ),
    ],
)
def test_familiar_names_are_taken(given: dict[str, str], database: str, redis: str, broker: str) -> None:
    settings = load_settings(given)
    for value, expected in (
        (settings.database, database),
        (settings.redis, redis),
        (settings.broker, broker),
    ):
        assert not expected or value.url.get_secret_value() == expected


def test_familiar_log_names() -> None:
    assert load_settings({"LOG_LEVEL": "WARNING"}).log.level == "warning"
    assert load_settings({"LOG_LEVEL": "WARNING", "DEBUG": "true"}).log.level == "debug"


@pytest.mark.parametrize(
    ("given", "level"), [("WARN", "warning"), ("Info", "info"), ("CRITICAL", "error"), ("error", "error")]
)
def test_log_levels_are_taken_as_people_write_them(given: str, level: str) -> None:
    assert load_settings({"LOG_LEVEL": given}).log.level == level
    assert load_settings({"UNDERSTUDY_LOG__LEVEL": given}).log.level == level


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgres+psycopg2"]
)
def test_a_database_is_named_as_other_projects_name_it(scheme: str) -> None:
    settings = load_settings({"DATABASE_URL": f"{scheme}://u:p%2Fw@a:1,b:2/d?sslmode=require"})
    assert settings.database.url.get_secret_value() == "postgresql://u:p%2Fw@a:1,b:2/d?sslmode=require"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"DATABASE_URL": "mysql://u:sekret@h/d"}, "DATABASE_URL: must be an address such as postgresql://"),
        ({"DATABASE_URL": "host=h password=sekret"}, "DATABASE_URL: must be an address such as"),
        ({"DATABASE_URL": "postgresql://u:sekret%zz@h/d"}, "DATABASE_URL: is no address"),
        ({"DATABASE_URL": "postgresql://u:sekret@h/d?ssl=require"}, "DATABASE_URL: is no address"),
        ({"DATABASE_URL": "postgresql://u:sekret@h:99999/d"}, "DATABASE_URL: must have a port"),
        ({"UNDERSTUDY_DATABASE__URL": "sekret"}, "UNDERSTUDY_DATABASE__URL: must be an address"),
        ({"DB_HOST": "h:5432", "POSTGRES_PASSWORD": "sekret"}, "DB_HOST: "),
        ({"DB_PORT": "postgres", "POSTGRES_PASSWORD": "sekret"}, "DB_PORT: must be a port"),
        ({"REDIS_URL": "sekret"}, "REDIS_URL: must be an address such as redis://"),
        ({"REDIS_URL": "http://:sekret@h/0"}, "REDIS_URL: must be an address such as redis://"),
        ({"REDIS_URL": "redis://:sekret@h:port/0"}, "REDIS_URL: must have a host, and a port"),
        ({"REDIS_URL": "redis://:sekret@h/limits"}, "REDIS_URL: must name its database by a number"),
        ({"REDIS_URL": "redis://:sekret@h/0?ssl_cert_reqs=none"}, "REDIS_URL: has options for TLS"),
        ({"REDIS_URL": "unix://"}, "REDIS_URL: must name the socket"),
        ({"REDIS_PORT": "0", "REDIS_PASSWORD": "sekret"}, "REDIS_PORT: must be a port"),
        ({"UNDERSTUDY_BROKER__URL": "amqp://u:sekret@h"}, "UNDERSTUDY_BROKER__URL: must be an address"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: Input should be"),
    ],
)
def test_a_wrong_value_is_complained_about_once_and_not_repeated(given: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings(given)
    assert caught.value.code == "settings_invalid"
    assert caught.value.detail.startswith(named)
    assert ";" not in caught.value.detail
    shown = "".join(traceback.format_exception(caught.value))
    assert "sekret" not in shown


@pytest.mark.parametrize(
    ("redis", "broker"),
    [
        ("redis://h", "redis://h/1"),
        ("redis://h/", "redis://h/1"),
        ("redis://u:p%40@h:1/14", "redis://u:p%40@h:1/15"),
        ("redis://h/15", "redis://h/14"),
        ("redis://h/40", "redis://h/39"),
        ("rediss://h/0?ssl_cert_reqs=none", "rediss://h/1?ssl_cert_reqs=none"),
        ("rediss://h/?db=3&ssl_ca_certs=/a/b.pem", "rediss://h/?ssl_ca_certs=/a/b.pem&db=4"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=1"),
        ("unix://:p@/run/redis.sock?db=1", "unix://:p@/run/redis.sock?db=2"),
    ],
)
def test_wake_ups_go_to_a_database_of_their_own(redis: str, broker: str) -> None:
    settings = load_settings({"REDIS_URL": redis})
    assert settings.redis.url.get_secret_value() == redis
    assert settings.broker.url.get_secret_value() == broker
    before, after = parse_url(redis), parse_url(broker)
    assert after.pop("db") != before.pop("db", 0)
    assert after == before


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            {"UNDERSTUDY_JOBS__LEASE_S": "10"},
            "UNDERSTUDY_JOBS: HEARTBEAT_S (8) must not be more than a third of LEASE_S (10)",
        ),
        (
            {"UNDERSTUDY_DATABASE__POOL_MIN": "9"},
            "UNDERSTUDY_DATABASE: POOL_MIN (9) must not be more than POOL_MAX (8)",
        ),
    ],
)
def test_numbers_that_do_not_go_together(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings(given)
    assert caught.value.detail == f"{complaint}."


def _numbers(model: type[BaseModel], prefix: str = PREFIX) -> dict[str, type]:
    """Every setting that is a number."""
    found: dict[str, type] = {}
    for name, field in model.model_fields.items():
        inner, here = field.annotation, f"{prefix}{name.upper()}"
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= _numbers(inner, f"{here}__")
        for kind in (int, float):
            if inner is kind or kind in get_args(inner):
                found[here] = kind
    return found


@pytest.mark.parametrize(("name", "kind"), _numbers(Settings).items())
def test_every_number_has_bounds(name: str, kind: type) -> None:
    beyond = ["-1000000000000000000", "1000000000000000000", *(["nan", "inf"] if kind is float else [])]
    for value in beyond:
        with pytest.raises(InvalidInput) as caught:
            load_settings({name: value})
        assert caught.value.detail.startswith(f"{name}: "), value


def test_settings_are_frozen() -> None:
    settings = load_settings({})
    with pytest.raises(ValueError, match="frozen"):
        settings.gateway.port = 1


def test_the_suite_s_own_names_are_let_through() -> None:
    load_settings({"UNDERSTUDY_TEST_DATA": "somewhere"})


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"PROXY": "ftp://proxy:1"}, "UNDERSTUDY_YOUTUBE__PROXY: "),
        ({"PROXY": "proxy:3128"}, "UNDERSTUDY_YOUTUBE__PROXY: "),
        ({"LANGUAGES": "english please"}, "UNDERSTUDY_YOUTUBE__LANGUAGES: "),
        ({"MAX_ITEMS": "20001"}, "UNDERSTUDY_YOUTUBE__MAX_ITEMS: "),
        ({"TIMEOUT_S": "0"}, "UNDERSTUDY_YOUTUBE__TIMEOUT_S: "),
        ({"OAUTH_CLIENT_ID": "x"}, "OAUTH_REFRESH_TOKEN"),
        ({"OAUTH_REFRESH_TOKEN": "hunter2"}, "OAUTH_CLIENT_ID"),
    ],
)
def test_wrong_settings_for_youtube_are_named(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings({f"UNDERSTUDY_YOUTUBE__{name}": value for name, value in given.items()})
    assert complaint in caught.value.detail
    assert "hunter2" not in repr(caught.value)


def test_settings_for_youtube() -> None:
    given = {"PROXY": "socks5h://name:hunter2@proxy:1080", "LANGUAGES": "de,pt-BR", "AUDIO": "true"}
    found = load_settings(
        {"YOUTUBE_API_KEY": "k3y"} | {f"UNDERSTUDY_YOUTUBE__{name}": value for name, value in given.items()}
    ).youtube
    assert found.api_key is not None
    assert (found.api_key.get_secret_value(), found.languages, found.audio) == ("k3y", "de,pt-BR", True)
    assert "hunter2" not in repr(found)

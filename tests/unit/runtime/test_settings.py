"""Settings refuse what they do not know and take the names that people use."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from runtime.errors import InvalidInput
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
        ({"DATABASE_URL": "x", "UNDERSTUDY_DATABASE__URL": "ours"}, "ours", "", ""),
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

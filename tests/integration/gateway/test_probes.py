"""The probes of the gateway's process, on real servers."""

import pytest

from apps.gateway import open_probes
from runtime.database import Database
from runtime.errors import Unavailable
from runtime.settings import Settings, load_settings

NOWHERE = "redis://127.0.0.1:1/0"


def _with(settings: Settings, **urls: str) -> Settings:
    given = {
        "DATABASE": settings.database.url.get_secret_value(),
        "REDIS": settings.redis.url.get_secret_value(),
        "BROKER": settings.broker.url.get_secret_value(),
    }
    return load_settings({f"UNDERSTUDY_{name}__URL": url for name, url in (given | urls).items()})


async def test_all_parts_answer(settings: Settings, database: Database) -> None:
    async with open_probes(settings, database) as probes:
        for probe in probes.values():
            await probe()
    assert set(probes) == {"database", "redis", "broker"}


@pytest.mark.parametrize("part", ["redis", "broker"])
@pytest.mark.parametrize("url", [NOWHERE, "{server}/99999"], ids=["server away", "no such database"])
async def test_a_part_that_is_away_is_named(
    settings: Settings, database: Database, redis_url: str, part: str, url: str
) -> None:
    away = url.format(server=redis_url.rsplit("/", 1)[0])
    async with open_probes(_with(settings, **{part.upper(): away}), database) as probes:
        with pytest.raises(Unavailable) as caught:
            await probes[part]()
        assert caught.value.code == f"{part}_unreachable"
        for name in probes.keys() - {part}:
            await probes[name]()

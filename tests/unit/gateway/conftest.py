"""A gateway on fakes, with one public and one private creator."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.unit.gateway.fakes import World, creator, whole_answer


@pytest.fixture
def world() -> World:
    world = World()
    world.catalogue.creators = [creator("bev"), creator("hidden", visibility="private")]
    world.responder.events = list(whole_answer())
    return world


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client() as client:
        yield client

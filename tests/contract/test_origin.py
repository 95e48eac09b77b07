"""The contract of origins, run on the origin that the tests own; each adapter's own test runs it too."""

from collections.abc import AsyncIterator

import pytest

from ingestion import Origins
from ingestion.origins.types import Address
from runtime.errors import InvalidInput, Unavailable
from runtime.http import OutsideClient
from tests.contract.origin_contract import OriginCase, OriginContract, unplugged  # noqa: F401 - a fixture
from tests.integration.ingestion.shelf import ShelfOrigin, open_shelf


@pytest.fixture
async def case() -> AsyncIterator[OriginCase]:
    with open_shelf() as shelf:
        client = OutsideClient(trusted={("127.0.0.1", shelf.port)})
        shelf.put("old", "# Old\n\nSaid long ago.\n")
        shelf.put("new", "# New\n\nSaid just now.\n")
        shelf.list_all(
            old={"published_at": "2026-01-01T00:00:00+00:00"},
            new={"published_at": "2026-02-01T00:00:00+00:00"},
        )
        shelf.statuses |= {"texts/locked": 403, "texts/down": 503, "texts/odd": 422}
        yield OriginCase(
            origin=ShelfOrigin(shelf.port, client),
            items=[shelf.url("texts/new"), shelf.url("texts/new?utm=1")],
            collection=shelf.url("lists/all"),
            gone=shelf.url("texts/nothing"),
            failing=[shelf.url("texts/locked"), shelf.url("texts/down"), shelf.url("texts/odd")],
            foreign=["https://example.org/texts/new", "texts/new", "@new"],
        )
        await client.aclose()


class TestShelf(OriginContract):
    """The origin that other tests work with."""


class _Named:
    """An origin that knows one word, or refuses it."""

    def __init__(self, name: str, word: str, *, refuses: bool = False) -> None:
        self.name, self._word, self._refuses = name, word, refuses

    def recognise(self, url: str) -> Address | None:
        if url == self._word and self._refuses:
            raise InvalidInput("word_wrong", "That is wrong.", next_step="Say another.")
        return Address(self.name, "item", url, url) if url == self._word else None


def test_the_first_origin_that_knows_an_address_has_it() -> None:
    origins = Origins([_Named("youtube", "a"), _Named("web", "a"), _Named("podcast", "b")])
    assert origins.recognise("a").origin == "youtube"
    assert origins.recognise(" b\n").origin == "podcast"
    assert origins.named("web").name == "web"


def test_an_origin_s_own_refusal_is_the_answer() -> None:
    origins = Origins([_Named("youtube", "a", refuses=True), _Named("web", "a")])
    with pytest.raises(InvalidInput) as caught:
        origins.recognise("a")
    assert caught.value.code == "word_wrong"


def test_what_is_understood_is_named() -> None:
    origins = Origins([_Named("youtube", "a"), _Named("podcast", "b"), _Named("web", "c")])
    with pytest.raises(InvalidInput) as caught:
        origins.recognise("ftp://somewhere")
    for named in ("YouTube video", "podcast feed", "web page"):
        assert named in caught.value.next_step


def test_an_origin_that_is_not_set_up_may_be_later() -> None:
    with pytest.raises(Unavailable) as caught:
        Origins().named("podcast")
    assert caught.value.code == "origin_missing"
    assert caught.value.next_step

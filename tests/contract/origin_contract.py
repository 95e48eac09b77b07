"""What every origin must do. An adapter's test inherits `OriginContract` and gives it the fixture `case`."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from ingestion.extraction import extract, identify
from ingestion.origins.types import ItemGone, Origin
from runtime.errors import UnderstudyError

# What every origin is asked about, and must leave alone or refuse without breaking.
_RUBBISH = (
    *(
        "",
        " ",
        "/",
        "@",
        "?",
        "#",
        "%",
        "http://",
        "https://",
        "://",
        "http://[",
        "https://[::1",
        "javascript:alert(1)",
    ),
    *(
        "http://example.invalid:99999/",
        "\x00",
        "\ud800",
        "a" * 5000,
        "https://" + "a" * 5000,
        "file:///etc/passwd",
    ),
    *(
        "https://user:pass@",
        "https://exa mple.org",
        "-",
        "--help",
        "../../etc/passwd",
        "https://\u202eexample.org",
    ),
)


@dataclass
class OriginCase:
    """An origin on a server that the test runs, and what it has there.

    Several `items` spell one item; `gone` and `failing` are addresses of items that were removed, and that cannot be
    fetched for another reason; `foreign` are inputs that belong to no such origin.
    """

    origin: Origin
    items: Sequence[str]
    collection: str | None
    gone: str | None
    failing: Sequence[str]
    foreign: Sequence[str]


@pytest.fixture
def unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be connected to and no name resolved."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("recognise must look at the text only")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)


class OriginContract:
    """Inherited by the test class of an adapter, whose module has the fixture `case`."""

    @pytest.mark.usefixtures("unplugged")
    def test_every_spelling_of_an_item_means_the_same(self, case: OriginCase) -> None:
        found = [case.origin.recognise(text) for text in case.items]
        assert None not in found, case.items
        assert {a.id for a in found if a} == {found[0].id if found[0] else ""}
        for address in found:
            assert address is not None
            assert (address.origin, address.kind) == (case.origin.name, "item")
            assert address.id
            assert address.id.isprintable()
            assert len(address.id) <= 500

    @pytest.mark.usefixtures("unplugged")
    def test_the_url_of_an_address_is_recognised_as_that_address(self, case: OriginCase) -> None:
        for text in [*case.items, *([case.collection] if case.collection else [])]:
            address = case.origin.recognise(text)
            assert address is not None
            assert case.origin.recognise(address.url) == address
            assert case.origin.recognise(text) == address, "the same text must mean the same again"

    @pytest.mark.usefixtures("unplugged")
    def test_what_is_another_s_is_left_alone(self, case: OriginCase) -> None:
        assert [text for text in case.foreign if case.origin.recognise(text) is not None] == []

    @pytest.mark.usefixtures("unplugged")
    @pytest.mark.parametrize("text", _RUBBISH, ids=range(len(_RUBBISH)))
    def test_rubbish_is_left_alone_or_refused_with_a_reason(self, case: OriginCase, text: str) -> None:
        try:
            case.origin.recognise(text)
        except UnderstudyError as error:
            _assert_helpful(error)
            if error.transient:
                pytest.fail("what is wrong with a text does not pass")

    async def test_an_item_comes_as_a_bundle_that_can_be_read(self, case: OriginCase) -> None:
        address = case.origin.recognise(case.items[0])
        assert address is not None
        bundle = await case.origin.fetch(address)
        assert identify(bundle).title
        assert extract(bundle).segments
        names = [file.name for file in bundle.files]
        assert len(set(names)) == len(names)

    async def test_fetching_again_brings_the_same(self, case: OriginCase) -> None:
        address = case.origin.recognise(case.items[0])
        assert address is not None
        first, second = await case.origin.fetch(address), await case.origin.fetch(address)
        assert identify(first) == identify(second)
        assert [(f.name, f.read()) for f in first.files if not f.name.endswith(".info.json")] == [
            (f.name, f.read()) for f in second.files if not f.name.endswith(".info.json")
        ]

    async def test_a_collection_lists_items_that_can_be_fetched(self, case: OriginCase) -> None:
        if case.collection is None:
            pytest.skip("this origin has no collections")
        address = case.origin.recognise(case.collection)
        assert address is not None
        assert address.kind == "collection"
        listing = await case.origin.discover(address)
        assert listing.entries
        ids = [entry.address.id for entry in listing.entries]
        assert len(set(ids)) == len(ids)
        for entry in listing.entries:
            assert (entry.address.origin, entry.address.kind) == (case.origin.name, "item")
            assert case.origin.recognise(entry.address.url) == entry.address
            assert entry.published_at is None or entry.published_at.tzinfo is not None
        dates = [entry.published_at for entry in listing.entries if entry.published_at]
        assert dates == sorted(dates, reverse=True), "newest first"
        assert identify(await case.origin.fetch(listing.entries[0].address)).title

    async def test_listing_again_tells_the_same_versions(self, case: OriginCase) -> None:
        if case.collection is None:
            pytest.skip("this origin has no collections")
        address = case.origin.recognise(case.collection)
        assert address is not None
        first, second = await case.origin.discover(address), await case.origin.discover(address)
        assert [e.version for e in first.entries] == [e.version for e in second.entries]

    async def test_what_was_removed_is_told_as_gone(self, case: OriginCase) -> None:
        if case.gone is None:
            pytest.skip("nothing tells here that an item was removed")
        address = case.origin.recognise(case.gone)
        assert address is not None
        with pytest.raises(ItemGone) as caught:
            await case.origin.fetch(address)
        _assert_helpful(caught.value)

    async def test_every_other_failure_says_what_to_do_and_withdraws_nothing(self, case: OriginCase) -> None:
        assert case.failing
        for text in case.failing:
            address = case.origin.recognise(text)
            assert address is not None
            with pytest.raises(UnderstudyError) as caught:
                await case.origin.fetch(address)
            _assert_helpful(caught.value)
            assert not isinstance(caught.value, ItemGone), text


def _assert_helpful(error: UnderstudyError) -> None:
    assert error.code.replace("_", "").isalnum()
    assert error.code == error.code.lower()
    assert error.detail.rstrip().endswith((".", "!", "?"))
    assert error.next_step, error.code

"""What makes an item another one than it was."""

from datetime import UTC, datetime

from creators import Creator, Persona, SourceFacts
from ingestion.speakers import Cast
from ingestion.submitting import content_hash_of
from runtime.ids import CreatorId, new_id

CREATOR = Creator(
    CreatorId(new_id()), "bev", "Bev", Persona(), ("en",), "public", "index", datetime(2026, 1, 1, tzinfo=UTC)
)
FACTS = SourceFacts("podcast", "x", "audio", "Talk", speakers=("Ann",))


def hash_of(cast: Cast, *, info: str = "1") -> str:
    return content_hash_of(CREATOR, FACTS, cast, {"x.vtt": "a", "x.info.json": info}, "chunker")


def test_a_person_who_is_called_a_guest_now_makes_it_another_item() -> None:
    host, guest = Cast(("Ann",), hosts=("Ann",)), Cast(("Ann",), guests=("Ann",))
    assert len({hash_of(Cast(("Ann",))), hash_of(host), hash_of(guest)}) == 3


def test_counters_of_the_info_file_do_not() -> None:
    assert hash_of(Cast(), info="1") == hash_of(Cast(("Ann",), show="Radio"), info="2")

"""Who is the creator, who a guest, and when it is better to say that it is not known."""

import pytest

from ingestion.speakers import Cast, Speakers

LISTED = ("Sjors Provoost", "Aaron van Wirdum", "Ruben Somsen", "Stéphan")
VOICES = ["sjors provoost", "aaron van wirdum", "Bitcoin, Explained"]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Sjors Provoost", "Sjors Provoost"),
        ("SJORS  PROVOOST ", "Sjors Provoost"),
        ("Sjors", "Sjors Provoost"),
        ("Aaron Wirdum", "Aaron van Wirdum"),
        ("Sjors Provost", "Sjors Provoost"),
        ("Ruben Smosen", "Ruben Somsen"),
        ("Stephan", "Stéphan"),
        ("Stéphan 0", "Stéphan"),
        ("Rub", "Rub"),
        ("Ruben Somsens Jr", "Ruben Somsens Jr"),
        ("Speaker 1", "Speaker 1"),
    ],
)
def test_name(label: str, name: str) -> None:
    assert Speakers(Cast(LISTED), VOICES).name(label) == name


def test_part_of_two_names_is_no_ones() -> None:
    two = Cast(("Ann Lee", "Ann Ray"))
    assert Speakers(two, ["Ann Lee"]).name("Ann") == "Ann"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Sjors Provoost", "creator"),
        ("Aaron Van Wirdum", "creator"),
        ("Aaron van Wirdun", "creator"),
        ("Ruben Somsen", "guest"),
        ("Audience member 2", "guest"),
        ("Speaker 0", "unknown"),
        ("SPEAKER_01", "unknown"),
        ("Unknown speaker 1", "unknown"),
        ("Host", "unknown"),
        ("Q", "unknown"),
        (None, "unknown"),
    ],
)
def test_role(name: str | None, role: str) -> None:
    assert Speakers(Cast(LISTED), VOICES).role(name) == role


def test_first_name_alone_is_not_enough_to_be_the_creator() -> None:
    """A guest may share the creator's first name; only the info file's list can tell."""
    assert Speakers(Cast(), ["Aaron van Wirdum"]).role("Aaron") == "unknown"
    assert Speakers(Cast(("Aaron Smith",)), ["Aaron van Wirdum"]).role("Aaron Smith") == "guest"


def test_a_nickname_given_as_a_voice_stands_for_the_listed_person() -> None:
    speakers = Speakers(
        Cast(
            (
                "Rodolfo Novak",
                "Ben Carman",
            )
        ),
        ["Rodolfo"],
    )
    assert speakers.role("Rodolfo Novak") == "creator"
    assert speakers.role("Ben Carman") == "guest"


def test_numbers_tell_people_apart() -> None:
    assert Speakers(Cast(("Panelist 12345",)), ["Panelist 12345"]).role("Panelist 12346") == "guest"


def test_people_are_listed_once_and_without_crowds() -> None:
    names = ["Sjors Provoost", "Host", "Guy Swann", "Audience", "Guy Swann", "Speaker 3"]
    assert Speakers(Cast(("Sjors Provoost",)), []).people(names) == ("Sjors Provoost", "Guy Swann")


CAST = Cast(
    ("Mara Holt", "Jo Reed", "Ed Quill"), hosts=("Mara Holt",), guests=("Jo Reed",), show="Wrench & Road"
)


@pytest.mark.parametrize(
    ("voices", "mara", "jo"),
    [
        (["wrench & road"], "creator", "guest"),
        (["mara holt"], "creator", "guest"),
        (["jo reed"], "guest", "creator"),
        (["another show"], "guest", "guest"),
    ],
)
def test_hosts_speak_for_a_show_that_is_the_creator(voices: list[str], mara: str, jo: str) -> None:
    speakers = Speakers(CAST, voices)
    assert (speakers.role(speakers.name("Mara")), speakers.role("Jo Reed")) == (mara, jo)
    assert speakers.role("Ed Quill") == "guest"


def test_whoever_is_called_host_and_guest_is_a_guest() -> None:
    cast = Cast(hosts=("Ann Lee", "Bo Ray"), guests=("Bo Ray",), show="Radio")
    speakers = Speakers(cast, ["radio"])
    assert (speakers.role("Ann Lee"), speakers.role("Bo Ray")) == ("creator", "guest")

"""Whose words are whose: names as captions write them, and whether they are the creator's own.

A transcript calls the same person "Aaron van Wirdum", "Aaron Van Wirdum", "Aaron" and, mistyped, "Aaron van
Wirdun". What counts as the same is deliberately little, because a guest's words must never be put into the
creator's mouth: case, accents and spacing; a part of a name that only one listed person has; one wrong letter
in a long name.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from creators import Role

# Labels that name a part in the conversation and not a person: any of them may be the creator.
_NAMELESS: Final = re.compile(
    r"(?:unknown |unidentified )?(?:speaker|person|participant|voice|male|female|man|woman|host|co-?host|"
    r"interviewer|interviewee|moderator|narrator|presenter|unknown|unidentified|[a-z])[ _#-]*[0-9]*"
)
_CROWD: Final = re.compile(
    r"(?:the )?(?:audience|crowd|everyone|everybody|all|both)(?: member)?s?[ _#-]*[0-9]*"
)
_SHORTEST_TO_CORRECT: Final = 8


@dataclass(frozen=True, slots=True)
class Cast:
    """What an origin says of the people in a recording: their names, who of them is called a host or a guest, and
    the name of the show or channel."""

    listed: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    show: str = ""


class Speakers:
    """Knows the people of one recording."""

    def __init__(self, cast: Cast, voices: Iterable[str]) -> None:
        """`voices` are the names that are the creator's own; the hosts of a show that bears one of them are too.

        The host of any other show is not: a creator may have been a guest there.
        """
        names = (*cast.listed, *cast.hosts, *cast.guests)
        self._listed = {_fold(name): name for name in names if name.strip()}
        self._voices = {_fold(name) for name in voices if name.strip()}
        self._own = self._voices | {_fold(self.name(voice)) for voice in self._voices}
        self._guests = {_fold(name) for name in cast.guests} - self._own
        if _fold(cast.show) in self._voices:
            self._own |= {_fold(name) for name in cast.hosts} - self._guests

    def name(self, label: str) -> str:
        """The listed spelling of the person whom captions call `label`; `label` itself if that is not sure."""
        folded = _fold(label)
        if folded in self._listed or is_nameless(label):
            return self._listed.get(folded, label)
        if (unnumbered := folded.rstrip("0123456789 ")) in self._listed:
            return self._listed[unnumbered]  # tools that tell voices apart by sound number them
        parts = set(folded.split())
        longer = [name for name in self._listed if parts < set(name.split())]
        if len(longer) == 1:
            return self._listed[longer[0]]
        alike = [name for name in self._listed if _one_letter_apart(folded, name)]
        return self._listed[alike[0]] if len(alike) == 1 else label

    def role(self, name: str | None) -> Role:
        """Whose words those of `name` (as `name()` gives it) are; "unknown" unless it is sure."""
        if name is None:
            return "unknown"
        folded = _fold(name)
        if folded in self._guests:
            return "guest"
        if folded in self._own or any(_one_letter_apart(folded, own) for own in self._own):
            return "creator"
        if is_nameless(name):
            return "unknown"
        parts = set(folded.split())
        may_be_own = any(parts < set(voice.split()) for voice in self._voices)
        return "unknown" if may_be_own else "guest"

    def people(self, names: Iterable[str]) -> tuple[str, ...]:
        """The listed people, and then those of `names` who are persons, each once, in order."""
        return tuple(dict.fromkeys([*self._listed.values(), *_persons(names)]))


def is_nameless(label: str) -> bool:
    """Whether `label` says only that someone speaks: "Speaker 2", "Host", "Unknown"."""
    return _NAMELESS.fullmatch(_fold(label)) is not None


def _persons(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if not is_nameless(name) and not _CROWD.fullmatch(_fold(name)))


def _fold(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


def _one_letter_apart(one: str, other: str) -> bool:
    """Whether one letter added, missing, wrong or swapped with the next makes a long name into the other."""
    if min(len(one), len(other)) < _SHORTEST_TO_CORRECT or abs(len(one) - len(other)) > 1 or one == other:
        return False
    if any(letter.isdecimal() for letter in one + other):
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, other_rest = one[start:], other[start:]
    if len(rest) > len(other_rest):
        return rest[1:] == other_rest
    if len(rest) < len(other_rest):
        return rest == other_rest[1:]
    swapped = rest[1::-1] == other_rest[:2] and rest[2:] == other_rest[2:]
    return rest[1:] == other_rest[1:] or swapped

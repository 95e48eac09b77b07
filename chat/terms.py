# pyright: reportUnknownMemberType=false
# snowballstemmer has no types.
"""The words of a question that its evidence must hold."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import snowballstemmer

from chat.lexicon import FOREIGN, FUNCTION_WORDS, LIGHT

# Letters and digits with inner apostrophes; scripts that put no space between words count in pairs of letters.
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_STEMMERS = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
# Stems that are remembered: the words of a library, not of all fans.
_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a question: its stem, how it was written, and whether it looks like a name."""

    stem: str
    surface: str
    named: bool


class Vocabulary:
    """Words of one language as stems. A language without a stemmer keeps its words whole."""

    def __init__(self, language: str) -> None:
        base = language.lower().split("-")[0]
        name = _STEMMERS.get(base)
        self._stemmer = snowballstemmer.stemmer(name) if name else None
        self._light = FUNCTION_WORDS | LIGHT if base == "en" else FOREIGN.get(base, frozenset[str]())
        self._stems: dict[str, str] = {}

    def stems(self, text: str) -> list[str]:
        """The words of a text in order, each as its stem."""
        return [self._stem(word) for word in words(text)]

    def content(self, text: str) -> dict[str, Term]:
        """The words of a question that say what it is about, by stem, in order."""
        found: dict[str, Term] = {}
        for index, match in enumerate(_WORD.finditer(text)):
            surface = match.group()
            for word in _split(surface):
                if word in self._light or plain(word) in self._light:
                    continue
                stem = self._stem(word)
                found.setdefault(stem, Term(stem, surface, is_name(surface, first=index == 0)))
        return found

    def _stem(self, word: str) -> str:
        known = self._stems.get(word)
        if known is not None:
            return known
        stem = word if self._stemmer is None else cast("str", self._stemmer.stemWord(plain(word)))
        if len(self._stems) < _REMEMBERED:
            self._stems[word] = stem
        return stem


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, in the compatibility form of Unicode."""
    return [word for match in _WORD.finditer(text) for word in _split(match.group())]


def plain(word: str) -> str:
    """A word without the ending of a possessive."""
    return word[:-2] if word.endswith(("'s", "’s")) else word


def is_name(surface: str, *, first: bool) -> bool:
    """Whether a word is written as names and technical terms are: a capital inside, or a digit among letters."""
    if any(character.isupper() for character in surface[1:]):
        return True
    return not first and ((surface[:1].isupper() and len(surface) > 1) or any(map(str.isdigit, surface)))


def _split(surface: str) -> Iterable[str]:
    word = surface if surface.isascii() else unicodedata.normalize("NFKC", surface)
    word = word.casefold().replace("’", "'")
    if word.isascii() or not _UNSPACED.search(word):
        return (word,)
    return tuple(word[i : i + 2] for i in range(max(len(word) - 1, 1)))


def rarity(documents: Iterable[Iterable[str]]) -> Mapping[str, int]:
    """In how many of the documents each stem is."""
    counts: dict[str, int] = {}
    for document in documents:
        for stem in set(document):
            counts[stem] = counts.get(stem, 0) + 1
    return counts

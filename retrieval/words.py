# pyright: reportUnknownMemberType=false
# snowballstemmer has no types.
"""Words of a text, as the search for words and the comparison of texts see them."""

import re
from typing import cast

import snowballstemmer

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text in order, lower case."""
    return _WORD.findall(text.lower())


class Stemmer:
    """English words without their endings (Snowball), remembered."""

    def __init__(self) -> None:
        self._stemmer = snowballstemmer.stemmer("english")

    def stems(self, text: str) -> list[str]:
        """The words of a text in order, each as its stem."""
        return cast("list[str]", self._stemmer.stemWords(words(text)))

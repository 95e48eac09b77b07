"""Words that point at something, and whether what they point at is in the same question.

"Does it work?" points back; "How long does it take to sync?" does not point at all; "If a chain is worn, how do I
replace it?" holds what it points at.
"""

import re
from collections.abc import Sequence

from chat.lexicon import (
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    FUNCTION_WORDS,
    LIGHT,
    LIGHT_VERBS,
    PREPOSITIONS,
    PRONOUNS,
    QUALITIES,
    SUBJECTLESS,
    WH,
    word_set,
)
from chat.terms import plain

# Words, and the punctuation that parts clauses.
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[,;:—–]")
_CLAUSE = (CONJUNCTIONS | WH) - {"so", "yet", "that"} | {"after", "before", "without", "by", "since", "until"}
_PARTS = frozenset(",;:—–")
_THINGS = word_set("it they them")
_POSSESSIVES = word_set("its their theirs")
_PERSONS = word_set("he him his she her hers")
_DEMONSTRATIVES = word_set("this that these those")
_TRAILERS = word_set("instead otherwise either neither too though again else then there")
# "Is it worth ...", "does it matter whether ...": `it` stands for what follows.
_EMPTY_SUBJECT = QUALITIES | word_set(
    "a about ever even really still take takes took cost costs mean means make makes matter matters feel feels hurt"
    " hurts help helps like seem seems happen pay time too enough okay ok harmful allowed ok be been"
)
_INTRODUCES = word_set("to that if when whether for how why")
_SAYS = word_set("say says said mean means know think believe learn hear explain")
_POINTING = re.compile(
    r"\b(?:which|this|that|the (?:first|second|third|last|other|new|newer|old|older|cheaper|better|same|latter|former))"
    r" ones?\b|\bthe (?:latter|former|opposite|other two|same thing|rest)\b|\b(?:the same|do so)\s*\??$",
    re.IGNORECASE,
)


def points_back(question: str) -> bool:
    """Whether the question points at something that it does not hold."""
    if _POINTING.search(question):
        return len(_subject(_tokens(question))) <= 2
    tokens = _tokens(question)
    return any(_is_open(tokens, index) for index in range(len(tokens)))


def _tokens(question: str) -> list[str]:
    tokens: list[str] = []
    for token in _TOKEN.findall(question.lower().replace("’", "'")):
        # "it's" is "it is"; "that'll" is "that will".
        head, _, ending = token.partition("'")
        split = head in _THINGS | _DEMONSTRATIVES | _PERSONS and ending in {"s", "re", "ll", "d", "ve"}
        tokens += [head, "is"] if split else [token]
    return tokens


def _subject(tokens: Sequence[str]) -> list[str]:
    return [token for token in tokens if token not in _PARTS and plain(token) not in SUBJECTLESS]


def _is_open(tokens: Sequence[str], index: int) -> bool:
    token = tokens[index]
    if token in _THINGS:
        return not _is_empty_subject(tokens, index) and not _held_in_clause_before(tokens, index)
    if token in _POSSESSIVES:
        return not _subject(tokens[:index])
    if token in _PERSONS:
        return len(_subject(tokens)) <= 1
    if token in _DEMONSTRATIVES:
        return _demonstrates(tokens, index)
    if token in _TRAILERS and index == len(tokens) - 1:
        return len(_subject(tokens)) <= 1
    return False


def _is_empty_subject(tokens: Sequence[str], index: int) -> bool:
    """Whether this `it` stands for what follows: "does it take long to ...", "is it a bad idea to ..."."""
    if tokens[index] != "it" or tokens[index + 1 : index + 2] == []:
        return False
    if tokens[index + 1] not in _EMPTY_SUBJECT | AUXILIARIES | DETERMINERS:
        return False
    return any(
        (tokens[later] in _INTRODUCES or tokens[later].endswith("ing"))
        and bool(_subject(tokens[later + 1 :]))
        for later in range(index + 1, len(tokens) - 1)
    )


def _held_in_clause_before(tokens: Sequence[str], index: int) -> bool:
    """Whether a clause before this one has a noun: an object cannot stand for the subject of its own clause."""
    for border in range(index - 1, 0, -1):
        if tokens[border] in _CLAUSE or tokens[border] in _PARTS:
            nouns = [t for t in _subject(tokens[:border]) if not t.endswith("ing")]
            if nouns:
                return True
    return False


def _demonstrates(tokens: Sequence[str], index: int) -> bool:
    following = tokens[index + 1] if index + 1 < len(tokens) and tokens[index + 1] not in _PARTS else ""
    before = tokens[index - 1] if index else ""
    if tokens[index] == "that" and _joins(tokens, index, before, following):
        return False
    if following in {"of", "that", "who", "which"}:
        # "those that ...": what it points at follows.
        return False
    if not following or plain(following) in FUNCTION_WORDS | LIGHT | LIGHT_VERBS:
        return True
    if following in QUALITIES and not _subject(tokens[index + 1 :]):
        return True
    # "that summer" in a question with a subject of its own is no riddle; "that idea" alone is.
    return len(_subject(tokens)) <= 2


def _joins(tokens: Sequence[str], index: int, before: str, following: str) -> bool:
    """Whether this `that` joins clauses: "do you think that nodes ...", "transactions that spend ..."."""
    if not before or not following:
        return False
    if before in _SAYS:
        return following not in AUXILIARIES
    if before in AUXILIARIES | PREPOSITIONS | WH | CONJUNCTIONS | LIGHT | LIGHT_VERBS or before in _PARTS:
        return False
    # A verb comes after its subject, a noun after its verb or article: "who proposed that" against "find nodes that".
    return not (index >= 2 and tokens[index - 2] in WH | AUXILIARIES | PRONOUNS)

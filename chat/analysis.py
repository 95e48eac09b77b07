"""Questions that make sense only after the one before, understood without a language model.

A question leans on the one before when it names no subject ("why?", "what are the downsides?"), points at one
that it does not hold ("does it work on mainnet?"), or is a fragment ("and in winter?"). Then what is missing is
carried over; any other question is left as it is, so that the last subject does not colour the next.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat.anaphora import points_back
from chat.lexicon import (
    AUXILIARIES,
    FOREIGN,
    FOREIGN_ANAPHORS,
    FOREIGN_OPENERS,
    FUNCTION_WORDS,
    LIGHT,
    PREPOSITIONS,
    SUBJECTLESS,
    UNSPACED_ANAPHORS,
    WH,
    word_set,
)
from chat.terms import plain, words
from chat.types import Message

_MORE = re.compile(
    r"^(?:(?:can|could|would) you |please )?(?:tell (?:me|us) (?:a bit )?more|say more|go on|continue|keep going|more"
    r"|elaborate|expand|what else|anything else|explain (?:more|further)|go deeper|in more detail)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"^(?:and |but |or |so |ok |okay )*(?:what|how) about\s+(?P<rest>.+)$", re.IGNORECASE)
_OPENER = re.compile(
    r"^(?:(?:and|but|or|so|also|then|ok|okay|well|right|sure|thanks|thank you|great|interesting|hmm+|i see|got it|cool)"
    r"[\s,.!:-]+)+",
    re.IGNORECASE,
)
_WHAT_IF = re.compile(r"^(?:and |but |so )?(?:what|even|only) if\b", re.IGNORECASE)
_NOW = re.compile(
    r"\b(?:still|now|nowadays|these days|today|any ?more|currently|at the moment|lately|latest|newest|most recent"
    r"|change(?:d)? (?:your|his|her|their) mind)\b",
    re.IGNORECASE,
)
_PERSON = word_set("he him his she her hers they them their")
_RECORDING = re.compile(
    r"\b(?:that|this|the same) (?:video|episode|podcast|talk|recording|interview)\b", re.I
)
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# A fragment is at most this long, in words; a text without spaces that leans is at most this long, in letters.
_FRAGMENT_WORDS = 6
_LEANING_LETTERS = 12
# So many words of the question before are carried over; more would drown the new ones.
_CARRIED_WORDS = 8


@dataclass(frozen=True, slots=True)
class Understood:
    """A question as it is looked up.

    `standalone` can be understood alone: `own` is what the fan wrote, `carried` what came from the question
    before, "" when nothing did. `further` asks for more than the last answer gave.
    """

    standalone: str
    own: str
    carried: str = ""
    further: bool = False

    @property
    def now(self) -> bool:
        """Whether it asks what holds today, so that what was said last comes before what was said first."""
        return bool(_NOW.search(self.own))


def understand(text: str, history: Sequence[Message] = ()) -> Understood:
    """What a question asks after `history`, oldest message first."""
    question = " ".join(text.split())
    before = _last_exchange(history)
    if before is None or not leans(question):
        return Understood(question, question)
    asked, answer = before
    about = _ABOUT.match(question)
    if about:
        return _replaced(question, about["rest"], asked)
    own = set(words(question))
    if _names_a_subject(question) or _is_fragment(question):
        carried = _subject(asked)
        if _is_fragment(question):
            carried = asked
    else:
        carried = asked
    extra = _entities(question, own, answer)
    carried = " ".join(part for part in (carried, *extra) if part)
    return Understood(_joined(question, carried), question, carried, bool(_MORE.match(question)))


def leans(question: str) -> bool:
    """Whether the question can be understood only with the one before."""
    if _UNSPACED.search(question):
        return len(question) <= _LEANING_LETTERS and any(word in question for word in UNSPACED_ANAPHORS)
    if _language(question) != "en":
        return _leans_foreign(question)
    core = _OPENER.sub("", question).strip() or question
    if _MORE.match(core):
        return not _names_a_subject(core) or points_back(core)
    if _ABOUT.match(core):
        return len(words(core)) <= _FRAGMENT_WORDS + 2
    if _WHAT_IF.match(core):
        return len(_subject_words(core)) <= 2
    return not _names_a_subject(core) or _is_fragment(question) or points_back(core)


def _last_exchange(history: Sequence[Message]) -> tuple[str, Message] | None:
    """How the last question was understood, and its answer."""
    for index in range(len(history) - 1, 0, -1):
        asked, answer = history[index - 1], history[index]
        if answer.role == "assistant" and asked.role == "user":
            return answer.standalone or asked.text, answer
    return None


def _subject_words(text: str) -> list[str]:
    return [word for word in words(text) if plain(word) not in SUBJECTLESS and word not in SUBJECTLESS]


def _names_a_subject(text: str) -> bool:
    return bool(_subject_words(text))


def _is_fragment(question: str) -> bool:
    """Whether there is no clause: "in winter?", "and for beginners?", "and rim brakes?"."""
    core = _OPENER.sub("", question).strip()
    found = words(core)
    if not found or len(found) > _FRAGMENT_WORDS:
        return False
    if any(word in WH or word in AUXILIARIES for word in found):
        return False
    opened = bool(re.match(r"(?:and|but|or)\b", question, re.IGNORECASE)) and core != question
    even = found[0] in {"even", "only", "also", "especially", "not"}
    return opened or found[0] in PREPOSITIONS or (even and len(found) > 1)


def _language(question: str) -> str:
    """The language most of whose small words are in the question; English when none is ahead."""
    found = words(question)
    best, most = "en", sum(word in FUNCTION_WORDS or word in LIGHT for word in found)
    for language, small in FOREIGN.items():
        count = sum(word in small for word in found)
        if count > most:
            best, most = language, count
    return best


def _leans_foreign(question: str) -> bool:
    found = words(question)
    small = FOREIGN[_language(question)]
    subject = [word for word in found if word not in small]
    if not subject:
        return True
    if found[0] in FOREIGN_OPENERS and len(found) <= _FRAGMENT_WORDS:
        return len(subject) <= 2
    return len(subject) <= 1 and any(word in FOREIGN_ANAPHORS for word in found[1:])


def _subject(asked: str) -> str:
    """The words of the question before that say what it was about, as they were written."""
    kept = [
        word.strip(".,;:!?\"'()")
        for word in asked.split()
        if any(plain(part) not in SUBJECTLESS for part in words(word))
    ]
    return " ".join(kept[-_CARRIED_WORDS:]) or asked


def _entities(question: str, own: set[str], answer: Message) -> list[str]:
    """Names that the last answer brought up and that the question points at."""
    found: list[str] = []
    if own & _PERSON:
        guests = [c["speaker"] for c in answer.citations if c["speaker_role"] == "guest" and c["speaker"]]
        found += dict.fromkeys(guests[:1])
    if answer.citations and _RECORDING.search(question):
        found.append(answer.citations[0]["title"])
    return found


def _replaced(question: str, rest: str, asked: str) -> Understood:
    """ "What about rim brakes?" after "What do you think of disc brakes?": the last noun phrase gives way."""
    rest = rest.rstrip(" ?!.")
    if words(rest)[:1] and words(rest)[0] in PREPOSITIONS:
        return Understood(_joined(question, asked), question, asked)
    kept = asked.rstrip(" ?!.").split()
    while kept and any(plain(part) not in SUBJECTLESS for part in words(kept[-1])):
        kept.pop()
    while kept and kept[-1].lower() in {"a", "an", "the", "my", "your", "some"}:
        kept.pop()
    # Nothing but the question word is left, or nothing was taken away: keep all of it.
    frame = " ".join(kept) if len(kept) >= 2 and len(kept) < len(asked.split()) else asked
    return Understood(f"{frame} {rest}?", question, frame)


def _joined(question: str, carried: str) -> str:
    return f"{question.rstrip(' ?!.')}? {carried}".strip()

"""What kind of thing a question asks for, where its words tell: a number, an amount, a time, a name."""

import re
from collections.abc import Callable, Sequence

Expectation = Callable[[str], bool]

# "One" is left out: it is a pronoun more often than a number.
_NUMBERS = (
    r"\d[\d.,]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|half|dozens?|tens|couple|single"
)
_NUMBER = re.compile(rf"\b(?:{_NUMBERS})\b", re.IGNORECASE)
_MONEY = re.compile(
    rf"[$€£¥]\s?\d|\b(?:{_NUMBERS})\b[\w\s.-]{{0,12}}\b(?:dollars?|euros?|pounds?|bucks|cents?|sats|satoshis?|bitcoins?"
    r"|btc|quid|francs?|usd|eur)\b|\bfor free\b|\bfree of charge\b|\bcosts? nothing\b",
    re.IGNORECASE,
)
_SHARE = re.compile(
    r"\d\s?%|\bper ?cents?\b|\b(?:half|third|quarter|fifth|tenth|most|majority|minority|all|none) of\b"
    r"|\b(?:more|less) than half\b|\bout of (?:\d|ten|a hundred)",
    re.IGNORECASE,
)
_FACTOR = re.compile(
    r"\d\s?[x×%]|\bper ?cent\b|\btwice\b|\btimes (?:as|more|less|faster)|\bby half\b|\b(?:double|triple)|\w+fold\b"
    rf"|\b(?:{_NUMBERS}) times\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b|\b(?:\d0s|eighties|nineties|seventies|sixties)\b", re.IGNORECASE)
_TIME = re.compile(
    r"\b(?:19|20)\d\d\b|\b(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday|yesterday|today|tomorrow|weeks?|months?|years?|days?"
    r"|hours?|minutes?|summer|winter|spring|autumn|soon|ago|when|after|before|until|if)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(
    rf"\b(?:{_NUMBERS}|a|an|few|several|many)\b[\w\s-]{{0,12}}\b(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?"
    r"|decades?|blocks?|kilomet\w+|miles?|met(?:er|re)s?|characters?|bytes?|words?|pages?|transactions?)\b"
    rf"|\b(?:{_NUMBERS})\b",
    re.IGNORECASE,
)
# A capital letter in mid-sentence.
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w-]+")

_KINDS: Sequence[tuple[re.Pattern[str], re.Pattern[str]]] = (
    (
        re.compile(
            r"\bhow (?:much|many)\b.*\b(?:cost|costs|charge|charges|pay|pays|paid|price|money|earn|raise|raised|worth"
            r"|dollars?|euros?|spend|spent)\b|\bwhat\b.*\b(?:price|charges?|cost|costs)\b",
            re.IGNORECASE,
        ),
        _MONEY,
    ),
    (re.compile(r"\b(?:percentage|share|proportion|fraction)\b", re.IGNORECASE), _SHARE),
    (re.compile(r"\bhow much (?:\w+er|more|less)\b", re.IGNORECASE), _FACTOR),
    (re.compile(r"\bhow (?:long|far)\b", re.IGNORECASE), _DURATION),
    (
        re.compile(
            r"\bhow (?:much|many|big|large|small|fast|often|old|tall|heavy|wide|high|deep|short)\b|\bat (?:what|which) "
            r"(?:\w+ )?(?:height|speed|age|size|rate|number)\b|\bwhat (?:was |is |are )?(?:the )?(?:\w+ )?(?:size|number"
            r"|amount|rate|height|weight|age|limit|minimum|maximum)\b",
            re.IGNORECASE,
        ),
        _NUMBER,
    ),
    (re.compile(r"\b(?:which|what) (?:year|decade)\b", re.IGNORECASE), _YEAR),
    (
        # "When should I ..." asks for a condition; "when did ..." asks for a time.
        re.compile(
            r"^(?:and |so |but )?(?:since )?when (?:and \w+ )?(?:is|are|was|were|did|will|has|had)\b"
            r"|\b(?:which|what) (?:month|date|day)\b",
            re.IGNORECASE,
        ),
        _TIME,
    ),
)
_WHO = re.compile(
    r"^(?:and |so |but )?who\b|\bwhich (?:\w+ )?(?:people|person|company|team|pool|bank)\b", re.IGNORECASE
)
_HOW_MANY = re.compile(r"\bhow many (?P<what>[^\W\d_]+)", re.IGNORECASE)
# A number and what it counts are at most so many characters apart.
_NEAR = 24


def expectation(question: str) -> Expectation | None:
    """Tells texts that hold the kind of thing asked for; None when the question does not say what kind."""
    for asks, holds in _KINDS:
        if asks.search(question):
            counted = _HOW_MANY.search(question)
            if holds is _NUMBER and counted:
                return _counts(counted["what"])
            return lambda text: holds.search(text) is not None
    if _WHO.search(question):
        asked = question.lower()
        return lambda text: any(name.lower() not in asked for name in _NAME.findall(text))
    return None


def _counts(what: str) -> Expectation:
    """A number right before, or soon after, what is counted."""
    stem = re.escape(what.lower().removesuffix("s").removesuffix("ie"))
    near = re.compile(
        rf"\b(?:{_NUMBERS})\b.{{0,{_NEAR}}}\b{stem}|\b{stem}\w*\b.{{0,{_NEAR}}}\b(?:{_NUMBERS})\b",
        re.IGNORECASE,
    )
    return lambda text: near.search(text) is not None

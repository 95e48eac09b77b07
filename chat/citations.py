"""Quotes: word for word in the segments, at their second, with who says them.

An excerpt of a passage is looked up in the verbatim segments around it, widened until it can stand alone, and
given the times of its first and last word. What cannot be found there word for word is not a quote: it is kept
as a paraphrase.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urldefrag

from chat.evidence import Excerpt
from chat.sentences import Sentence, sentences
from chat.types import Citation, Verified
from creators import JoinedText, Role, Segment, open_at
from retrieval import Hit

# So many segments on each side of a passage are read, for sentences that run over its edge.
NEIGHBOURS = 4
# A quote is widened up to so many words, and one of fewer than so many is always widened.
_WIDEST_WORDS = 75
_SHORT_WORDS = 6
# The answer to a quoted question is its reply's first sentences, up to at least so many words.
_REPLY_WORDS = 15
# Who repeats what they said before may take it back in the next breath: so many sentences are quoted with it.
_AFTER_REPORTED = 2
_REPORTED = re.compile(
    r"\b(?:i|we) (?:(?:once|always|also|even|never) )?(?:said|used to|thought|told (?:you|people|everyone)|wrote|claimed|swore)\b"
    r"|\bword for word\b|\bback then\b",
    re.IGNORECASE,
)
# Words that begin a sentence and stand for something before it.
_DANGLING = re.compile(
    r"^(?:(?:and|but|so|because|well|yeah|yes|right|or|now|no|okay|i mean|you know|like)[\s,]+)*"
    r"(?:it|its|it's|this|that|that's|these|those|they|they're|their|them|he|he's|she|she's|his|her|such|which|there"
    r"|here|then|either|both|otherwise|instead|therefore)\b",
    re.IGNORECASE,
)
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "\u00a0": " "})
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Quote:
    """Words to be cited, where they stand. Times are milliseconds, None without a recording.

    `verified` is "exact" when `text` is word for word in the source.
    """

    hit: Hit
    text: str
    start_ms: int | None
    end_ms: int | None
    speaker: str | None
    role: Role
    verified: Verified
    score: float

    def citation(self, marker: int) -> Citation:
        """The quote as a numbered citation, whose `url` opens the source at its first word."""
        hit = self.hit
        return Citation(
            marker=marker,
            source_id=hit.source_id,
            external_id=hit.external_id,
            title=hit.title,
            url=_url(hit, self.start_ms),
            open_url=None,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            page=hit.page,
            heading=hit.heading,
            speaker=self.speaker,
            speaker_role=self.role,
            sponsor=hit.sponsor,
            published_at=hit.published_at,
            quote=self.text,
            translation=None,
            verified=self.verified,
        )


def quoted(excerpt: Excerpt, segments: Sequence[Segment]) -> Quote:
    """The excerpt as a quote from `segments`, which are those of its passage with up to `NEIGHBOURS` on each side."""
    joined = JoinedText(segments)
    found = _in_passage(excerpt, joined) or locate(excerpt.text, joined.text)
    if found is None:
        hit = excerpt.hit
        return Quote(
            hit,
            excerpt.text,
            hit.start_ms,
            hit.end_ms,
            hit.speaker,
            hit.speaker_role,
            "paraphrase",
            excerpt.score,
        )
    return _quote_at(excerpt, joined, *_widened(joined, *found))


def locate(words: str, text: str) -> tuple[int, int] | None:
    """Where `words` stand in `text`, as its characters start to end; None when they do not.

    Differences of case, white space and the form of quotation marks do not count.
    """
    wanted = _plain(words)[0].strip()
    plain, places = _plain(text)
    at = plain.find(wanted) if wanted else -1
    if at < 0:
        return None
    return places[at], places[at + len(wanted) - 1] + 1


def _plain(text: str) -> tuple[str, list[int]]:
    """The text in lower case with single spaces and straight quotes, and where each character stood."""
    characters: list[str] = []
    places: list[int] = []
    spaced = False
    for place, character in enumerate(text.translate(_QUOTES)):
        if character.isspace():
            spaced = bool(characters)
            continue
        if spaced:
            characters.append(" ")
            places.append(place - 1)
            spaced = False
        # Some letters have two in lower case; both stand where the one stood.
        for lower in character.lower():
            characters.append(lower)
            places.append(place)
    return "".join(characters), places


def _in_passage(excerpt: Excerpt, joined: JoinedText) -> tuple[int, int] | None:
    """The same words may be said twice: those of this passage are meant."""
    at = joined.text.find(excerpt.hit.text)
    return None if at < 0 else (at + excerpt.start, at + excerpt.end)


def _widened(joined: JoinedText, start: int, end: int) -> tuple[int, int]:
    """Whole sentences of one turn that can be understood alone, and that are not a question to somebody else."""
    found = sentences(joined.text)
    inside = [i for i, sentence in enumerate(found) if sentence.start < end and sentence.end > start]
    if not inside:
        return start, end
    first, last = inside[0], inside[-1]
    while found[last].turn != found[first].turn:
        last -= 1
    if found[last].asks and last + 1 < len(found) and not _same_turn(found, last, last + 1):
        first, last = _reply(found, last + 1)
    if _DANGLING.match(found[first].text) and _same_turn(found, first - 1, first):
        first = _wider(found, first - 1, last, first)
    if _words(found, first, last) < _SHORT_WORDS or found[last].asks:
        if _same_turn(found, last, last + 1):
            last = last + 1 if _words(found, first, last + 1) <= _WIDEST_WORDS else last
        elif _same_turn(found, first - 1, first):
            first = _wider(found, first - 1, last, first)
    last = _with_what_follows(found, first, last)
    return found[first].start, found[last].end


def _with_what_follows(found: Sequence[Sentence], first: int, last: int) -> int:
    """The last sentence to quote when somebody repeats what they said before."""
    if not any(_REPORTED.search(sentence.text) for sentence in found[first : last + 1]):
        return last
    end = last + _AFTER_REPORTED
    while (
        last < end and _same_turn(found, last, last + 1) and _words(found, first, last + 1) <= _WIDEST_WORDS
    ):
        last += 1
    return last


def _reply(found: Sequence[Sentence], first: int) -> tuple[int, int]:
    """The opening of a turn, past a mere "Yeah."."""
    last = first
    while _words(found, first, last) < _REPLY_WORDS and _same_turn(found, last, last + 1):
        last += 1
    return first, last


def _wider(found: Sequence[Sentence], first: int, last: int, otherwise: int) -> int:
    return first if _words(found, first, last) <= _WIDEST_WORDS else otherwise


def _same_turn(found: Sequence[Sentence], one: int, other: int) -> bool:
    return one >= 0 and other < len(found) and found[one].turn == found[other].turn


def _words(found: Sequence[Sentence], first: int, last: int) -> int:
    return sum(sentence.words for sentence in found[first : last + 1])


def _quote_at(excerpt: Excerpt, joined: JoinedText, start: int, end: int) -> Quote:
    segment = joined.segments[joined.place(start).index]
    return Quote(
        hit=excerpt.hit,
        text=_SPACE.sub(" ", joined.text[start:end]),
        start_ms=_start_time(joined, start),
        end_ms=joined.end_time(end),
        speaker=segment.speaker,
        role=segment.role,
        verified="exact",
        score=excerpt.score,
    )


def _start_time(joined: JoinedText, position: int) -> int | None:
    """What opens a segment has exactly the segment's time: where a speaker begins, that is a true mark."""
    place = joined.place(position)
    segment = joined.segments[place.index]
    if any(character.isalnum() for character in segment.text[: place.offset]):
        return joined.time(position)
    return segment.start_ms


def _url(hit: Hit, start_ms: int | None) -> str | None:
    """A document opens where the passage does, a recording at the quote."""
    if start_ms is None:
        return hit.url
    base, fragment = urldefrag(hit.url or "")
    return open_at(
        origin=hit.origin,
        external_id=hit.external_id,
        url=base if fragment.startswith("t=") else hit.url,
        start_ms=start_ms,
        page=hit.page,
        heading=hit.heading,
    )

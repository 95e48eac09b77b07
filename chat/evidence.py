"""Which sentences of the passages that came up answer the question.

Three looks, each closer and dearer than the one before: passages as the search ranked them; their sentences, by
the words of the question that they hold; and of the ten or so best of these their meaning. What is chosen are
excerpts of one to three sentences.

The weights were set on the questions of `tests/data/questions_tuning.json` over the four tuning channels, by the
share of questions whose first excerpt begins within 15 s of the right moment; `tests/bench/fit_coverage.py` prints
it. It is flat around these values: each can be halved or doubled for a loss of at most two questions in 48.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from chat.analysis import Understood
from chat.expectation import Expectation, expectation
from chat.sentences import Sentence, sentences
from chat.terms import Term, Vocabulary, is_name, rarity
from retrieval import Embedder, Hit, Results
from runtime.ids import PassageId

# What a sentence is worth beside its meaning: share of the question's words it holds, rank of its passage, the
# kind of thing that is asked for. A question is no answer; what follows a question alike to this one may be.
_WORDS = 0.3
_PASSAGE = 0.5
_EXPECTED = 0.1
_ASKS = 0.15
_AFTER_QUESTION = 0.15
# Excerpts of about so many words say enough and no more; each doubling or halving costs this.
_USUAL_WORDS = 25
_LENGTH = 0.07
# The year or the speaker that the question names is that of the passage.
_NAMED_PLACE = 0.1
# Of two things said at different times, the later one answers what holds now.
_LATEST = 0.15
# An answer quotes so many passages at most, and none that is so much worse than the best.
_QUOTED_PASSAGES = 3
_MARGIN = 0.25
# The sentences whose meaning is looked at: this many, of this many words together, so many of one passage. A word
# takes the embedder about 0.2 ms.
_LOOKED_AT = 10
_LOOKED_AT_WORDS = 200
_OF_ONE_PASSAGE = 3
_LONGEST_EXCERPT = 3
# Words that came from the question before count less than the fan's own.
_CARRIED = 0.5
# Vectors of sentences that are remembered, 1.5 kB each: fans ask about the same passages.
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One to three adjacent sentences of a passage: characters `start` to `end` of its text.

    `cosine` is that of its meaning and the question's, `overlap` the share of the question's words, by weight,
    that it holds. `score` orders excerpts of one question.
    """

    hit: Hit
    start: int
    end: int
    score: float
    cosine: float
    overlap: float
    expected: bool

    @property
    def text(self) -> str:
        """The sentences, word for word."""
        return self.hit.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to answer from: excerpts, best first, and the words that were looked for.

    `weights` are those of the question's words: rare ones weigh more. `held` are the words that any passage has.
    `unexpected` is where the first passage stands that has the kind of thing asked for: 0 for the best one, 1 when
    none has it; 0 too when the question does not tell what kind.
    """

    excerpts: tuple[Excerpt, ...]
    hits: tuple[Hit, ...]
    terms: Mapping[str, Term]
    weights: Mapping[str, float]
    held: frozenset[str]
    unexpected: float


@dataclass(slots=True)
class _Piece:
    """A sentence on its way to be chosen."""

    hit: Hit
    rank: int
    index: int
    sentence: Sentence
    stems: frozenset[str]
    overlap: float
    bonus: float
    vector: np.ndarray[tuple[int], np.dtype[np.float32]] | None = None


class Weigher:
    """Finds the excerpts that answer. The embedder stays its owner's to close."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[str, np.ndarray[tuple[int], np.dtype[np.float32]]] = OrderedDict()

    async def weigh(self, asked: Understood, results: Results, vocabulary: Vocabulary) -> Evidence:
        """The evidence in these passages; a sponsor's words are among it only when the question names him."""
        terms = vocabulary.content(asked.standalone)
        hits = tuple(hit for hit in results.hits if not hit.sponsor or names_sponsor(hit, terms, vocabulary))
        stems = [frozenset(vocabulary.stems(_searched(hit))) for hit in hits]
        weights = _weights(terms, stems, set(vocabulary.content(asked.own)))
        ages = _ages(hits) if asked.now else {}
        pieces = [
            piece
            for rank, hit in enumerate(hits)
            for piece in _pieces(rank, hit, weights, vocabulary, late=ages.get(hit.published_at, 0.0))
        ]
        looked_at = _worth_a_look(pieces)
        await self._embed(looked_at)
        expects = expectation(asked.own)
        excerpts = _excerpts(looked_at, results, weights, expects)
        held = frozenset[str]().union(*stems) & terms.keys()
        return Evidence(excerpts, hits, terms, weights, held, _unexpected(pieces, len(hits), expects))

    async def _embed(self, pieces: Sequence[_Piece]) -> None:
        missing = list(dict.fromkeys(_seen(p) for p in pieces if _seen(p) not in self._vectors))
        if missing:
            for text, vector in zip(missing, await self._embedder.passages(missing), strict=True):
                self._vectors[text] = vector
        for piece in pieces:
            piece.vector = self._vectors[_seen(piece)]
            self._vectors.move_to_end(_seen(piece))
        while len(self._vectors) > _REMEMBERED:
            self._vectors.popitem(last=False)


def worth_quoting(excerpts: Sequence[Excerpt]) -> list[Excerpt]:
    """The best excerpt of each of the best passages."""
    chosen: dict[PassageId, Excerpt] = {}
    for excerpt in excerpts:
        if len(chosen) == _QUOTED_PASSAGES or excerpt.score < excerpts[0].score - _MARGIN:
            break
        chosen.setdefault(excerpt.hit.passage_id, excerpt)
    return list(chosen.values())


def _unexpected(pieces: Sequence[_Piece], hits: int, expects: Expectation | None) -> float:
    if expects is None or not hits:
        return 0.0
    having = (p.rank for p in pieces if not p.sentence.asks and expects(p.sentence.text))
    return min(having, default=hits) / hits


def names_sponsor(hit: Hit, terms: Mapping[str, Term], vocabulary: Vocabulary) -> bool:
    """Whether the question asks for a sponsor, or for a name that this sponsor read holds."""
    if "sponsor" in terms:
        return True
    names = [word for word in hit.text.split() if is_name(word.strip(".,!?:;\"'()"), first=False)]
    return any(stem in terms for stem in vocabulary.stems(" ".join(names)))


def _searched(hit: Hit) -> str:
    """What the search for words looks through, as far as a hit tells."""
    return "\n".join(part for part in (hit.title, hit.heading, hit.speaker, hit.text) if part)


def _weights(
    terms: Mapping[str, Term], documents: Sequence[frozenset[str]], own: set[str]
) -> dict[str, float]:
    """How much each word of the question tells: its inverse frequency among the passages that came up."""
    counts = rarity(documents)
    total = len(documents)
    return {
        stem: math.log(1 + (total - counts.get(stem, 0) + 0.5) / (counts.get(stem, 0) + 0.5))
        * (1 if stem in own else _CARRIED)
        for stem in terms
    }


def _ages(hits: Sequence[Hit]) -> dict[datetime | None, float]:
    """The dates of the passages: 0 for the earliest, 1 for the latest."""
    dates = sorted({hit.published_at for hit in hits if hit.published_at is not None})
    return {date: place / (len(dates) - 1) for place, date in enumerate(dates)} if len(dates) > 1 else {}


def _pieces(
    rank: int, hit: Hit, weights: Mapping[str, float], vocabulary: Vocabulary, *, late: float
) -> list[_Piece]:
    heading = frozenset(vocabulary.stems(_leaf(hit)))
    bonus = _NAMED_PLACE * _is_named(hit, weights, vocabulary) + _LATEST * late
    found: list[_Piece] = []
    for index, sentence in enumerate(sentences(hit.text)):
        stems = heading | frozenset(vocabulary.stems(sentence.text))
        found.append(_Piece(hit, rank, index, sentence, stems, _share(stems, weights), bonus))
    return found


def _leaf(hit: Hit) -> str:
    """The heading right above a passage of a document; what stands under it is about it."""
    return (hit.heading or "").split(" > ")[-1]


def _is_named(hit: Hit, weights: Mapping[str, float], vocabulary: Vocabulary) -> bool:
    year = hit.published_at is not None and str(hit.published_at.year) in weights
    return year or any(stem in weights for stem in vocabulary.stems(hit.speaker or ""))


def _share(stems: frozenset[str], weights: Mapping[str, float]) -> float:
    total = sum(weights.values())
    return sum(weight for stem, weight in weights.items() if stem in stems) / total if total else 0.0


def _seen(piece: _Piece) -> str:
    """What the embedder is shown of a sentence."""
    heading = _leaf(piece.hit)
    return f"{heading}: {piece.sentence.text}" if heading and piece.index == 0 else piece.sentence.text


def _worth_a_look(pieces: Sequence[_Piece]) -> list[_Piece]:
    """The sentences whose meaning is worth its price, in the order of their passages."""

    def promise(piece: _Piece) -> float:
        return 3 * (piece.hit.score + piece.bonus) + piece.overlap - _ASKS * piece.sentence.asks

    chosen: list[_Piece] = []
    taken: dict[int, int] = {}
    words = 0
    for piece in sorted(pieces, key=promise, reverse=True):
        fits = words + piece.sentence.words <= _LOOKED_AT_WORDS or not chosen
        if not fits or taken.get(piece.rank, 0) == _OF_ONE_PASSAGE:
            continue
        chosen.append(piece)
        taken[piece.rank] = taken.get(piece.rank, 0) + 1
        words += piece.sentence.words
        if len(chosen) == _LOOKED_AT:
            break
    return sorted(chosen, key=lambda piece: (piece.rank, piece.index))


def _excerpts(
    pieces: Sequence[_Piece], results: Results, weights: Mapping[str, float], expects: Expectation | None
) -> tuple[Excerpt, ...]:
    found: list[Excerpt] = []
    for first in range(len(pieces)):
        for last in range(first, min(first + _LONGEST_EXCERPT, len(pieces))):
            if last > first and not _adjacent(pieces[last - 1], pieces[last]):
                break
            before = pieces[first - 1] if first and _precedes(pieces[first - 1], pieces[first]) else None
            found.append(_excerpt(pieces[first : last + 1], before, results, weights, expects))
    return tuple(sorted(found, key=lambda excerpt: -excerpt.score))


def _precedes(before: _Piece, piece: _Piece) -> bool:
    return before.rank == piece.rank and before.index + 1 == piece.index


def _adjacent(before: _Piece, piece: _Piece) -> bool:
    return _precedes(before, piece) and before.sentence.turn == piece.sentence.turn


def _excerpt(
    run: Sequence[_Piece],
    before: _Piece | None,
    results: Results,
    weights: Mapping[str, float],
    expects: Expectation | None,
) -> Excerpt:
    hit, start, end = run[0].hit, run[0].sentence.start, run[-1].sentence.end
    said = [piece for piece in run if not piece.sentence.asks]
    cosine = _cosine(said or run, results)
    overlap = _share(frozenset[str]().union(*(piece.stems for piece in run)), weights)
    expected = expects is not None and any(expects(piece.sentence.text) for piece in said)
    score = cosine + _WORDS * overlap + _PASSAGE * hit.score + _EXPECTED * expected + run[0].bonus
    if len(said) < len(run):
        score -= _ASKS
    if before is not None and before.sentence.asks:
        score += _AFTER_QUESTION * _cosine([before], results)
    words = sum(piece.sentence.words for piece in run)
    score -= _LENGTH * abs(math.log2(words / _USUAL_WORDS))
    return Excerpt(hit, start, end, score, cosine, overlap, expected)


def _cosine(run: Sequence[_Piece], results: Results) -> float:
    """Of the question's vector and the sentences' mean, each weighed by its length: about that of the excerpt."""
    total = np.zeros_like(results.query_vector)
    for piece in run:
        if piece.vector is not None:
            total += piece.vector * len(piece.sentence.text)
    length = float(np.linalg.norm(total))
    return float(total @ results.query_vector) / length if length else 0.0

"""Which sentences are chosen, and whether they answer."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from chat.analysis import Understood, understand
from chat.citations import quoted
from chat.coverage import Features, decide, not_covered
from chat.evidence import Evidence, Weigher, worth_quoting
from chat.terms import Vocabulary
from creators import JoinedText
from retrieval import Hit, Results
from retrieval.testing import HashingEmbedder
from tests.unit.chat.builders import cues, hit

CHAIN = hit(
    "So when do you replace a chain? I replace a touring chain at half a percent of wear. It is cheap. Next topic.",
    score=1.0,
)
TIRES = hit("Tubeless tires seal themselves. I put eighty millilitres of sealant into each tire.", score=0.6)


class CountingEmbedder(HashingEmbedder):
    """Remembers how many words it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    async def passages(self, texts: Sequence[str]) -> Any:
        self.shown += texts
        return await super().passages(texts)


async def weigh(question: str, *hits: Hit, weigher: Weigher | None = None) -> Evidence:
    embedder = HashingEmbedder()
    found = Results(hits=hits, query_vector=await embedder.query(question))
    return await (weigher or Weigher(embedder)).weigh(understand(question), found, Vocabulary("en"))


async def test_the_sentence_that_answers_is_chosen() -> None:
    evidence = await weigh("When should I replace a touring chain?", CHAIN, TIRES)
    assert evidence.excerpts[0].text.startswith("I replace a touring chain at half a percent of wear.")
    assert decide(evidence).coverage == "covered"


async def test_the_interviewer_s_question_brings_up_the_reply() -> None:
    segments = cues(
        "So when do you replace a chain?", "At half a percent of wear, before anything else breaks."
    )
    talk = hit(JoinedText(segments).text)
    evidence = await weigh("When do you replace a chain?", talk)
    assert "half a percent" in quoted(evidence.excerpts[0], segments).text


async def test_what_was_said_last_answers_what_holds_now() -> None:
    old = hit("I never run tubeless tires.", published_at=datetime(2021, 4, 18, tzinfo=UTC))
    new = hit("I run tubeless tires.", published_at=datetime(2025, 3, 16, tzinfo=UTC))
    assert (await weigh("Do you never run tubeless tires?", old, new)).excerpts[0].hit == old
    assert (await weigh("Do you still never run tubeless tires?", old, new)).excerpts[0].hit == new


async def test_a_question_is_worth_less_than_a_statement() -> None:
    asks, says = hit("Is a touring chain expensive?"), hit("A touring chain is expensive.")
    evidence = await weigh("Is a touring chain expensive?", asks, says)
    assert evidence.excerpts[0].hit == says


async def test_the_kind_of_thing_that_is_asked_for_counts() -> None:
    both = hit("Sealant for tubeless tires dries out soon.\nSealant for tubeless tires takes 80 millilitres.")
    evidence = await weigh("How much sealant for tubeless tires?", both)
    assert "80" in evidence.excerpts[0].text
    assert evidence.unexpected == 0


async def test_without_the_kind_of_thing_the_question_is_not_answered() -> None:
    vague = hit("Sealant for tubeless tires dries out fast.")
    evidence = await weigh("How much sealant for tubeless tires?", vague)
    assert evidence.unexpected == 1


async def test_excerpts_stay_within_one_turn() -> None:
    talk = hit("I wax a touring chain.\nI oil a touring chain.")
    evidence = await weigh("Do you wax or oil a touring chain?", talk)
    assert {excerpt.text for excerpt in evidence.excerpts} == {
        "I wax a touring chain.",
        "I oil a touring chain.",
    }


async def test_few_sentences_are_embedded_and_each_once() -> None:
    long = [hit(" ".join(f"A chain of kind {i} number {n} wears." for i in range(40))) for n in range(12)]
    embedder = CountingEmbedder()
    weigher = Weigher(embedder)
    await weigh("How do chains wear?", *long, weigher=weigher)
    assert 0 < len(embedder.shown) <= 10
    assert sum(len(text.split()) for text in embedder.shown) <= 200
    before = len(embedder.shown)
    await weigh("How do chains wear?", *long, weigher=weigher)
    assert len(embedder.shown) == before


async def test_a_sponsor_read_is_evidence_only_when_named() -> None:
    advert = hit("This part is brought to you by Veloquick. Their lube keeps a chain clean.", sponsor=True)
    assert (await weigh("How do I keep a chain clean?", advert)).hits == ()
    assert (await weigh("is veloquick lube any good?", advert)).hits == (advert,)
    assert (await weigh("Who is your sponsor?", advert)).hits == (advert,)


async def test_the_year_in_a_question_prefers_what_was_said_then() -> None:
    old, new = (
        hit("I ride without tubeless tires.", published_at=datetime(year, 4, 1, tzinfo=UTC))
        for year in (2021, 2025)
    )
    assert (await weigh("Did you ride tubeless tires in 2021?", new, old)).excerpts[0].hit == old


async def test_carried_words_weigh_less_than_the_fan_s_own() -> None:
    asked = Understood("And with oil? waxed", "And with oil?", "waxed")
    found = Results(hits=(CHAIN,), query_vector=await HashingEmbedder().query(asked.standalone))
    evidence = await Weigher(HashingEmbedder()).weigh(asked, found, Vocabulary("en"))
    assert evidence.weights["oil"] == 2 * evidence.weights["wax"]


async def test_one_excerpt_of_each_good_passage_is_quoted() -> None:
    evidence = await weigh("When should I replace a touring chain?", CHAIN, TIRES, hit(CHAIN.text, score=0.9))
    chosen = worth_quoting(evidence.excerpts)
    assert len(chosen) == 2
    assert TIRES not in [excerpt.hit for excerpt in chosen]


async def test_names_that_nobody_mentioned_are_told() -> None:
    evidence = await weigh("Which Shimano chain should I replace?", CHAIN)
    assert decide(evidence).unknown == ("Shimano",)


async def test_nothing_found_is_not_covered() -> None:
    verdict = decide(await weigh("What is a chain?"))
    assert (verdict.coverage, verdict.probability) == ("not_covered", 1.0)


async def test_a_question_without_content_is_weighed_without_error() -> None:
    assert decide(await weigh("What did you say?", CHAIN)).coverage == "not_covered"
    assert decide(await weigh("你好吗", CHAIN)).coverage == "not_covered"


BEST = Features(cosine=0.6, unexpected=0.0, missing=0.3, unnamed=0.0)


@pytest.mark.parametrize(
    "worse",
    [
        Features(cosine=0.4, unexpected=0.0, missing=0.3, unnamed=0.0),
        Features(cosine=0.6, unexpected=1.0, missing=0.3, unnamed=0.0),
        Features(cosine=0.6, unexpected=0.0, missing=0.9, unnamed=0.0),
        Features(cosine=0.6, unexpected=0.0, missing=0.3, unnamed=1.0),
    ],
)
def test_each_feature_speaks_against_an_answer(worse: Features) -> None:
    assert not_covered(worse) > not_covered(BEST)
    assert not_covered(BEST) < 0.3


async def test_vectors_are_forgotten_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.evidence._REMEMBERED", 4)
    embedder = CountingEmbedder()
    weigher = Weigher(embedder)
    for number in range(6):
        await weigh("How do chains wear?", hit(f"Chain {number} wears."), weigher=weigher)
    await weigh("How do chains wear?", hit("Chain 0 wears."), weigher=weigher)
    assert embedder.shown.count("Chain 0 wears.") == 2
    assert np.isfinite(not_covered(BEST))

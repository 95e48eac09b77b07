"""Search quality on SciFact (BEIR), through the same port that answers fans."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from apps.assembly import Core, open_core
from creators import Creator, NewCreator, SourceFacts
from evals import BeirDocument, BeirSet, mean, ndcg, read_beir, recall
from retrieval import PassageDraft, Query
from runtime.settings import Settings, load_settings
from tests.bench.figures import Figure, at_least, plain
from tests.installation import Installation

# Documents are loaded as sources of one passage, title and text, as the references do.
CHUNKER = "whole-document"
SLICE = 64


def measure(installation: Installation, folder: Path) -> Iterator[Figure]:
    """nDCG@10 and recall@10 of the 300 judged claims."""
    settings = load_settings(
        {
            "UNDERSTUDY_VAR": str(installation.var / "scifact"),
            "UNDERSTUDY_DATABASE__URL": installation.database_url(),
        }
    )
    quality = asyncio.run(_evaluate(settings, read_beir(folder)))
    yield at_least("SciFact nDCG@10 through the retriever", quality["ndcg"], 0.72)
    yield plain("SciFact recall@10 through the retriever", f"{quality['recall']:.3f}")


async def _evaluate(settings: Settings, data: BeirSet) -> dict[str, float]:
    async with open_core(settings) as core:
        async with core.database.transaction() as tx:
            new = NewCreator("scifact", "SciFact", visibility="private")
            creator = await core.catalogue.create(tx, new, active_index=core.index_name)
        for start in range(0, len(data.documents), SLICE):
            documents = data.documents[start : start + SLICE]
            await asyncio.gather(*(_publish(core, creator, document) for document in documents))
        rankings = {id: await _ranking(core, creator, text) for id, text in data.queries.items()}
    judged = data.judgements
    return {
        "ndcg": mean([ndcg(rankings[id], judged[id], k=10) for id in rankings]),
        "recall": mean([recall(rankings[id], judged[id], k=10) for id in rankings]),
    }


async def _publish(core: Core, creator: Creator, document: BeirDocument) -> None:
    facts = SourceFacts("file", document.id, "document", document.title or document.id)
    draft = PassageDraft(document.text, document.title, 0, 0, 0)
    async with core.database.transaction() as tx:
        source = await core.library.register(tx, creator.id, facts)
        await core.writer.store(
            tx, creator_id=creator.id, source_id=source.id, generation=1, chunker=CHUNKER, drafts=[draft]
        )

    async def silent(done: int, total: int) -> None:
        """Nobody follows."""

    await core.writer.embed(source.id, 1, silent)
    await core.writer.index(source.id, 1, core.index_name, creator.id)
    async with core.database.transaction() as tx:
        await core.library.publish(tx, source.id, 1, facts, content_hash=document.id)


async def _ranking(core: Core, creator: Creator, text: str) -> list[str]:
    found = await core.retriever.search(Query(creator.id, text, k=10))
    return [hit.external_id for hit in found.hits]

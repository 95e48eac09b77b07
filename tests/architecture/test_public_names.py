"""The names by which a room is entered. A new one is a decision: it is written down here."""

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.architecture.source import Module, product, read

PUBLIC: dict[str, set[str]] = {
    "jobs": {
        "Effect",
        "Handler",
        "Heart",
        "Job",
        "JobCancelled",
        "JobContext",
        "JobQueue",
        "JobState",
        "JobWatch",
        "Later",
        "LeaseLost",
        "Move",
        "NewJob",
        "QueueState",
        "Registration",
        "Runner",
        "Schedule",
        "Steering",
        "Waker",
    },
    "accounts": {"AdminKey", "GUEST_MAX_AGE_S", "GuestSigner", "load_or_create_key"},
    "creators": {
        "Access",
        "Catalogue",
        "Chapter",
        "Correction",
        "Coverage",
        "Creator",
        "JoinedText",
        "Library",
        "NewCreator",
        "Persona",
        "Replacement",
        "Role",
        "Segment",
        "Source",
        "SourceChanges",
        "SourceFacts",
        "SpokenSegment",
        "TextChange",
        "open_at",
        "sentence_spans",
        "time_at",
    },
    "retrieval": {
        "Embedder",
        "Hit",
        "HybridRetriever",
        "IndexName",
        "PassageDraft",
        "PassageIndex",
        "PassageWriter",
        "Query",
        "Results",
        "Retriever",
        "neighbours",
        "surroundings",
    },
    "ingestion": {
        "Accepted",
        "Addresses",
        "ArchiveUnpacker",
        "Assembly",
        "Bundle",
        "BundleFile",
        "Checksum",
        "Chunker",
        "Contents",
        "CorrectionOutcome",
        "Corrections",
        "Feed",
        "FeedCounts",
        "Ingestion",
        "NewTransfer",
        "Original",
        "Origins",
        "Pipeline",
        "Problem",
        "Removals",
        "Remover",
        "Scanner",
        "Submission",
        "Transfer",
        "Transfers",
        "WantedText",
        "Watcher",
        "chunker_name",
        "discover_folder",
        "source_steering",
    },
    "chat": {
        "Answer",
        "AnswerEvent",
        "Citation",
        "Conversations",
        "ExtractiveResponder",
        "Failed",
        "Message",
        "Question",
        "Responder",
        "collect",
        "event_json",
    },
    "evals": {
        "BeirDocument",
        "BeirSet",
        "mean",
        "ndcg",
        "read_beir",
        "recall",
        "reciprocal_rank",
        "word_error_rate",
    },
    "gateway": {"Probe", "build_gateway"},
    "apps": set(),
    "runtime": set(),
}


def names(modules: Sequence[Module]) -> dict[str, set[str]]:
    """What each room's `__init__` lists in `__all__`, or binds where it has no such list."""
    return {
        module.room: _listed(module.tree)
        for module in modules
        if len(module.path.parts) == 2 and module.path.name == "__init__.py"
    }


def _listed(tree: ast.Module) -> set[str]:
    bound: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
        ):
            return set(ast.literal_eval(node.value))
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
    return bound


@pytest.mark.parametrize("room", sorted(PUBLIC))
def test_public_names_are_the_ones_written_down(room: str) -> None:
    assert names(product())[room] == PUBLIC[room]


def test_every_room_is_written_down() -> None:
    assert set(names(product())) == set(PUBLIC)


def test_an_extra_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "__init__.py").write_text('from chat.x import A, B\n\n__all__ = ["A", "B"]\n')
    assert names(read(tmp_path, ("chat",))) == {"chat": {"A", "B"}}

"""The names by which a room, or a module of `runtime`, is entered. A new one is a decision: it is written down here."""

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, Module, product, read

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
    "gateway": {"Parts", "Probe", "build_gateway"},
    "apps": set(),
    "runtime": set(),
    "runtime.clock": {"Clock", "SystemClock"},
    "runtime.database": {"Database", "JsonValue", "Params", "Reader", "Row", "Transaction", "as_json"},
    "runtime.errors": {
        "Conflict",
        "Defect",
        "Forbidden",
        "InvalidInput",
        "NotFound",
        "StorageFull",
        "TooLarge",
        "Unauthorized",
        "Unavailable",
        "UnderstudyError",
    },
    "runtime.events": {"Event", "EventSink", "RedisStreamSink", "STREAM", "emit", "relay"},
    "runtime.familiar": {"PREFIX", "familiar"},
    "runtime.files": {
        "is_sha256",
        "BeforeKept",
        "CHUNK_BYTES",
        "FileStore",
        "LocalFileStore",
        "StoredFile",
        "disk_full",
        "not_stored",
        "spooled",
        "sweep_directory",
    },
    "runtime.http": {
        "FetchLimits",
        "Fetched",
        "Inflater",
        "OutsideClient",
        "OutsideResponse",
        "Resolver",
        "service_client",
    },
    "runtime.ids": {
        "ConversationId",
        "CreatorId",
        "FeedId",
        "GuestId",
        "JobId",
        "MessageId",
        "PassageId",
        "SourceId",
        "new_id",
    },
    "runtime.migrations": {"LOCK_KEY", "ROOT", "alone", "migrate", "newest_version", "statements"},
    "runtime.s3_files": {
        "PART_BYTES",
        "S3FileStore",
    },
    "runtime.server_urls": {"postgres_url", "redis_url", "redis_url_beside"},
    "runtime.settings": {
        "PostgresUrl",
        "RedisUrl",
        "BrokerSettings",
        "ChunkingSettings",
        "ClamdSettings",
        "ClientSettings",
        "DatabaseSettings",
        "EmbedderSettings",
        "FeedSettings",
        "FileSettings",
        "GatewaySettings",
        "IndexSettings",
        "JobSettings",
        "LogSettings",
        "MetricsSettings",
        "OriginSettings",
        "Port",
        "ROOT",
        "RedisSettings",
        "SecretSettings",
        "Settings",
        "SpeechSettings",
        "TelemetrySettings",
        "UploadSettings",
        "WeaviateSettings",
        "YouTubeSettings",
        "load_settings",
    },
    "runtime.telemetry": {"BUCKETS", "configure_logging", "configure_tracing", "span"},
    "runtime.testing": {"FixedClock"},
}


def names(modules: Sequence[Module]) -> dict[str, set[str]]:
    """What each room's `__init__` offers; in `runtime`, where each module is an entrance, what each of them does."""
    return {module.name: offered(module) for module in modules if _is_entrance(module)}


def _is_entrance(module: Module) -> bool:
    parts = module.path.parts
    if module.room == "runtime":
        return len(parts) == 2 or (len(parts) == 3 and parts[2] == "__init__.py")
    return len(parts) == 2 and parts[1] == "__init__.py"


def offered(module: Module) -> set[str]:
    """Every public name that the module binds or lists in `__all__`, wherever in its top level.

    An `__init__` also offers what it imports from the product; any other module only what it makes itself.
    """
    found: set[str] = set()
    for node in _top_level(module.tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= _imported(node) if module.path.name == "__init__.py" else set()
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        else:
            found |= {
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            found |= _listed(node)
    return {name for name in found if not name.startswith("_") and name != "log"}


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the module is loaded; of compound ones, those inside."""
    for node in body:
        blocks = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or not any(blocks):
            yield node
            continue
        for block in [*blocks, *(handler.body for handler in getattr(node, "handlers", []))]:
            yield from _top_level(block)


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """The names that an import binds, those of the standard library left out."""
    if isinstance(node, ast.Import):
        bound = {alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names}
    else:
        bound = {alias.asname or alias.name: node.module or "" for alias in node.names}
    return {name for name, source in bound.items() if source.split(".")[0] not in sys.stdlib_module_names}


def _listed(node: ast.stmt) -> set[str]:
    """The strings that a statement about `__all__` holds, however it adds them."""
    about = any(isinstance(n, ast.Name) and n.id == "__all__" for n in ast.walk(node))
    return {
        n.value for n in ast.walk(node) if about and isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


@pytest.mark.parametrize("entrance", sorted(PUBLIC))
def test_public_names_are_the_ones_written_down(entrance: str) -> None:
    assert names(product()).get(entrance) == PUBLIC[entrance]


def test_every_entrance_is_written_down() -> None:
    assert set(names(product())) == set(PUBLIC)


LISTED = 'from chat.x import A, B\n\n__all__ = ["A", "B"]\n'


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        (LISTED, set()),
        (LISTED + "\n\ndef extra(): ...\n", {"extra"}),
        (LISTED + "\nfrom chat.y import extra\n", {"extra"}),
        (LISTED + "\nimport chat.y\n", {"chat"}),
        (LISTED + "\nextra = A\n", {"extra"}),
        (LISTED + "\nextra: type = A\n", {"extra"}),
        (LISTED + '\n__all__ += ["extra"]\n', {"extra"}),
        (LISTED + '\n__all__.append("extra")\n', {"extra"}),
        (LISTED + "\nif A:\n    from chat.y import extra\n", {"extra"}),
        (LISTED + "\ntry:\n    import a\nexcept ImportError:\n    extra = None\n", {"a", "extra"}),
        ("from chat.y import *\n" + LISTED, {"*"}),
        ("from chat.y import extra as _extra\nfrom typing import Any\n" + LISTED, set()),
    ],
)
def test_an_extra_name_is_found(tmp_path: Path, text: str, extra: set[str]) -> None:
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "__init__.py").write_text(text)
    assert names(read(tmp_path, ("chat",))) == {"chat": {"A", "B", *extra}}


def test_an_extra_name_of_a_runtime_module_is_found(tmp_path: Path) -> None:
    files = (ROOT / "runtime" / "files.py").read_text(encoding="utf-8")
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "files.py").write_text(files + "\n\ndef extra() -> None: ...\n")
    (tmp_path / "runtime" / "new.py").write_text("class Thing: ...\n")
    assert names(read(tmp_path, ("runtime",))) == {
        "runtime.files": PUBLIC["runtime.files"] | {"extra"},
        "runtime.new": {"Thing"},
    }

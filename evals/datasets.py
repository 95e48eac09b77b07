"""Data sets that others made: BEIR (Thakur et al., NeurIPS Datasets and Benchmarks 2021)."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class BeirDocument:
    """A document of the corpus."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class BeirSet:
    """Corpus, queries by id, and for each judged query the grades of its documents."""

    name: str
    documents: tuple[BeirDocument, ...]
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]


def read_beir(folder: Path) -> BeirSet:
    """Read `corpus.jsonl[.gz]`, `queries.jsonl[.gz]` and `qrels.tsv` (or `qrels/test.tsv`) of a folder.

    Only queries with a judgement above 0 are kept: others cannot be measured. Raises InvalidInput
    `dataset_incomplete` for a missing file, `dataset_invalid` for a line that cannot be read, and for a
    judgement about a query or document that is not there.
    """
    documents = tuple(
        BeirDocument(str(row["_id"]), str(row.get("title", "")), str(row["text"]))
        for row in _rows(_found(folder, "corpus.jsonl", "corpus.jsonl.gz"), {"_id", "text"})
    )
    texts = {
        str(row["_id"]): str(row["text"])
        for row in _rows(_found(folder, "queries.jsonl", "queries.jsonl.gz"), {"_id", "text"})
    }
    judged = _judgements(_found(folder, "qrels.tsv", "qrels/test.tsv"))
    known = {document.id for document in documents}
    for query, grades in judged.items():
        strangers = sorted(grades.keys() - known)
        if query not in texts or strangers:
            what = f"document {strangers[0]}" if strangers else f"query {query}"
            raise _invalid(folder, f"there is a judgement about {what}, which is not there")
    return BeirSet(folder.name, documents, {id: texts[id] for id in judged}, judged)


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    with path.open(encoding="utf-8") as lines:
        next(lines, None)
        for number, line in enumerate(lines, start=2):
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 3 or not fields[2].lstrip("-").isdigit():
                raise _invalid(path, f"line {number} is not query, document and grade")
            query, document, grade = fields
            if int(grade) > 0:
                judged.setdefault(query, {})[document] = int(grade)
    if not judged:
        raise _invalid(path, "it judges nothing")
    return judged


def _found(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise InvalidInput(
        "dataset_incomplete",
        f"{folder.name} holds no {' or '.join(names)}.",
        next_step="Give the folder of a data set in BEIR's layout.",
    )


def _rows(path: Path, needed: set[str]) -> Iterator[dict[str, Any]]:
    binary = gzip.open if path.suffix == ".gz" else open
    with binary(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise _invalid(path, f"line {number} is not JSON") from error
            if not isinstance(row, dict) or not needed <= row.keys():
                raise _invalid(path, f"line {number} lacks one of {', '.join(sorted(needed))}")
            yield row


def _invalid(path: Path, what: str) -> InvalidInput:
    return InvalidInput("dataset_invalid", f"{path.name}: {what}.", next_step="Correct the file.")

"""Reading data sets in BEIR's layout, good and bad."""

import gzip
from pathlib import Path

import pytest

from evals import BeirDocument, read_beir
from runtime.errors import InvalidInput

CORPUS = '{"_id": "d1", "title": "Seeds", "text": "They want warmth."}\n{"_id": "d2", "text": "Lathe."}\n'
QUERIES = '{"_id": "q1", "text": "warm?"}\n{"_id": "q2", "text": "cold?"}\n'
JUDGEMENTS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress(CORPUS.encode()))
    (tmp_path / "queries.jsonl").write_text(QUERIES)
    (tmp_path / "qrels.tsv").write_text(JUDGEMENTS)
    return tmp_path


def test_a_set_holds_documents_and_the_queries_that_are_judged(folder: Path) -> None:
    read = read_beir(folder)
    assert read.documents == (
        BeirDocument("d1", "Seeds", "They want warmth."),
        BeirDocument("d2", "", "Lathe."),
    )
    assert read.queries == {"q1": "warm?"}
    assert read.judgements == {"q1": {"d1": 1}}


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("qrels.tsv", None, "dataset_incomplete", "qrels"),
        ("queries.jsonl", None, "dataset_incomplete", "queries"),
        ("queries.jsonl", "{", "dataset_invalid", "line 1 is not JSON"),
        ("queries.jsonl", '{"_id": "q1"}', "dataset_invalid", "lacks one of _id, text"),
        ("queries.jsonl", '["q1"]', "dataset_invalid", "lacks one of"),
        ("qrels.tsv", "header\n", "dataset_invalid", "judges nothing"),
        ("qrels.tsv", "header\nq1 d1 1\n", "dataset_invalid", "line 2"),
        ("qrels.tsv", "header\nq1\td9\t1\n", "dataset_invalid", "document d9"),
        ("qrels.tsv", "header\nq9\td1\t1\n", "dataset_invalid", "query q9"),
    ],
)
def test_a_broken_set_is_refused_with_the_reason(
    folder: Path, name: str, content: str | None, code: str, says: str
) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(InvalidInput, match=says) as caught:
        read_beir(folder)
    assert caught.value.code == code

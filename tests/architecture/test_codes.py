"""Every code with which taking something in can fail stands in docs/ingestion.md, and every one there can come."""

import re
from pathlib import Path

from tests.architecture.codes import codes
from tests.architecture.source import ROOT, Module, product, read

# What takes things in, and what it reaches out with.
PLACES = (
    "ingestion/",
    "creators/edits/",
    "jobs/",
    "runtime/http/",
    "runtime/files.py",
    "runtime/s3_files.py",
)
GUIDE = "docs/ingestion.md"
# Of a handler that is told that its work must not count; no job ends with it.
INTERNAL = {"lease_lost"}
# Of the configuration: it keeps a process from starting.
SETTINGS = {"settings_invalid"}
# Codes that pass through: they were made, and read, elsewhere.
PASSED_ON = re.compile(r"error\.code|answer\['code'\]")


def _modules() -> list[Module]:
    return [module for module in product() if str(module.path).startswith(PLACES)]


def _documented(guide: str) -> tuple[set[str], set[str]]:
    """The codes of the tables, and the endings that the text below them says others have."""
    tables = set(re.findall(r"^\| `(\w+)`", guide, re.MULTILINE))
    return tables, set(re.findall(r"`(_\w+)`", guide))


def _missing(modules: list[Module], guide: str) -> list[str]:
    tables, endings = _documented(guide)
    return sorted(
        f"{code} ({where})"
        for code, where in codes(modules, product()).found.items()
        if code not in tables | INTERNAL | SETTINGS and code.lstrip("*") not in endings
    )


def _unraised(modules: list[Module], guide: str) -> list[str]:
    found = codes(modules, product()).found
    patterns = [re.compile(code.replace("*", r"\w+")) for code in found]
    tables, endings = _documented(guide)
    unknown = {code for code in tables if not any(pattern.fullmatch(code) for pattern in patterns)}
    return sorted(unknown | {ending for ending in endings if f"*{ending}" not in found})


def test_every_code_is_documented_and_every_documented_one_can_come() -> None:
    guide = (ROOT / GUIDE).read_text(encoding="utf-8")
    assert _missing(_modules(), guide) == []
    # The command has codes of its own.
    assert _unraised(product(), guide) == []


def test_every_code_can_be_read() -> None:
    unread = codes(_modules(), product()).unread
    assert [place for place in unread if not PASSED_ON.search(place)] == []


def test_a_code_that_is_nowhere_documented_is_found(tmp_path: Path) -> None:
    (tmp_path / "ingestion").mkdir()
    (tmp_path / "ingestion" / "x.py").write_text(
        "WHY = 'planted_by_name'\n"
        "TABLE = {1: ('planted_in_table', 0)}\n"
        "def made(code, detail):\n    return InvalidInput(code, detail)\n"
        "def one(kind):\n    raise NotFound(f'{kind}_planted', 'x')\n"
        "def two(x):\n    raise made('planted_far' if x else 'planted_near', 'x')\n"
        "def three():\n    raise Unavailable(WHY, 'x') from Conflict(TABLE[1][0], 'x')\n",
        encoding="utf-8",
    )
    missing = _missing(read(tmp_path, ("ingestion",)), "")
    assert [line.split()[0] for line in missing] == [
        "*_planted",
        "planted_by_name",
        "planted_far",
        "planted_in_table",
        "planted_near",
    ]


def test_a_documented_code_that_nobody_raises_is_found() -> None:
    assert _unraised(_modules(), "| `never_raised` | x | y |\n\n`_never` too.") == ["_never", "never_raised"]

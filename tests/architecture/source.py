"""The product's own source, as the architecture tests read it."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "runtime",
    "jobs",
    "accounts",
    "creators",
    "retrieval",
    "ingestion",
    "chat",
    "evals",
    "gateway",
    "apps",
)


@dataclass(frozen=True)
class Module:
    """One file: path below the root, dotted name, syntax tree and lines."""

    path: Path
    tree: ast.Module
    lines: int

    @property
    def name(self) -> str:
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @property
    def room(self) -> str:
        return self.path.parts[0]

    def imports(self) -> list[tuple[str, int]]:
        """Every imported module's dotted name, with the line."""
        found: list[tuple[str, int]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.append((node.module, node.lineno))
        return found

    def texts(self) -> list[tuple[str, int]]:
        """Every string constant that is not a docstring."""
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        return [
            (node.value, node.lineno)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        ]


def read(root: Path, folders: tuple[str, ...]) -> list[Module]:
    """The modules below these folders of `root`."""
    files = [file for folder in folders for file in sorted((root / folder).rglob("*.py"))]
    modules: list[Module] = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        modules.append(Module(file.relative_to(root), ast.parse(text), text.count("\n")))
    return modules


@cache
def product() -> tuple[Module, ...]:
    """All modules of the product."""
    return tuple(read(ROOT, ROOMS))


@cache
def everything() -> tuple[Module, ...]:
    """All modules, tests and migrations included."""
    return tuple(read(ROOT, (*ROOMS, "tests", "migrations")))

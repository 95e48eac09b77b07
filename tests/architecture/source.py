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
        """Every imported module's dotted name, with the line; also of a module imported as a name or by a string."""
        found: list[tuple[str, int]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found += [(target, node.lineno) for target in _sources(self, node)]
            elif isinstance(node, ast.Call) and (name := _called_import(node)):
                found.append((name, node.lineno))
        plain = {target for target, _ in found if target in ROOMS}
        found += [
            (f"{node.value.id}.{node.attr}", node.lineno)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in plain
            and is_module(f"{node.value.id}.{node.attr}")
        ]
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


def is_module(name: str) -> bool:
    """Whether the product has a module or package of this dotted name."""
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def _sources(module: Module, node: ast.ImportFrom) -> list[str]:
    """What `from x import y` loads: `x`, or `x.y` where that is a module."""
    start = node.module or ""
    if node.level:
        package = module.name.split(".") if module.path.name == "__init__.py" else module.name.split(".")[:-1]
        start = ".".join([*package[: len(package) - node.level + 1], *([start] if start else [])])
    return [
        f"{start}.{alias.name}"
        if start.split(".")[0] in ROOMS and is_module(f"{start}.{alias.name}")
        else start
        for alias in node.names
    ]


def _called_import(node: ast.Call) -> str | None:
    """The module that a call loads or looks up by its name, as far as the name is literal."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in {"import_module", "find_spec", "__import__"} or not node.args:
        return None
    name = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return name.value.rstrip(".")
    return None


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

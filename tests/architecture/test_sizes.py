"""Functions under 50 lines, files under 400. The allow-list may only shrink."""

import ast
from collections.abc import Sequence
from pathlib import Path

from tests.architecture.source import Module, everything, read

LONGEST_FUNCTION = 49
LONGEST_FILE = 399
ALLOWED: frozenset[str] = frozenset()


def too_long(modules: Sequence[Module]) -> list[str]:
    """Files and functions over the limit."""
    found = [str(module.path) for module in modules if module.lines > LONGEST_FILE]
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                if (node.end_lineno or node.lineno) - first + 1 > LONGEST_FUNCTION:
                    found.append(f"{module.path}:{node.name}")
    return found


def test_sizes() -> None:
    assert sorted(set(too_long(everything())) - ALLOWED) == []


def test_allow_list_holds_nothing_that_fits() -> None:
    assert set(too_long(everything())) >= ALLOWED


def test_a_long_function_is_found(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    body = "def f():\n" + "    x = 1\n" * 60
    (tmp_path / "chat" / "x.py").write_text(body, encoding="utf-8")
    assert too_long(read(tmp_path, ("chat",))) == ["chat/x.py:f"]

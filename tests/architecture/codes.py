"""The codes of errors that the product can raise, read from its source.

A code is the first argument of an error class, of what makes one (found out by following parameters), or a key of a
catalogue. Where it is put together from pieces, the pieces that vary are left out: `*_broken`.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.architecture.source import Module

CODE = re.compile(r"[a-z]+(_[a-z0-9]+)+|cancelled")
# Tables whose keys are codes, and codes that are kept where no error is raised.
CATALOGUES = frozenset({"OBSTACLES", "REFUSALS", "_NEXT_STEPS", "GONE_FROM_FEED", "SHRUNK"})
# What makes an error or a part of one from a code without being an error class; `kind` is a class chosen from a table.
MAKERS = frozenset({"Complaint", "Refused", "kind"})
# What looks a code up in a catalogue above, whose keys are all that it can be given.
LOOKED_UP = frozenset({"obstacle"})
ROOT_ERROR = "UnderstudyError"
# Our own mistakes, which nobody outside can do anything about.
OURS = "Defect"


@dataclass
class Codes:
    """The codes found, each with where; `unread` are places whose code could not be read from the source."""

    found: dict[str, str] = field(default_factory=dict[str, str])
    unread: list[str] = field(default_factory=list[str])


def codes(modules: Sequence[Module], declaring: Sequence[Module]) -> Codes:
    """The codes that `modules` raise; `declaring` are all in which error classes are declared."""
    errors = error_classes(declaring)
    sinks = dict.fromkeys(errors | MAKERS, 0)
    while more := {
        name: place
        for module in modules
        for name, place in _passing(module, sinks, errors)
        if name not in sinks and name not in LOOKED_UP
    }:
        sinks |= more
    result = Codes()
    for module in modules:
        _read(module, sinks, errors, result)
    return result


def error_classes(modules: Sequence[Module]) -> frozenset[str]:
    """The error classes that are given their code as the first argument."""
    bases: dict[str, list[str]] = {}
    own: set[str] = set()
    for node in (node for module in modules for node in ast.walk(module.tree)):
        if isinstance(node, ast.ClassDef):
            bases[node.name] = [_name(base) for base in node.bases]
            inits = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
            if inits and [a.arg for a in inits[0].args.args[1:2]] != ["code"]:
                own.add(node.name)
    known = {ROOT_ERROR}
    while more := {name for name, of in bases.items() if known.intersection(of)} - known:
        known |= more
    return frozenset(known - own - {OURS})


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _arguments(tree: ast.AST, sinks: dict[str, int], errors: frozenset[str]) -> Iterator[ast.expr]:
    """What stands where a code belongs, in all calls below `tree`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _name(node.func)
        if name == "__init__" and "super()" in ast.unparse(node.func) and node.args:
            yield node.args[0]
        elif name in sinks and len(node.args) > sinks[name]:
            if name in errors and isinstance(node.args[0], ast.Starred):
                continue
            yield node.args[sinks[name]]


def _passing(module: Module, sinks: dict[str, int], errors: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Functions that hand a parameter of theirs on as a code, with its place among the arguments."""
    for function in _functions(module):
        if function.name == "__init__":
            continue
        names = [arg.arg for arg in function.args.args if arg.arg not in {"self", "cls"}]
        for given in _arguments(function, sinks, errors):
            if isinstance(given, ast.Name) and given.id in names:
                yield function.name, names.index(given.id)


def _read(module: Module, sinks: dict[str, int], errors: frozenset[str], result: Codes) -> None:
    assigned = dict(_assigned(module))
    parameters = {arg.arg for f in _functions(module) for arg in (*f.args.args, *f.args.kwonlyargs)}
    for name in CATALOGUES & assigned.keys():
        for value in assigned[name]:
            keys = [key for key in value.keys if key] if isinstance(value, ast.Dict) else [value]
            _note(module, _strings(keys), result)
    for given in _arguments(module.tree, sinks, errors):
        texts = list(_texts(given, assigned))
        if texts:
            _note(module, texts, result)
        elif not (isinstance(given, ast.Name) and given.id in parameters):
            result.unread.append(f"{module.path}:{given.lineno} {ast.unparse(given)}")


def _note(module: Module, texts: Iterable[str], result: Codes) -> None:
    for text in texts:
        if text != "*_*" and CODE.fullmatch(text.replace("*", "x")):
            result.found.setdefault(text, str(module.path))


def _assigned(module: Module) -> Iterator[tuple[str, list[ast.expr]]]:
    """What each name of the module is ever set to."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        values.setdefault(name.id, []).append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            values.setdefault(node.target.id, []).append(node.value)
    yield from values.items()


def _strings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        for one in ast.walk(node):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                yield one.value


def _texts(given: ast.expr, assigned: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The codes that an expression can come to; names stand for whatever they are ever set to."""
    if isinstance(given, ast.Constant | ast.IfExp | ast.BoolOp):
        yield from _strings([given])
    elif isinstance(given, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in given.values)
        last = given.values[-1]
        if isinstance(last, ast.FormattedValue):
            yield from (f"*_{text}" for text in _set_to(last, assigned) if re.fullmatch("[a-z_]+", text))
    else:
        yield from _set_to(given, assigned)


def _set_to(node: ast.AST, assigned: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The texts in all that the names in it are ever set to, and in what those are made of."""
    seen: set[str] = set()
    ahead: list[ast.AST] = [node]
    while ahead:
        names = {one.id for one in ast.walk(ahead.pop()) if isinstance(one, ast.Name)} - seen
        seen |= names
        values = [value for name in names for value in assigned.get(name, [])]
        yield from _strings(values)
        ahead += values

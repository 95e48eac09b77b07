"""What the command prints: tables for people, one JSON document for programs."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Unauthorized,
    Unavailable,
    UnderstudyError,
)

if TYPE_CHECKING:
    from rich.console import Console

# Of 32 random bits two are alike in a list of a thousand once in 8,600 lists.
SHORT = 8
WIDE = 1000

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
CreatorOption = Annotated[
    str | None,
    typer.Option("--creator", "-c", help="Handle or id; by default the demo creator, or the only one."),
]


def console() -> "Console":
    """Standard output, with colours on a terminal only."""
    from rich.console import Console  # loaded only when used: programs ask for JSON

    made = Console(highlight=False, soft_wrap=True)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDE  # nobody looks at it: what reads it wants one line for each row
    return made


def short(id: str) -> str:
    """The end of an id, which is random, while its beginning is a time: enough to name it by, and fits a table."""
    return id[-SHORT:]


def ends(id: str, given: str) -> bool:
    """Whether `given` names this id: the whole of it, or so much of its end as a table shows."""
    return id == given or (len(given) >= SHORT and id.endswith(given))


def exit_code(error: UnderstudyError) -> int:
    """The exit status of an error, as `understudy --help` lists them."""
    by_kind: Mapping[type[UnderstudyError], int] = {
        InvalidInput: 2,
        NotFound: 3,
        Unauthorized: 4,
        Forbidden: 4,
        Unavailable: 5,
        Conflict: 1,
    }
    return next((code for kind, code in by_kind.items() if isinstance(error, kind)), 1)


def show_error(error: UnderstudyError, *, as_json: bool) -> None:
    """One line on standard error: code, what is wrong, what to do."""
    if as_json:
        problem = {"code": error.code, "detail": error.detail, "next_step": error.next_step}
        print(json.dumps(problem, ensure_ascii=False), file=sys.stderr)
        return
    print(f"understudy: {error.code}: {error}".replace("\n", " "), file=sys.stderr)


def show_json(value: object) -> None:
    """The value as one JSON document."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_json_line(value: object) -> None:
    """The value as one line of JSON, at once: the command goes on."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table; None is shown as a dash."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*("-" if cell is None else str(cell) for cell in row))
    console().print(table)


def clock(milliseconds: int | None) -> str:
    """A place in a recording as people write it: 4:07, 1:02:09."""
    if milliseconds is None:
        return "-"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

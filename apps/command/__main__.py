"""Entry of the command: parses the arguments, and turns errors into one line and an exit code."""

import sys

import typer

from apps.command import (
    asking,
    cataloguing,
    correcting,
    ingesting,
    maintaining,
    removing,
    serving,
    watching,
    working,
)
from apps.command.output import exit_code, show_error
from runtime.errors import InvalidInput, UnderstudyError

NAME = "understudy"
app = typer.Typer(
    name=NAME,
    help="Answers for a creator, with citations that open at the exact second.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 done, 1 failed or in conflict, 2 wrong input, 3 not found, 4 not allowed, 5 a part"
    " that is needed does not answer.",
)
app.command()(serving.up)
app.command()(serving.demo)
app.command()(asking.ask)
app.command()(asking.search)
app.add_typer(cataloguing.app, name="creators")
cataloguing.app.command("remove")(removing.remove_creator)
app.command()(ingesting.ingest)
app.add_typer(watching.sources, name="sources")
watching.sources.command("remove")(removing.remove_source)
app.add_typer(watching.feeds, name="feeds")
app.add_typer(correcting.corrections, name="corrections")
app.add_typer(working.jobs, name="jobs")
app.command()(working.worker)
app.command()(maintaining.reindex)
app.command()(maintaining.migrate)
app.command()(maintaining.doctor)


def main() -> None:
    """Run the command."""
    try:
        sys.exit(app(prog_name=NAME, standalone_mode=False))
    except UnderstudyError as error:
        problem = error
    except typer.TyperException as error:
        if len(sys.argv) == 1:
            print(error.format_message(), file=sys.stderr)  # the help
            sys.exit(2)
        problem = _misused(error)
    except typer.Abort:
        problem = UnderstudyError("aborted", "Nothing was done.")
    show_error(problem, as_json="--json" in sys.argv)
    sys.exit(exit_code(problem))


def _misused(error: typer.TyperException) -> InvalidInput:
    """What the arguments lack, and where it stands what they may be."""
    context: typer.Context | None = getattr(error, "ctx", None)
    command = NAME if context is None else context.command_path
    detail = error.format_message().rstrip(".") + "."
    return InvalidInput("usage_invalid", detail, next_step=f"See {command} --help.")


if __name__ == "__main__":
    main()

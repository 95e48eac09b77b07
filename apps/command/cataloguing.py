"""`creators`: list and add."""

from typing import Annotated, Any

import typer

from apps.command.client import gateway_client
from apps.command.output import AsJson, console, show_json, show_table
from runtime.settings import load_settings

app = typer.Typer(help="List the creators, or add one.", invoke_without_command=True)


@app.callback()
def list_creators(context: typer.Context, as_json: AsJson = False) -> None:
    """List the creators."""
    if context.invoked_subcommand is not None:
        return
    with gateway_client(load_settings()) as gateway:
        found = gateway.get("/api/v1/creators")
    if as_json:
        show_json(found)
        return
    show_table(
        ("handle", "name", "languages", "visibility"),
        [(c["handle"], c["name"], ", ".join(c["languages"]), c["visibility"]) for c in found["creators"]],
    )


@app.command("add")
def add_creator(
    handle: Annotated[str, typer.Argument(help="Short name in addresses: a-z, 0-9 and hyphens.")],
    name: Annotated[str, typer.Option(help="Name as fans know it.")],
    voice: Annotated[
        list[str] | None, typer.Option(help="Name of a speaker who is the creator; may be repeated.")
    ] = None,
    language: Annotated[list[str] | None, typer.Option(help="Language code, the main one first.")] = None,
    greeting: Annotated[str, typer.Option(help="First words on the creator's page.")] = "",
    visibility: Annotated[str, typer.Option(help="public, members or private.")] = "public",
    as_json: AsJson = False,
) -> None:
    """Add a creator."""
    body: dict[str, Any] = {
        "handle": handle,
        "name": name,
        "persona": {"greeting": greeting, "voices": voice or []},
        "languages": language or ["en"],
        "visibility": visibility,
    }
    with gateway_client(load_settings()) as gateway:
        created = gateway.post("/api/v1/creators", body)
    if as_json:
        show_json(created)
    else:
        console().print(f"Added {created['name']} as {created['handle']}.", markup=False)

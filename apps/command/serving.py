"""`up` and `demo`: everything in one command."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.command.asking import show_answer
from apps.command.client import DEMO, GatewayClient, Json, gateway_client
from apps.command.ingesting import finish, submit_folder
from apps.command.output import AsJson, console, show_json, show_json_line
from runtime.errors import Conflict, InvalidInput
from runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from apps.supervisor.embedded import Running
    from apps.supervisor.supervising import State

PortOption = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port of the gateway.")]


def up(
    port: PortOption = None,
    with_demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Seed the demo creator.")] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when all is ready.")
    ] = False,
) -> None:
    """Start everything here, seed the demo creator, print one cited answer, and keep serving."""
    settings = _settings(port)

    async def serve(running: "Running") -> None:
        url, answer = running.state.gateway_url, None
        if with_demo:
            answer = await asyncio.to_thread(_demonstrate, settings, quiet=as_json)
        if as_json:
            show_json_line({"url": url, "pid": running.state.pid, "answer": answer})
        else:
            if answer is not None:
                show_answer(answer)
            console().print(f"\nUnderstudy serves at {url}   (Ctrl-C stops it)")
        await asyncio.Event().wait()

    _run(settings, serve, quiet=as_json)


def demo(port: PortOption = None, as_json: AsJson = False) -> None:
    """Start everything here, ask the demo creator one question, and stop again."""
    settings = _settings(port)

    async def ask_once(_: "Running") -> Json:
        return await asyncio.to_thread(_demonstrate, settings, quiet=as_json)

    answer = _run(settings, ask_once, quiet=as_json)
    if answer is None:
        raise typer.Exit(130)
    if as_json:
        show_json(answer)
    else:
        show_answer(answer)


def _settings(port: int | None) -> Settings:
    settings = load_settings()
    if settings.client.url is not None:
        raise InvalidInput(
            "client_url_set",
            "UNDERSTUDY_CLIENT__URL names another installation.",
            next_step="Unset it to start one here.",
        )
    if port is None:
        return settings
    return settings.model_copy(update={"gateway": settings.gateway.model_copy(update={"port": port})})


def _run(settings: Settings, use: "Callable[[Running], Awaitable[Any]]", *, quiet: bool) -> Any:
    from apps.supervisor.embedded import run_embedded
    from runtime.migrations import migrate
    from runtime.telemetry import configure_logging

    configure_logging(settings.log.model_copy(update={"level": "error"}), process="supervisor")
    out = console()
    aside = [
        name for name in ("database", "redis", "broker") if "url" in getattr(settings, name).model_fields_set
    ]
    if aside and not quiet:
        out.print(f"Set, but left aside: {', '.join(aside)}. This starts servers of its own.", style="dim")

    def on_change(name: str, state: "State", detail: str) -> None:
        if not quiet:
            out.print(f"{name:<10}{state}" + (f": {detail}" if detail else ""), markup=False, style="dim")

    return asyncio.run(
        run_embedded(settings, environ=os.environ, migrate=migrate, on_change=on_change, use=use)
    )


def _demonstrate(settings: Settings, *, quiet: bool) -> Json:
    """Have the demo creator there, with all of its library, and ask its question."""
    profile: Json = json.loads((DEMO / "creator.json").read_text(encoding="utf-8"))
    question = profile.pop("demo_question")
    with gateway_client(settings) as gateway:
        _ensure_creator(gateway, profile)
        items = finish(
            gateway, submit_folder(gateway, profile["handle"], DEMO / "library", quiet=quiet), quiet=quiet
        )
        failed = [item for item in items if item.state == "failed"]
        if failed:
            raise Conflict("demo_incomplete", f"{failed[0].name}: {failed[0].code}: {failed[0].detail}")
        if not quiet:
            console().print(f"\n{profile['name']} is asked: {question}\n", markup=False)
        return gateway.post("/api/v1/chat", {"message": question, "creator_id": profile["handle"]})


def _ensure_creator(gateway: GatewayClient, profile: Json) -> None:
    try:
        gateway.post("/api/v1/creators", profile)
    except Conflict as error:
        if error.code != "creator_exists":
            raise

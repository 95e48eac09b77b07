"""`ingest`."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.command.client import GatewayClient, gateway_client
from apps.command.output import AsJson, CreatorOption, console, show_json
from runtime.errors import UnderstudyError
from runtime.settings import load_settings

if TYPE_CHECKING:
    from rich.progress import Progress

    from ingestion import Bundle, Problem

ENDED = {"succeeded", "failed", "cancelled"}
POLL_S = 0.4


@dataclass(slots=True)
class Item:
    """What became of one item of the folder."""

    name: str
    state: str
    source_id: str | None = None
    job_id: str | None = None
    code: str | None = None
    detail: str | None = None
    next_step: str | None = None

    def fail(self, code: str | None, detail: str | None, next_step: str | None) -> None:
        self.state, self.code, self.detail, self.next_step = "failed", code, detail, next_step


def ingest(
    path: Annotated[Path, typer.Argument(help="A folder as yt-dlp writes it, or a Markdown or text file.")],
    creator: CreatorOption = None,
    wait: Annotated[bool, typer.Option(help="Wait until everything can be asked about.")] = True,
    as_json: AsJson = False,
) -> None:
    """Add what is in a folder, or a single file, to a creator's library."""
    with gateway_client(load_settings()) as gateway:
        handle = creator or gateway.default_creator()
        items = submit_folder(gateway, handle, path, quiet=as_json)
        if wait:
            finish(gateway, items, quiet=as_json)
    counts = Counter(item.state for item in items)
    if as_json:
        show_json({"creator": handle, "counts": counts, "items": [_as_json(item) for item in items]})
    else:
        console().print(
            ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "Nothing found."
        )
        for item in items:
            if item.state == "failed":
                console().print(
                    f"  {item.name}: {item.code}: {item.detail} {item.next_step or ''}", markup=False
                )
    if counts["failed"]:
        raise typer.Exit(1)


def _progress(*, hidden: bool) -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console(), disable=hidden or not console().is_terminal)


def submit_folder(gateway: GatewayClient, creator: str, path: Path, *, quiet: bool) -> list[Item]:
    """Send every item of a folder; a problem with one of them does not stop the others."""
    from ingestion import discover_folder

    found = list(discover_folder(path))
    items: list[Item] = []
    with _progress(hidden=quiet) as bar:
        task = bar.add_task("sending", total=len(found))
        for one in found:
            items.append(_submit(gateway, creator, one))
            bar.advance(task)
    return items


def _submit(gateway: GatewayClient, handle: str, found: "Bundle | Problem") -> Item:
    from ingestion import Problem

    item = Item(found.name, "queued")
    if isinstance(found, Problem):
        item.fail(found.error.code, found.error.detail, found.error.next_step)
        return item
    try:
        files = [(file.name, file.read()) for file in found.files]
        answer = gateway.upload(f"/api/v1/creators/{handle}/sources", files)
    except UnderstudyError as error:
        if error.transient:
            raise
        item.fail(error.code, error.detail, error.next_step)
        return item
    item.source_id, item.job_id = answer["source_id"], answer["job_id"]
    if item.job_id is None:
        item.state = "unchanged"
    return item


def finish(gateway: GatewayClient, items: list[Item], *, quiet: bool) -> list[Item]:
    """Wait until the job of every item has ended, and note how."""
    waiting = [item for item in items if item.job_id is not None]
    with _progress(hidden=quiet) as bar:
        task = bar.add_task("ingesting", total=len(waiting))
        for item in waiting:
            while (job := gateway.get(f"/api/v1/jobs/{item.job_id}"))["state"] not in ENDED:
                bar.update(task, description=f"{job['stage'] or job['state']} {item.name}"[:48])
                time.sleep(POLL_S)
            if job["state"] == "succeeded":
                item.state = "ready"
            else:
                item.fail(job["error_code"] or job["state"], job["error_detail"], job["next_step"])
            bar.advance(task)
    return items


def _as_json(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in Item.__slots__}

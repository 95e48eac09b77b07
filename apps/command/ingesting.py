"""`ingest`."""

import os
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps.command.client import GatewayClient, Json, gateway_client
from apps.command.output import AsJson, CreatorOption, console, show_json
from apps.command.sending import is_large, send_at_once, send_in_pieces
from runtime.errors import InvalidInput, NotFound, UnderstudyError
from runtime.settings import load_settings

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ingestion import Bundle, Problem

ARCHIVE = "ingestion.archive"
ASSEMBLY = "ingestion.assembly"
ENDED = {"succeeded", "failed", "cancelled"}
POLL_S = 0.4
# What is tried again within minutes is waited for: the pauses of jobs are no longer than five.
LONGEST_WAIT_S = 600


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
    feed_id: str | None = None

    def fail(self, code: str | None, detail: str | None, next_step: str | None) -> None:
        self.state, self.code, self.detail, self.next_step = "failed", code, detail, next_step

    def put_off(self, job: Json) -> None:
        """It waits for hours: nobody is to wait with it."""
        until = f"Nothing to do: it is asked for again by itself after {job['run_at'][:16].replace('T', ' ')} UTC."
        self.state, self.code, self.detail = "waiting", job["error_code"], job["error_detail"]
        self.next_step = until

    def follow(self, moved: Json) -> None:
        """The address led on to another one."""
        self.name, self.source_id, self.feed_id = moved["url"], moved["source_id"], moved["feed_id"]
        self.job_id = moved["job_id"]


def ingest(
    what: Annotated[
        str,
        typer.Argument(
            help="A folder as yt-dlp writes it, captions, a recording, a document (PDF, office, web, mail, text, image),"
            " an archive of these, a URL, an @handle or a video's id."
        ),
    ],
    creator: CreatorOption = None,
    wait: Annotated[bool, typer.Option(help="Wait until everything can be asked about.")] = True,
    media: Annotated[
        bool | None,
        typer.Option(
            help="Have recordings without captions listened to (extra `speech`). Unless said, so it is for a single file,"
            " and for a folder if UNDERSTUDY_SPEECH__MODEL is set."
        ),
    ] = None,
    watch: Annotated[
        bool | None, typer.Option(help="Look through a channel, playlist or feed again and again.")
    ] = None,
    access: Annotated[str | None, typer.Option(help="Of an address: public, members or private.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a folder, a file, or whatever has an address to a creator's library."""
    settings = load_settings()
    with gateway_client(settings) as gateway:
        handle = gateway.known_creator(creator)
        if is_path(what):
            path = Path(what)
            listen = (path.is_file() or settings.speech.model is not None) if media is None else media
            items = submit_folder(gateway, handle, path, quiet=as_json, listen=listen)
            if wait:
                finish(gateway, items, quiet=as_json)
        else:
            items = take_in_address(
                gateway, handle, what, watch=watch, access=access, wait=wait, quiet=as_json
            )
    _show(handle, items, as_json=as_json)
    if any(item.state == "failed" for item in items):
        raise typer.Exit(1)


def _show(handle: str, items: list[Item], *, as_json: bool) -> None:
    counts = Counter(item.state for item in items)
    if as_json:
        show_json({"creator": handle, "counts": counts, "items": [_as_json(item) for item in items]})
        return
    console().print(
        ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "Nothing found."
    )
    for item in items:
        if item.code:
            told = " ".join(filter(None, (f"{item.name}: {item.code}:", item.detail, item.next_step)))
            console().print(f"  {told}", markup=False)


def is_path(what: str) -> bool:
    """Whether something on this machine has that name."""
    try:
        return os.path.lexists(what)
    except ValueError:
        return False


def take_in_address(
    gateway: GatewayClient,
    creator: str,
    what: str,
    *,
    watch: bool | None,
    access: str | None,
    wait: bool,
    quiet: bool,
) -> list[Item]:
    """Have the gateway take an address in; with `wait`, until it and all that it lists can be asked about."""
    options = {"watch": watch, "access": access}
    body = {"url": what} | {name: value for name, value in options.items() if value is not None}
    try:
        answer = gateway.post(f"/api/v1/creators/{creator}/sources", body)
    except InvalidInput as error:
        if error.code != "address_unknown" or "://" in what:
            raise
        raise InvalidInput(
            "folder_missing",
            f"There is no folder or file {what}, and it is no address that is understood.",
            next_step=f"Check the path. {error.next_step}",
        ) from error
    item = Item(what, "queued", answer["source_id"], answer["job_id"], feed_id=answer["feed_id"])
    if not wait:
        return [item]
    finish(gateway, [item], quiet=quiet)
    if item.feed_id is None or item.state in {"failed", "waiting"}:
        return [item]
    return finish_feed(gateway, creator, item.feed_id, quiet=quiet)


def finish_feed(gateway: GatewayClient, creator: str, feed: str, *, quiet: bool) -> list[Item]:
    """Wait until nothing of a feed is being worked on; its items as they are then."""
    with _progress(hidden=quiet) as bar:
        task = bar.add_task("ingesting", total=None)
        while (counts := _counts(gateway, creator, feed))["working"]:
            bar.update(task, total=counts["total"], completed=counts["total"] - counts["working"])
            time.sleep(POLL_S)
        bar.update(task, total=counts["total"], completed=counts["total"])
    items: list[Item] = []
    for source in all_sources(gateway, creator, feed=feed):
        item = Item(source["title"], source["state"], source["id"])
        item.code, item.next_step = source["withdrawn_reason"] or source["error_code"], source["next_step"]
        if item.state == "pending" and source["next_step"]:
            item.state, item.code = "waiting", "waiting"
        items.append(item)
    return items


def _counts(gateway: GatewayClient, creator: str, feed: str) -> dict[str, int]:
    found = gateway.get(f"/api/v1/creators/{creator}/feeds")["feeds"]
    counts = next((one["items"] for one in found if one["id"] == feed), None)
    if counts is None:
        raise NotFound("feed_not_found", "The feed was removed meanwhile.", next_step="Submit it again.")
    return counts


def all_sources(gateway: GatewayClient, creator: str, **filters: str) -> list[dict[str, Any]]:
    """A creator's library, page by page."""
    sources: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = gateway.get(f"/api/v1/creators/{creator}/sources", limit=1000, **filters, **cursor)
        sources += page["sources"]
        if page["next_cursor"] is None:
            return sources
        cursor = {"cursor": page["next_cursor"]}


def _progress(*, hidden: bool) -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console(), disable=hidden or not console().is_terminal)


def submit_folder(
    gateway: GatewayClient, creator: str, path: Path, *, quiet: bool, listen: bool = False
) -> list[Item]:
    """Send every item of a folder; a problem with one of them does not stop the others.

    Only with `listen` are recordings sent that have no captions.
    """
    from ingestion import discover_folder

    found = list(discover_folder(path, lone_captions=True))
    if not found:
        raise InvalidInput(
            "folder_empty",
            f"There is nothing in {path} that can be added.",
            next_step="Name a folder that holds captions, recordings, documents or archives.",
        )
    items: list[Item] = []
    with _progress(hidden=quiet) as bar:
        task = bar.add_task("sending", total=len(found))
        for one in found:
            items.append(_submit(gateway, creator, one if listen else _unheard(one), bar))
            bar.advance(task)
    return items


def _submit(gateway: GatewayClient, handle: str, found: "Bundle | Problem", bar: "Progress") -> Item:
    from ingestion import Problem

    item = Item(found.name, "queued")
    if isinstance(found, Problem):
        item.fail(found.error.code, found.error.detail, found.error.next_step)
        return item
    try:
        if is_large(found.files):
            item.job_id = _send_large(gateway, handle, found, bar)
            return item
        answer = send_at_once(gateway, handle, found.files)
    except UnderstudyError as error:
        if error.transient:
            raise
        item.fail(error.code, error.detail, error.next_step)
        return item
    item.source_id, item.job_id = answer["source_id"], answer["job_id"]
    if item.job_id is None:
        item.state = "unchanged"
    return item


def _send_large(gateway: GatewayClient, handle: str, bundle: "Bundle", bar: "Progress") -> str:
    task = bar.add_task(f"{bundle.name} (MiB)"[-48:], total=None)

    def sent(done: int, total: int) -> None:
        bar.update(task, completed=done >> 20, total=total >> 20)

    try:
        return send_in_pieces(gateway, handle, bundle.files, sent)
    finally:
        bar.remove_task(task)


def _unheard(found: "Bundle | Problem") -> "Bundle | Problem":
    """The item, unless it would have to be listened to."""
    from ingestion import Problem
    from ingestion.bundles import captions_missing

    if isinstance(found, Problem) or found.media is None:
        return found
    return Problem(found.files[0].name, captions_missing(found.files[0].name))


def finish(gateway: GatewayClient, items: list[Item], *, quiet: bool) -> list[Item]:
    """Wait until the job of every item has ended, and note how. In the place of an archive come the items it held."""
    waiting = [item for item in items if item.job_id is not None]
    ended: dict[int, list[Item]] = {}
    with _progress(hidden=quiet) as bar:
        task = bar.add_task("ingesting", total=len(waiting))
        for item in waiting:
            job = _ended(gateway, item, bar, task)
            if job["state"] == "queued":
                item.put_off(job)
            elif job["state"] == "succeeded" and job["kind"] == ARCHIVE:
                ended[id(item)] = held = _held(item, job["result"])
                more = [one for one in held if one.job_id is not None]
                waiting += more
                bar.update(task, total=len(waiting))
            elif job["state"] == "succeeded" and job["kind"] == ASSEMBLY:
                made: Json = job["result"]
                item.source_id, item.job_id = made["source_id"], made["job_id"]
                item.state = "queued" if item.job_id else "unchanged"
                if item.job_id:
                    waiting.append(item)
                    bar.update(task, total=len(waiting))
            elif job["state"] == "succeeded":
                result: Json = job["result"] or {}
                item.state = "unchanged" if result.get("unchanged") else "ready"
            else:
                item.fail(job["error_code"] or job["state"], job["error_detail"], job["next_step"])
            bar.advance(task)
    items[:] = [one for item in items for one in ended.get(id(item), [item])]
    return items


def _ended(gateway: GatewayClient, item: Item, bar: "Progress", task: "TaskID") -> Json:
    """The job of an item when it has ended, or waits for longer than anybody does; where an address leads on, the last one."""
    while (job := gateway.get(f"/api/v1/jobs/{item.job_id}"))["state"] not in ENDED:
        if job["state"] == "queued" and job["error_code"] and until_s(job["run_at"]) > LONGEST_WAIT_S:
            return job
        bar.update(task, description=f"{job['stage'] or job['state']} {item.name}"[:48])
        time.sleep(POLL_S)
    result: Json = job["result"] or {}
    if moved := result.get("moved_to"):
        item.follow(moved)
        return _ended(gateway, item, bar, task)
    return job


def until_s(moment: str) -> float:
    """Seconds until a moment as the API tells it; negative when it has passed."""
    return (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()


def _held(archive: Item, result: dict[str, Any]) -> list[Item]:
    """The items of an archive whose job has ended."""
    items = [
        Item(
            f"{archive.name}/{one['name']}",
            "queued" if one["job_id"] else "unchanged",
            one["source_id"],
            one["job_id"],
        )
        for one in result["items"]
    ]
    for problem in result["problems"]:
        item = Item(f"{archive.name}/{problem['name']}", "failed")
        item.fail(problem["code"], problem["detail"], problem["next_step"])
        items.append(item)
    if left_out := result["problems_left_out"]:
        item = Item(archive.name, "failed")
        item.fail(
            "more_problems",
            f"{left_out} more items could not be taken.",
            "Correct those above, and send it again.",
        )
        items.append(item)
    return items


def _as_json(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in Item.__slots__}

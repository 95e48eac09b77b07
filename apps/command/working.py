"""`jobs` and `worker`: background work, looked at, steered and done."""

import os
import re
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import quote
from uuid import UUID

import typer

from apps.command.client import GatewayClient, Json, gateway_client
from apps.command.ingesting import until_s
from apps.command.maintaining import beside_the_running
from apps.command.output import AsJson, console, short, show_json, show_json_line, show_table
from apps.supervisor.ports import LOOPBACK, is_free, next_free
from apps.supervisor.processes import FRUGAL
from runtime.errors import InvalidInput, NotFound
from runtime.settings import ROOT, Settings, load_settings

if TYPE_CHECKING:
    from rich.table import Table

JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="Id of a job, whole or as the tables show it.")
]
Chosen = Annotated[str | None, typer.Option("--creator", "-c", help="Only those of a creator.")]
EVERY_S = 1.0
HEX = re.compile("[0-9a-f-]{4,36}")
# Before a queue's name reaches Celery, where a comma or a space would mean something else.
NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")

jobs = typer.Typer(help="List jobs, watch them, and steer them.", invoke_without_command=True)


@jobs.callback()
def list_jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    state: Annotated[
        str | None, typer.Option(help="queued, running, succeeded, failed or cancelled.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="Only those that ended with this code.")] = None,
    creator: Chosen = None,
    as_json: AsJson = False,
) -> None:
    """List the latest jobs."""
    if context.invoked_subcommand is not None:
        return
    with gateway_client(load_settings()) as gateway:
        found = _latest(gateway, limit=limit, state=state, code=code, creator=creator)
    if as_json:
        show_json(found)
    else:
        console().print(_table(found["jobs"]))


@jobs.command("show")
def show_job(job: JobArgument, as_json: AsJson = False) -> None:
    """Show one job."""
    with gateway_client(load_settings()) as gateway:
        _show(gateway.get(_path(gateway, job)), as_json=as_json)


@jobs.command("cancel")
def cancel_job(job: JobArgument, as_json: AsJson = False) -> None:
    """Cancel a job: at once while it waits, at its next step while it runs."""
    with gateway_client(load_settings()) as gateway:
        _show(gateway.post(f"{_path(gateway, job)}/cancel", {}), as_json=as_json)


@jobs.command("retry")
def retry_job(job: JobArgument, as_json: AsJson = False) -> None:
    """Try a failed or cancelled job again."""
    with gateway_client(load_settings()) as gateway:
        _show(gateway.post(f"{_path(gateway, job)}/retry", {}), as_json=as_json)


@jobs.command("prioritise")
def prioritise_job(
    job: JobArgument,
    priority: Annotated[int, typer.Argument(min=-100, max=100, help="More is sooner; 0 is usual.")],
    as_json: AsJson = False,
) -> None:
    """Put a job before the others of its creator."""
    with gateway_client(load_settings()) as gateway:
        _show(gateway.patch(_path(gateway, job), {"priority": priority}), as_json=as_json)


@jobs.command("pause")
def pause(
    creator: Chosen = None,
    queue: Annotated[str | None, typer.Option("--queue", help="A queue: parse, embed or speech.")] = None,
    as_json: AsJson = False,
) -> None:
    """Begin nothing new of a creator or a queue."""
    _pause("pause", creator, queue, as_json=as_json)


@jobs.command("resume")
def resume(
    creator: Chosen = None,
    queue: Annotated[str | None, typer.Option("--queue", help="A queue: parse, embed or speech.")] = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a creator or a queue."""
    _pause("resume", creator, queue, as_json=as_json)


@jobs.command("queues")
def list_queues(as_json: AsJson = False) -> None:
    """List the queues that have work, or are paused."""
    with gateway_client(load_settings()) as gateway:
        found = gateway.get("/api/v1/queues")
    if as_json:
        show_json(found)
    else:
        show_table(("queue", "waiting", "running", "paused"), [tuple(q.values()) for q in found["queues"]])


@jobs.command("watch")
def watch(
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    creator: Chosen = None,
    until_done: Annotated[bool, typer.Option(help="End when nothing waits or runs any more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON at each look.")] = False,
) -> None:
    """Show a live table of what runs, what waits, and what has ended last; Ctrl-C ends it."""
    from rich.live import Live

    shown = nullcontext() if as_json else Live(console=console(), auto_refresh=False)
    with gateway_client(load_settings()) as gateway, shown as live:
        while True:
            found = _at_work(gateway, limit=limit, creator=creator)
            if live is None:
                show_json_line({"jobs": found})
            else:
                live.update(_table(found), refresh=True)
            if until_done and all(job["finished_at"] for job in found):
                return
            time.sleep(EVERY_S)


def worker(
    queues: Annotated[str, typer.Option(help="What to work on, with commas.")] = "parse,embed,speech",
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Jobs of a queue at once; by default as the settings say."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Be one more worker, beside those that run; Ctrl-C ends it, and its jobs are given back."""
    names = queues.split(",")
    if not all(name and NAME.issuperset(name) for name in names):
        raise InvalidInput(
            "queue_invalid", f"{queues!r} names no queues.", next_step="Give names with commas: parse,embed."
        )
    settings = beside_the_running(load_settings())
    words = ["--queues", queues, *(["--concurrency", str(concurrency)] if concurrency else [])]
    environ = _environ(settings)
    if as_json:
        port = int(environ["UNDERSTUDY_METRICS__WORKER_PORT"])
        show_json_line({"pid": os.getpid(), "queues": names, "metrics_port": port or None})
    # The process becomes the worker, so that whoever started it can stop it.
    os.chdir(ROOT)
    os.execve(  # noqa: S606 - no shell is the point
        sys.executable, [sys.executable, "-m", "apps.worker", *words], environ
    )


def _environ(settings: Settings) -> dict[str, str]:
    """What the worker is told by name: the servers that run, and a port and a folder for metrics of its own."""
    port = settings.metrics.worker_port
    if port and not is_free(LOOPBACK, port):
        port = next_free(LOOPBACK, port)
    metrics = settings.var.resolve() / "run" / f"worker-metrics-{os.getpid()}"
    metrics.mkdir(parents=True, exist_ok=True)
    for stale in metrics.iterdir():
        stale.unlink()
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        **FRUGAL,
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "UNDERSTUDY_VAR": str(settings.var.resolve()),
        "UNDERSTUDY_METRICS__WORKER_PORT": str(port),
        "UNDERSTUDY_DATABASE__URL": settings.database.url.get_secret_value(),
        "UNDERSTUDY_REDIS__URL": settings.redis.url.get_secret_value(),
        "UNDERSTUDY_BROKER__URL": settings.broker.url.get_secret_value(),
    }


def _pause(word: str, creator: str | None, queue: str | None, *, as_json: bool) -> None:
    if (creator is None) == (queue is None):
        raise InvalidInput(
            "pause_unclear",
            "Name either a creator or a queue.",
            next_step="Give --creator HANDLE or --queue NAME.",
        )
    with gateway_client(load_settings()) as gateway:
        if queue is None:
            path = f"/api/v1/creators/{gateway.creator(creator)}/ingestion"
        else:
            path = f"/api/v1/queues/{quote(queue, safe='')}"
        _show(gateway.post(f"{path}/{word}", {}), as_json=as_json)


def _latest(gateway: GatewayClient, **chosen: str | int | None) -> Json:
    return gateway.get("/api/v1/jobs", **{name: value for name, value in chosen.items() if value is not None})


def _at_work(gateway: GatewayClient, *, limit: int, creator: str | None) -> list[Json]:
    """What runs, then what waits in the order in which it is taken, then what has ended last."""
    found: list[Json] = []
    for state in ("running", "queued"):
        some = _latest(gateway, limit=200, state=state, creator=creator)["jobs"]
        found += sorted(some, key=lambda job: (job["position"] or 10**9, job["created_at"]))
    latest = _latest(gateway, limit=limit, creator=creator)["jobs"]
    return [*found, *(job for job in latest if job["finished_at"])][:limit]


def _table(found: list[Json]) -> "Table":
    """One line a job, on a terminal of 80 columns too."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "kind", "queue", "state", "done"):
        table.add_column(column, no_wrap=True)
    table.add_column("now, or why not", overflow="fold")
    for job in found:
        table.add_row(*_cells(job))
    return table


def _cells(job: Json) -> tuple[str, ...]:
    state = "waiting" if _is_later(job) else job["state"]
    state = "cancelling" if job["cancel_asked"] else "paused" if job["paused"] else state
    percent = job["percent"]
    return (
        short(job["id"]),
        job["kind"].rpartition(".")[2],
        job["queue"],
        state,
        "" if percent is None else f"{percent}%",
        _outlook(job),
    )


def _is_later(job: Json) -> bool:
    """Whether it waits for a moment, and not for its turn."""
    return job["state"] == "queued" and until_s(job["run_at"]) > 0


def _outlook(job: Json) -> str:
    """What a running job does, where a waiting one stands, and what kept one from its end."""
    if job["state"] == "running":
        now = job["stage"]
    else:
        now = job["error_code"] or (f"place {job['position']}" if job["position"] else "")
    when = _left(job["run_at"], "goes on") if _is_later(job) else _left(job["expected_end_at"], "ends")
    return ", ".join(filter(None, (now, when)))


def _left(moment: str | None, word: str) -> str:
    """How long until then, as people say it."""
    if moment is None:
        return ""
    seconds = max(0, int(until_s(moment)))
    if seconds >= 7200:
        return f"{word} in {round(seconds / 3600)} h"
    return f"{word} in {seconds} s" if seconds < 100 else f"{word} in {round(seconds / 60)} min"


def _path(gateway: GatewayClient, job: str) -> str:
    """Where the job is that is named by its id or the end of it."""
    if len(job) < len(str(UUID(int=0))):
        found: list[Json] = _latest(gateway, ending=job, limit=2)["jobs"] if HEX.fullmatch(job) else []
        if len(found) != 1:
            raise NotFound(
                "job_not_found" if not found else "job_unclear",
                f"The ids of {'several jobs end' if found else 'no job ends'} with {job[:100]!r}.",
                next_step="List them with ./understudy jobs; with --json they have their whole ids.",
            )
        job = found[0]["id"]
    return f"/api/v1/jobs/{quote(job, safe='')}"


def _show(found: Json, *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        result: Json | None = found.get("result")
        told = found if result is None else {**found, "result": _told(result)}
        show_table(("field", "value"), list(told.items()))


def _told(result: Json) -> str:
    """What came of a job, of long lists only how long they are."""
    return ", ".join(
        f"{len(cast('list[Any]', value))} {name}" if isinstance(value, list) else f"{name} {value}"
        for name, value in result.items()
    )

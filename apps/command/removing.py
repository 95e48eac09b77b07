"""`sources remove` and `creators remove`: for good, with a receipt."""

import time
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import typer

from apps.command.client import GatewayClient, gateway_client
from apps.command.ingesting import all_sources
from apps.command.output import AsJson, console, ends, show_json, show_table
from runtime.errors import InvalidInput, NotFound, UnderstudyError
from runtime.settings import load_settings

POLL_S = 0.5
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the receipt.")]


def remove_source(
    source: Annotated[
        str, typer.Argument(help="Id of the source, whole or as ./understudy sources shows it.")
    ],
    creator: Annotated[
        str | None, typer.Option(help="Handle or id; by default the demo creator, or the only one.")
    ] = None,
    yes: Yes = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Remove a source for good: transcript, passages, index entries and files."""
    _confirm(f"Remove source {source} for good?", yes=yes, as_json=as_json)
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        whole = quote(_whole_id(gateway, handle, source), safe="")
        asked = gateway.delete(f"/api/v1/creators/{handle}/sources/{whole}")
        _show(gateway, asked["job_id"], wait=wait, as_json=as_json)


def remove_creator(
    handle: Annotated[str, typer.Argument(help="Handle or id of the creator.")],
    yes: Yes = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Remove a creator for good, with the whole library."""
    _confirm(f"Remove {handle} with the whole library for good?", yes=yes, as_json=as_json)
    with gateway_client(load_settings()) as gateway:
        asked = gateway.delete(f"/api/v1/creators/{gateway.creator(handle)}")
        _show(gateway, asked["job_id"], wait=wait, as_json=as_json)


def _whole_id(gateway: GatewayClient, creator: str, source: str) -> str:
    if len(source) == len(str(UUID(int=0))):
        return source
    found = [one["id"] for one in all_sources(gateway, creator) if ends(one["id"], source)]
    if len(found) != 1:
        raise NotFound(
            "source_not_found" if not found else "source_unclear",
            f"{creator} has {len(found) or 'no'} sources {source[:100]!r}.",
            next_step="List them with ./understudy sources; with --json they have their whole ids.",
        )
    return found[0]


def _confirm(question: str, *, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not console().is_terminal:
        raise InvalidInput("not_confirmed", "This cannot be undone.", next_step="Say so with --yes.")
    typer.confirm(question, abort=True)


def _show(gateway: GatewayClient, job_id: str, *, wait: bool, as_json: bool) -> None:
    job: dict[str, Any] = {"id": job_id, "state": "queued"}
    while wait and job["state"] in {"queued", "running"}:
        job = gateway.get(f"/api/v1/jobs/{job_id}")
        if job["state"] in {"queued", "running"}:
            time.sleep(POLL_S)
    if job["state"] in {"failed", "cancelled"}:
        raise UnderstudyError(
            job["error_code"] or "removal_cancelled",
            job["error_detail"] or "The removal was cancelled.",
            next_step="It answers nobody any more; ask for the removal again to have the rest removed.",
        )
    if as_json:
        show_json({"job_id": job_id, "receipt": job.get("result")})
    elif job["state"] == "succeeded":
        show_table(("removed", "how many"), [(kind, str(n)) for kind, n in job["result"]["removed"].items()])
    else:
        console().print(f"It answers nobody any more; job {job_id} removes what there is.", markup=False)

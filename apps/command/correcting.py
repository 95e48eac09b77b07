"""`corrections`: what a transcript heard wrongly, put right."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from apps.command.client import GatewayClient, Json, gateway_client
from apps.command.correction_files import COLUMNS, Line, as_csv, read_file, row_of
from apps.command.correction_places import (
    SHOWN_KEY,
    address_of,
    all_corrections,
    all_segments,
    find_source,
)
from apps.command.ingesting import all_sources
from apps.command.output import AsJson, CreatorOption, clock, console, show_json, show_table
from runtime.errors import UnderstudyError
from runtime.settings import load_settings

corrections = typer.Typer(
    help="List the corrections of transcripts, or correct them.", invoke_without_command=True
)

POLL_S: Final = 0.5
# Requests are kept below what the gateway takes.
_MOST_BYTES: Final = 150_000
_MOST_LINES: Final = 500

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="Id or external id of the source.")]
PlaceArgument = Annotated[
    str, typer.Argument(metavar="PLACE", help="When it is said, as 1:07, or its key, as `show` has them.")
]
Only = Annotated[str | None, typer.Option("--source", help="Only in this source: id or external id.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until answers say it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


@corrections.callback()
def list_corrections(
    context: typer.Context, creator: CreatorOption = None, source: Only = None, as_json: AsJson = False
) -> None:
    """List the corrections, also those whose original is gone."""
    if context.invoked_subcommand is not None:
        return
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        found = all_corrections(gateway, handle, source)
    if as_json:
        show_json({"creator": handle, "corrections": found})
        return
    show_table(
        ("source", "key", "state", "time", "original", "corrected"),
        [
            (
                one["external_id"],
                one["key"][:SHOWN_KEY],
                one["state"],
                clock(one["start_ms"]),
                one["original"],
                one["text"],
            )
            for one in found
        ],
    )


@corrections.command("show")
def show_source(
    source: SourceArgument,
    creator: CreatorOption = None,
    corrected: Annotated[bool, typer.Option("--corrected", help="Only what is corrected.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a source says, piece by piece."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        found = all_segments(gateway, handle, find_source(gateway, handle, source)["id"], corrected=corrected)
    if as_json:
        show_json({"creator": handle, "segments": found})
        return
    show_table(
        ("key", "place", "speaker", "state", "text"),
        [
            (
                one["key"][:SHOWN_KEY],
                _place(one),
                one["speaker"],
                one["state"],
                one["correction"] or one["text"],
            )
            for one in found
        ],
    )


@corrections.command("set")
def set_correction(
    source: SourceArgument,
    place: PlaceArgument,
    text: Annotated[str, typer.Argument(help="What was said.")],
    creator: CreatorOption = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Correct a piece of a source, and all of it that says the same."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        outcome = gateway.put(address_of(gateway, handle, source, place), {"text": text})
        _finish(gateway, handle, outcome, wait=wait, as_json=as_json)


@corrections.command("remove")
def remove_correction(
    source: SourceArgument,
    place: PlaceArgument,
    creator: CreatorOption = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Take a correction back: the source says again what it said itself."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        outcome = gateway.delete(address_of(gateway, handle, source, place))
        _finish(gateway, handle, outcome, wait=wait, as_json=as_json)


@corrections.command("replace")
def replace_words(
    find: Annotated[str, typer.Argument(help="Words that are heard wrongly.")],
    put: Annotated[str, typer.Argument(help="Words that were said.")],
    creator: CreatorOption = None,
    source: Only = None,
    match_case: Annotated[bool, typer.Option("--match-case", help="Only as it is written here.")] = False,
    dry_run: DryRun = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Correct words wherever they are said, in all sources or one."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        body: Json = {"find": find, "put": put, "match_case": match_case, "dry_run": dry_run}
        if source is not None:
            body["source_id"] = find_source(gateway, handle, source)["id"]
        outcome = gateway.post(f"/api/v1/creators/{handle}/corrections/replace", body)
        _finish(gateway, handle, outcome, wait=wait, as_json=as_json)


@corrections.command("apply")
def apply_corrections(source: SourceArgument, creator: CreatorOption = None, as_json: AsJson = False) -> None:
    """Have a source say what it is corrected to, after a job that failed; and wait for it."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        _wait(gateway, handle, [find_source(gateway, handle, source)["id"]])
    if as_json:
        show_json({"creator": handle, "applied": True})
    else:
        console().print("All corrections of the source are applied.", markup=False)


@corrections.command("export")
def export_corrections(
    file: Annotated[
        Path | None, typer.Argument(help="A .csv or .json file; without one it is printed.")
    ] = None,
    creator: CreatorOption = None,
    source: Only = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that is said, to be corrected in the file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the corrections to a file that `import` reads."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        sources = [find_source(gateway, handle, source)] if source else all_sources(gateway, handle)
        if everything:
            rows = _rows_of_segments(gateway, handle, sources)
        else:
            by_id = {one["id"]: one for one in sources}
            found = all_corrections(gateway, handle, source)
            rows = [
                row_of(by_id[one["source_id"]], one, one["text"])
                for one in found
                if one["source_id"] in by_id
            ]
    in_json = as_json if file is None else file.suffix.lower() == ".json"
    text = json.dumps({"corrections": rows}, ensure_ascii=False, indent=2) + "\n" if in_json else as_csv(rows)
    if file is None:
        print(text, end="")
        return
    file.write_text(text, encoding="utf-8")
    if as_json:
        show_json({"file": str(file), "corrections": len(rows)})
    else:
        console().print(f"Wrote {len(rows)} lines to {file}.", markup=False)


@corrections.command("import")
def import_corrections(
    file: Annotated[Path, typer.Argument(help=f"A .csv or .json file with {', '.join(COLUMNS[:-1])}.")],
    creator: CreatorOption = None,
    dry_run: DryRun = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Make the corrections of a file; a line without a corrected text is left out."""
    lines = read_file(file)
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        known = {source["id"] for source in all_sources(gateway, handle)}
        total = _empty_outcome(dry_run=dry_run)
        for part in _requests(lines, known):
            body = {"corrections": [wanted for _, wanted in part], "dry_run": dry_run}
            outcome = gateway.post(f"/api/v1/creators/{handle}/corrections", body)
            for refused in outcome["refused"]:
                line, _ = part[int(refused["place"])]
                refused["place"] = line.place
            _add(total, outcome)
        _finish(gateway, handle, total, wait=wait, as_json=as_json)


def _requests(lines: Iterable[Line], known: set[str]) -> Iterable[list[tuple[Line, Json]]]:
    """The lines in parts, each small enough for a request, with what is asked for each."""
    part: list[tuple[Line, Json]] = []
    size = 0
    for line in lines:
        # A source that was removed and added again has another id, and the same external one.
        name = line.source if line.source in known else line.external_id or line.source
        wanted: Json = {"source": name or "-", "original": line.original or "-", "text": line.corrected}
        length = len(json.dumps(wanted))
        if part and (size + length > _MOST_BYTES or len(part) == _MOST_LINES):
            yield part
            part, size = [], 0
        part.append((line, wanted))
        size += length
    if part:
        yield part


def _empty_outcome(*, dry_run: bool) -> Json:
    counts: Json = dict.fromkeys(("changed", "segments", "not_applied", "unchanged"), 0)
    return {"dry_run": dry_run, **counts, "changes": [], "refused": [], "jobs": []}


def _add(total: Json, outcome: Json) -> None:
    for name, value in outcome.items():
        if name != "dry_run":
            total[name] += value


def _finish(gateway: GatewayClient, handle: str, outcome: Json, *, wait: bool, as_json: bool) -> None:
    """Wait for what was begun, and show what became of it."""
    if wait and outcome["jobs"]:
        _wait(gateway, handle, list(dict.fromkeys(job["source_id"] for job in outcome["jobs"])))
    if as_json:
        show_json(outcome)
    else:
        if outcome["dry_run"]:
            _preview(outcome, {one["id"]: one["external_id"] for one in all_sources(gateway, handle)})
        _show(outcome)
    if outcome["refused"]:
        raise typer.Exit(1)


def _preview(outcome: Json, names: dict[str, str]) -> None:
    show_table(
        ("source", "time", "now", "then"),
        [
            (
                names.get(one["source_id"]),
                clock(one["start_ms"]),
                one["before"] or one["original"],
                one["after"] or one["original"],
            )
            for one in outcome["changes"]
        ],
    )
    if more := outcome["changed"] - len(outcome["changes"]):
        console().print(f"and {more} more.", markup=False)


def _show(outcome: Json) -> None:
    done = "would be corrected" if outcome["dry_run"] else "corrected"
    line = f"{outcome['changed']} texts {done}, in {outcome['segments']} places"
    line += f"; {outcome['not_applied']} of them are not said now" if outcome["not_applied"] else ""
    line += f"; {outcome['unchanged']} were so already" if outcome["unchanged"] else ""
    console().print(f"{line}.", markup=False)
    for one in outcome["refused"]:
        text = f"  {one['place']}: {one['code']}: {one['detail']} {one['next_step']}"
        console().print(text, markup=False)


def _wait(gateway: GatewayClient, handle: str, source_ids: Sequence[str]) -> None:
    """Until the sources say what they are corrected to: a job that was running may leave that to the one after it."""
    for first in range(0, len(source_ids), _MOST_LINES):
        waiting = list(source_ids[first : first + _MOST_LINES])
        while waiting:
            body: Json = {"source_ids": waiting}
            jobs = gateway.post(f"/api/v1/creators/{handle}/corrections/apply", body)["jobs"]
            for job in jobs:
                _ended(gateway, job["job_id"])
            waiting = [job["source_id"] for job in jobs]


def _ended(gateway: GatewayClient, job_id: str) -> None:
    while (job := gateway.get(f"/api/v1/jobs/{job_id}"))["state"] in {"queued", "running"}:
        time.sleep(POLL_S)
    if job["state"] != "succeeded":
        raise UnderstudyError(
            job["error_code"] or job["state"],
            job["error_detail"] or "The job that was to apply the corrections was cancelled.",
            next_step="The corrections are kept. Apply them with ./understudy corrections apply SOURCE.",
        )


def _rows_of_segments(gateway: GatewayClient, handle: str, sources: Iterable[Json]) -> list[dict[str, Any]]:
    return [
        row_of(source, segment, segment["correction"])
        for source in sources
        for segment in all_segments(gateway, handle, source["id"])
    ]


def _place(segment: Json) -> str:
    if segment["start_ms"] is not None:
        return clock(segment["start_ms"])
    return f"page {segment['page']}" if segment["page"] is not None else segment["heading"] or "-"

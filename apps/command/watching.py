"""`sources` and `feeds`: what a library holds, and where it grows from."""

from datetime import datetime
from statistics import median
from typing import Annotated, Any

import typer

from apps.command.client import GatewayClient, Json, gateway_client
from apps.command.ingesting import Item, all_sources, finish, finish_feed
from apps.command.output import AsJson, CreatorOption, console, ends, short, show_json, show_table
from runtime.errors import NotFound
from runtime.settings import load_settings

sources = typer.Typer(help="List a creator's items, or remove one.", invoke_without_command=True)
feeds = typer.Typer(help="List the feeds of a creator, check or remove one.", invoke_without_command=True)

FeedArgument = Annotated[str, typer.Argument(help="Id or address of the feed.")]


@sources.callback()
def list_sources(context: typer.Context, creator: CreatorOption = None, as_json: AsJson = False) -> None:
    """List a creator's items: how each is, what to do about it, and how long it took to become answerable.

    `to ready` is from its publication, `here` from when it was first seen here.
    """
    if context.invoked_subcommand is not None:
        return
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        found = all_sources(gateway, handle)
    if as_json:
        show_json({"creator": handle, "sources": found})
        return
    show_table(
        ("id", "state", "published", "to ready", "here", "title"),
        [
            (
                short(one["id"]),
                one["state"],
                (one["published_at"] or "-")[:10],
                _duration(one["published_to_ready_s"]),
                _duration(one["seen_to_ready_s"]),
                one["title"],
            )
            for one in found
        ],
    )
    for one in found:
        if code := one["withdrawn_reason"] or one["error_code"]:
            console().print(f"  {short(one['id'])} {code}: {one['next_step'] or ''}", markup=False)
        elif one["next_step"]:
            console().print(f"  {short(one['id'])} waiting: {one['next_step']}", markup=False)


@feeds.callback()
def list_feeds(context: typer.Context, creator: CreatorOption = None, as_json: AsJson = False) -> None:
    """List the feeds, with how long after its publication an item that they brought usually became answerable."""
    if context.invoked_subcommand is not None:
        return
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        found = gateway.get(f"/api/v1/creators/{handle}/feeds")
        for one in found["feeds"]:
            one["published_to_ready_s"] = _usual_s(one, all_sources(gateway, handle, feed=one["id"]))
    if as_json:
        show_json(found)
        return
    show_table(
        ("id", "items", "ready", "failed", "withdrawn", "delay", "checked", "title"),
        [
            (
                short(one["id"]),
                *(one["items"][count] for count in ("total", "ready", "failed", "withdrawn")),
                _duration(one["published_to_ready_s"]),
                (one["checked_at"] or "-")[:16].replace("T", " "),
                one["title"],
            )
            for one in found["feeds"]
        ],
    )
    for one in found["feeds"]:
        watched = "" if one["watch"] else " (not watched)"
        console().print(f"  {short(one['id'])} {one['url']}{watched}", markup=False)
        if one["error_code"]:
            console().print(f"    {one['error_code']}: {one['next_step'] or ''}", markup=False)


@feeds.command("remove")
def remove_feed(feed: FeedArgument, creator: CreatorOption = None, as_json: AsJson = False) -> None:
    """Stop looking a feed through; the items that it brought stay."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        found = _find(gateway, handle, feed)
        removed = gateway.delete(f"/api/v1/creators/{handle}/feeds/{found['id']}")
    if as_json:
        show_json(removed)
    else:
        console().print(f"Removed {removed['url']}; its items stay.", markup=False)


@feeds.command("check")
def check_feed(
    feed: FeedArgument,
    creator: CreatorOption = None,
    wait: Annotated[bool, typer.Option(help="Wait until what it brings can be asked about.")] = True,
    as_json: AsJson = False,
) -> None:
    """Look a feed through now, and try again what failed."""
    with gateway_client(load_settings()) as gateway:
        handle = gateway.creator(creator)
        found = _find(gateway, handle, feed)
        answer = gateway.post(f"/api/v1/feeds/{found['id']}/check", {})
        checked: Json = answer
        if wait:
            item = Item(found["title"], "queued", None, answer["job_id"])
            finish(gateway, [item], quiet=as_json)
            if item.state != "failed":
                finish_feed(gateway, handle, item.feed_id or found["id"], quiet=as_json)
            checked = gateway.get(f"/api/v1/jobs/{item.job_id}")
    if as_json:
        show_json(checked)
    else:
        console().print(_outcome(checked), markup=False)
    if checked["state"] == "failed":
        raise typer.Exit(1)


def _find(gateway: GatewayClient, creator: str, feed: str) -> dict[str, Any]:
    for one in gateway.get(f"/api/v1/creators/{creator}/feeds")["feeds"]:
        if feed in {one["url"], one["external_id"]} or ends(one["id"], feed):
            return one
    raise NotFound(
        "feed_not_found",
        f"{creator} has no feed {feed[:100]!r}.",
        next_step="List them with ./understudy feeds.",
    )


def _usual_s(feed: dict[str, Any], items: list[dict[str, Any]]) -> float | None:
    """The median time from publication to being answerable, of what was published since the feed was added."""
    taken = [
        one["published_to_ready_s"]
        for one in items
        if one["published_to_ready_s"] is not None
        and datetime.fromisoformat(one["published_at"]) >= datetime.fromisoformat(feed["created_at"])
    ]
    return median(taken) if taken else None


def _outcome(checked: Json) -> str:
    if checked["state"] == "failed":
        return f"{checked['error_code']}: {checked['error_detail']} {checked['next_step'] or ''}"
    result: Json = checked.get("result") or {}
    counts = [f"{count} {name}" for name, count in result.items() if name != "feed_id"]
    return ", ".join(counts) or checked["state"]


def _duration(seconds: float | None) -> str | None:
    """As people say it: 42 s, 3 min, 5 h, 12 d."""
    if seconds is None:
        return None
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

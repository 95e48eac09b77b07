"""`understudy ingest <address>`, `sources` and `feeds` as a person runs them, against a gateway and a worker that run."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from accounts import AdminKey, GuestSigner
from chat import Conversations, ExtractiveResponder
from creators import Creator
from gateway import Parts, build_gateway
from ingestion import Removals, Transfers
from jobs import JobWatch
from retrieval import HybridRetriever
from runtime.settings import GatewaySettings, UploadSettings
from tests.integration.ingestion.shelf import Shelf
from tests.integration.ingestion.workshop import INDEX, Workshop

ROOT = Path(__file__).resolve().parents[3]
KEY = "k" * 43
TEXT = "# {0}\n\nAll that is to be said about {0} is said here.\n"


@dataclass
class Terminal:
    """Where the command is typed."""

    url: str
    var: Path

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "apps.command",
            *arguments,
            cwd=ROOT,
            env={
                **kept,
                "COLUMNS": "80",
                "UNDERSTUDY_VAR": str(self.var),
                "UNDERSTUDY_CLIENT__URL": self.url,
                "UNDERSTUDY_SECRETS__ADMIN_KEY": KEY,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    async def json(self, *arguments: str) -> dict[str, Any]:
        code, out, err = await self.run(*arguments, "--json")
        assert out, (code, err)
        return json.loads(out)


def _responder(workshop: Workshop, retriever: HybridRetriever) -> ExtractiveResponder:
    return ExtractiveResponder(
        database=workshop.database,
        retriever=retriever,
        embedder=workshop.embedder,
        catalogue=workshop.catalogue,
        library=workshop.library,
        clock=workshop.clock,
        max_question_chars=8000,
    )


def gateway_of(workshop: Workshop) -> Any:
    retriever = HybridRetriever(
        database=workshop.database,
        embedder=workshop.embedder,
        index=workshop.index,
        catalogue=workshop.catalogue,
        clock=workshop.clock,
    )
    return build_gateway(
        Parts(
            settings=GatewaySettings(),
            database=workshop.database,
            catalogue=workshop.catalogue,
            library=workshop.library,
            retriever=retriever,
            responder=_responder(workshop, retriever),
            conversations=Conversations(),
            jobs=workshop.queue,
            ingestion=workshop.ingestion,
            addresses=workshop.addresses,
            watch=JobWatch(database=workshop.database, queue=workshop.queue),
            contents=workshop.contents,
            transfers=Transfers(
                database=workshop.database,
                files=workshop.files,
                queue=workshop.queue,
                clock=workshop.clock,
                settings=UploadSettings(),
            ),
            removals=Removals(
                catalogue=workshop.catalogue,
                library=workshop.library,
                queue=workshop.queue,
                clock=workshop.clock,
            ),
            admin_key=AdminKey(KEY),
            guests=GuestSigner("s" * 43, workshop.clock),
            probes={},
            deep_probes={},
            index_name=INDEX,
            clock=workshop.clock,
        )
    )


async def _work_on(workshop: Workshop) -> None:
    while True:
        await workshop.work()
        await asyncio.sleep(0.05)


@pytest.fixture
async def terminal(workshop: Workshop, tmp_path: Path) -> AsyncIterator[Terminal]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(gateway_of(workshop), lifespan="off", log_config=None, access_log=False)
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    working = asyncio.create_task(_work_on(workshop))
    yield Terminal(f"http://127.0.0.1:{listening.getsockname()[1]}", tmp_path / "var")
    server.should_exit = True
    working.cancel()
    await asyncio.gather(serving, working, return_exceptions=True)
    listening.close()


def fill(shelf: Shelf, *names: str) -> None:
    for name in names:
        shelf.put(name, TEXT.format(name))
    shelf.list_all()


async def test_an_item_is_taken_in_and_shown(terminal: Terminal, shelf: Shelf, bev: Creator) -> None:
    fill(shelf, "chains")
    taken = await terminal.json("ingest", shelf.url("texts/chains"))
    assert (taken["creator"], taken["counts"]) == ("bev", {"ready": 1})
    again = await terminal.json("ingest", shelf.url("texts/chains"))
    assert again["counts"] == {"unchanged": 1}
    [source] = (await terminal.json("sources"))["sources"]
    assert (source["title"], source["state"], source["error_code"]) == ("chains", "ready", None)
    assert source["seen_to_ready_s"] == 0
    code, table, _ = await terminal.run("sources")
    assert code == 0
    assert "chains" in table
    assert "ready" in table


async def test_a_collection_is_waited_for_with_all_its_items(
    terminal: Terminal, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "a", "b", "c")
    shelf.statuses["texts/b"] = 422
    code, out, _ = await terminal.run("ingest", shelf.url("lists/all"), "--json")
    taken = json.loads(out)
    assert (code, taken["counts"]) == (1, {"ready": 2, "failed": 1})
    [bad] = [item for item in taken["items"] if item["state"] == "failed"]
    assert (bad["code"], bad["next_step"]) == ("text_unusable", "Write it anew.")
    code, table, _ = await terminal.run("sources")
    assert "text_unusable" in table
    [feed] = (await terminal.json("feeds"))["feeds"]
    assert (feed["url"], feed["watch"]) == (shelf.url("lists/all"), True)
    assert feed["items"] == {"total": 3, "ready": 2, "pending": 0, "failed": 1, "withdrawn": 0, "working": 0}
    assert "List all" in (await terminal.run("feeds"))[1]


async def test_a_feed_is_checked_and_removed(terminal: Terminal, shelf: Shelf, bev: Creator) -> None:
    fill(shelf, "a")
    await terminal.json("ingest", shelf.url("lists/all"), "--no-watch", "--access", "members")
    fill(shelf, "b")
    checked = await terminal.json("feeds", "check", shelf.url("lists/all"))
    assert checked["result"]["new"] == 1
    sources = (await terminal.json("sources"))["sources"]
    assert {s["title"]: (s["state"], s["access"]) for s in sources} == {
        "a": ("ready", "members"),
        "b": ("ready", "members"),
    }
    [feed] = (await terminal.json("feeds"))["feeds"]
    assert feed["watch"] is False
    code, out, _ = await terminal.run("feeds", "remove", feed["id"])
    assert (code, "its items stay" in out) == (0, True)
    assert (await terminal.json("feeds"))["feeds"] == []
    assert len((await terminal.json("sources"))["sources"]) == 2
    code, _, error = await terminal.run("feeds", "check", feed["id"])
    assert code == 3
    assert "feed_not_found" in error


async def test_how_long_what_is_published_takes_to_answer(
    terminal: Terminal, workshop: Workshop, shelf: Shelf, bev: Creator
) -> None:
    """Of what came out since the feed was added: what was there before says nothing about that."""
    fill(shelf, "old")
    shelf.list_all(old={"published_at": "2020-01-01T00:00:00+00:00"})
    await terminal.json("ingest", shelf.url("lists/all"))
    assert (await terminal.json("feeds"))["feeds"][0]["published_to_ready_s"] is None
    fill(shelf, "new")
    published = workshop.clock.now() + timedelta(seconds=60)
    shelf.list_all(
        old={"published_at": "2020-01-01T00:00:00+00:00"}, new={"published_at": published.isoformat()}
    )
    workshop.clock.advance(360)
    await terminal.json("feeds", "check", shelf.url("lists/all"))
    assert (await terminal.json("feeds"))["feeds"][0]["published_to_ready_s"] == 300
    assert "5 min" in (await terminal.run("feeds"))[1]
    sources = (await terminal.json("sources"))["sources"]
    assert {one["title"]: one["published_to_ready_s"] for one in sources}["new"] == 300


async def test_what_is_neither_path_nor_address(terminal: Terminal, bev: Creator) -> None:
    code, _, error = await terminal.run("ingest", "no-such-folder")
    assert code == 2
    assert "folder_missing" in error
    assert "web page" in error
    code, _, error = await terminal.run("ingest", "ftp://example.org/x")
    assert code == 2
    assert "address_unknown" in error


async def test_a_path_that_exists_is_a_path(terminal: Terminal, tmp_path: Path, bev: Creator) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text(TEXT.format("notes"))
    taken = await terminal.json("ingest", str(notes))
    assert taken["counts"] == {"ready": 1}


async def test_what_the_tables_show_names_a_job_an_item_and_a_feed(
    terminal: Terminal, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "chains", "tyres")
    await terminal.json("ingest", shelf.url("lists/all"))
    _, table, _ = await terminal.run("jobs")
    shown = [line.split()[0] for line in table.splitlines()[1:]]
    jobs = [job["id"] for job in (await terminal.json("jobs"))["jobs"]]
    assert shown == [job[-8:] for job in jobs]
    for job, end in zip(jobs, shown, strict=True):
        assert (await terminal.json("jobs", "show", end))["id"] == job
    code, _, error = await terminal.run("jobs", "retry", shown[0])
    assert (code, "job_not_retryable" in error) == (1, True)
    for unknown in ("00000000", "no such job"):
        code, _, error = await terminal.run("jobs", "cancel", unknown)
        assert (code, "job_not_found" in error) == (3, True)
    _, table, _ = await terminal.run("sources")
    chains = next(line.split()[0] for line in table.splitlines() if "chains" in line)
    await terminal.json("sources", "remove", chains, "--no-wait", "--yes")
    kept = {one["title"]: one["state"] for one in (await terminal.json("sources"))["sources"]}
    assert kept.get("chains") in {None, "withdrawn"}
    assert kept["tyres"] == "ready"
    _, table, _ = await terminal.run("feeds")
    assert shelf.url("lists/all") in table
    feed = table.splitlines()[1].split()[0]
    code, told, error = await terminal.run("feeds", "remove", feed)
    assert (code, "its items stay" in told) == (0, True), error


async def test_an_item_that_its_origin_took_back_is_shown_as_withdrawn(
    terminal: Terminal, shelf: Shelf, bev: Creator
) -> None:
    fill(shelf, "chains")
    await terminal.json("ingest", shelf.url("texts/chains"))
    shelf.statuses["texts/chains"] = 410
    await terminal.run("ingest", shelf.url("texts/chains"))
    _, table, _ = await terminal.run("sources")
    assert "withdrawn" in next(line for line in table.splitlines() if "chains" in line)
    [source] = (await terminal.json("sources"))["sources"]
    assert source["state"] == "withdrawn"
    assert source["withdrawn_reason"] in table

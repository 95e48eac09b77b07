"""An archive's job: every item submitted once, whatever happens on the way, and each problem told."""

import asyncio
import hashlib
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ingestion import Bundle, BundleFile
from ingestion.archives import store
from ingestion.removal.store import delete_archives
from runtime.database import Database, Transaction
from runtime.errors import InvalidInput, Unavailable
from runtime.ids import new_id
from runtime.settings import UploadSettings
from tests.installation import ROOT
from tests.integration.ingestion.packing import Packing, packed

VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nOil the chain every {0} days.\n"
NOTES = "# Notes {0}\n\nOil it.\n"
TALKS = {
    **{f"t/{i}.info.json": f'{{"id": "talk{i}", "title": "Talk {i}"}}' for i in range(4)},
    **{f"t/{i}.en.vtt": VTT.format(i) for i in range(4)},
    **{f"notes/{i}.md": NOTES.format(i) for i in range(4)},
}
BAD = {
    "../evil.md": "x",
    "empty.md": "",
    "alone.vtt": VTT,
    "broken.info.json": "{",
    "broken.en.vtt": VTT,
    "inner.zip": "x",
}


def sent(files: dict[str, str], name: str = "talks.zip") -> Bundle:
    return Bundle(name, (BundleFile(name, packed(files)),))


@pytest.fixture
def packing(database: Database, tmp_path: Path) -> Packing:
    return Packing(database, tmp_path / "files")


async def test_every_item_is_submitted_and_every_problem_told(packing: Packing) -> None:
    submission = await packing.ingestion.submit(await packing.creator(), sent(TALKS | BAD))
    assert (submission.source_id, submission.state) == (None, "queued")
    await packing.runner().drain("parse", "embed")
    job = await packing.job(submission.job_id)
    assert (job.state, job.stage, job.progress_total) == ("succeeded", "submit", 13)
    assert job.result is not None
    assert job.result["counts"] == {"queued": 8, "unchanged": 0, "failed": 5}
    assert {problem["name"]: problem["code"] for problem in job.result["problems"]} == {
        "../evil.md": "archive_member_outside",
        "empty.md": "document_empty",
        "alone.vtt": "info_missing",
        "broken": "info_broken",
        "inner.zip": "archive_nested",
    }
    assert all(problem["next_step"] for problem in job.result["problems"])
    assert await packing.count("creators.sources") == 8
    assert await packing.count("ingestion.uploads") == 8


async def test_a_kill_in_the_middle_costs_nothing(
    packing: Packing, database_url: str, tmp_path: Path
) -> None:
    """The worker dies by SIGKILL after its sixth item; another goes on behind the last that was recorded."""
    submission = await packing.ingestion.submit(await packing.creator(), sent(TALKS | BAD))
    packing.clock.advance((datetime.now(UTC) - packing.clock.now()).total_seconds())
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.ingestion.packing",
        *(database_url, str(tmp_path / "files"), "6"),
        cwd=ROOT,
    )
    assert await child.wait() == -signal.SIGKILL
    assert (await packing.job(submission.job_id)).state == "running"
    recorded = await packing.count("ingestion.archive_items")
    assert 5 <= recorded < 13
    packing.clock.advance(60)
    await packing.runner().sweep()
    await packing.runner().drain("parse", "embed")
    job = await packing.job(submission.job_id)
    assert (job.state, job.attempts) == ("succeeded", 2)
    assert job.result is not None
    assert job.result["counts"] == {"queued": 8, "unchanged": 0, "failed": 5}
    assert len({item["source_id"] for item in job.result["items"]}) == 8
    assert await packing.count("creators.sources") == await packing.count("ingestion.uploads") == 8
    assert await packing.count("jobs.jobs") == 9


async def test_a_part_that_is_away_puts_the_job_off_and_it_goes_on_where_it_was(packing: Packing) -> None:
    class Failing:
        calls = 0

        async def submit(self, creator, bundle):
            self.calls += 1
            if self.calls == 3:
                raise Unavailable("disk_full", "No room.")
            return await packing.ingestion.submit(creator, bundle)

    submission = await packing.ingestion.submit(await packing.creator(), sent(TALKS))
    failing = Failing()
    await packing.runner(failing).drain("parse", "embed")
    assert (await packing.job(submission.job_id)).error_code == "disk_full"
    packing.clock.advance(600)
    await packing.runner(failing).drain("parse", "embed")
    assert (await packing.job(submission.job_id)).state == "succeeded"
    assert failing.calls == 9  # eight items, and the third once more


async def test_the_same_archive_again(packing: Packing) -> None:
    creator = await packing.creator()
    first = await packing.ingestion.submit(creator, sent(TALKS))
    assert (await packing.ingestion.submit(creator, sent(TALKS))).job_id == first.job_id
    await packing.runner().drain("parse", "embed")
    second = await packing.ingestion.submit(creator, sent(TALKS))
    assert second.job_id != first.job_id
    await packing.runner().drain("parse", "embed")
    assert await packing.count("ingestion.uploads") == 8
    assert await packing.count("ingestion.archives") == 0


async def test_the_parts_of_a_takeout_are_one_archive(packing: Packing) -> None:
    heading = "Video ID,Approx Duration (ms),Video Title (Original),Privacy,Video Publish Timestamp"
    parts = [
        {"Takeout/YouTube/videos/Chains.srt": "1\n00:00:01,000 --> 00:00:02,000\nOil it.\n"},
        {
            "Takeout/YouTube/video metadata/videos.csv": f"{heading}\n"
            "aaaaaaaaaaa,61000,Chains,Public,2021-02-01T10:00:00+00:00\n"
        },
    ]
    files = tuple(
        BundleFile(f"takeout-20260102T030405Z-00{i}.zip", packed(part))
        for i, part in enumerate(parts, start=1)
    )
    submission = await packing.ingestion.submit(await packing.creator(), Bundle(files[0].name, files))
    await packing.runner().drain("parse", "embed")
    job = await packing.job(submission.job_id)
    assert job.result is not None
    assert job.result["counts"] == {"queued": 1, "unchanged": 0, "failed": 0}
    async with packing.database.transaction() as tx:
        assert await tx.fetch_values("SELECT external_id FROM creators.sources") == ["aaaaaaaaaaa"]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"talks.zip": b"no zip"}, "archive_broken"),
        ({"talks.zip": packed({}), "notes.md": b"x"}, "archive_not_alone"),
    ],
)
async def test_what_is_no_archive_is_refused_at_once(
    packing: Packing, files: dict[str, bytes], code: str
) -> None:
    bundle = Bundle("x", tuple(BundleFile(name, data) for name, data in files.items()))
    with pytest.raises(InvalidInput) as caught:
        await packing.ingestion.submit(await packing.creator(), bundle)
    assert caught.value.code == code
    assert await packing.count("jobs.jobs") == 0
    assert not [path for path in packing.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("data", "code"),
    [(packed({}), "archive_empty"), (packed(TALKS)[:-30] + bytes(30), "archive_broken")],
)
async def test_an_archive_that_cannot_be_worked_on_fails_with_its_reason(
    packing: Packing, data: bytes, code: str
) -> None:
    bundle = Bundle("talks.zip", (BundleFile("talks.zip", data),))
    submission = await packing.ingestion.submit(await packing.creator(), bundle)
    await packing.runner().drain("parse", "embed")
    job = await packing.job(submission.job_id)
    assert (job.state, job.error_code) == ("failed", code)
    assert job.next_step


async def test_captions_alone_are_taken_under_their_name(packing: Packing) -> None:
    creator = await packing.creator()
    for name in ("My talk.en.srt", "My talk.vtt", "interview01.srt"):
        await packing.ingestion.submit(creator, Bundle(name, (BundleFile(name, VTT.encode()),)))
    async with packing.database.transaction() as tx:
        found = await tx.fetch_values(
            "SELECT concat_ws('|', origin, external_id, kind, title, coalesce(url, '-')) FROM creators.sources"
            " ORDER BY external_id"
        )
    assert found == ["file|My%20talk|audio|My talk|-", "file|interview01|audio|interview01|-"]
    with pytest.raises(InvalidInput) as caught:
        await packing.ingestion.submit(creator, Bundle("a.srt", (BundleFile("a.srt", b"nothing"),)))
    assert caught.value.code == "captions_broken"


async def test_an_archive_is_held_while_the_same_one_is_removed_elsewhere(
    packing: Packing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other creator's removal runs when all of this archive is there and nothing refers to it yet."""
    odile, bev = await packing.creator("odile"), await packing.creator()
    await packing.ingestion.submit(odile, sent(TALKS))
    keep_archive = store.keep_archive

    async def remove_elsewhere_first(tx: Transaction, *given: Any) -> UUID:
        holder = new_id()
        async with packing.database.transaction() as other:
            assert await delete_archives(other, odile.id, holder, packing.clock.now()) == 1
        await packing.contents.let_go(holder)
        return await keep_archive(tx, *given)

    monkeypatch.setattr(store, "keep_archive", remove_elsewhere_first)
    submission = await packing.ingestion.submit(bev, sent(TALKS))
    await packing.runner().drain("parse", "embed")
    job = await packing.job(submission.job_id)
    assert (job.state, job.error_code) == ("succeeded", None)
    assert await packing.count("ingestion.holds") == 0


async def test_nothing_of_an_archive_stays_but_its_items(packing: Packing) -> None:
    await packing.ingestion.submit(await packing.creator(), sent(TALKS))
    assert hashlib.sha256(packed(TALKS)).hexdigest() in packing.kept()
    await packing.runner().drain("parse", "embed")
    assert packing.kept() == {hashlib.sha256(text.encode()).hexdigest() for text in TALKS.values()}
    assert await packing.count("ingestion.archives") == 0


async def test_what_was_never_an_archive_is_not_kept_and_what_may_yet_be_worked_on_is(
    packing: Packing,
) -> None:
    broken = packed(TALKS)[:-40]
    submission = await packing.ingestion.submit(
        await packing.creator(), Bundle("x.zip", (BundleFile("x.zip", broken),))
    )
    await packing.runner().drain("parse", "embed")
    assert (await packing.job(submission.job_id)).error_code == "archive_broken"
    assert packing.kept() == set()

    class Full:
        async def submit(self, creator, bundle):
            raise Unavailable("disk_full", "No room.")

    submission = await packing.ingestion.submit(await packing.creator("odile"), sent(TALKS))
    for _ in range(5):
        await packing.runner(Full()).drain("parse", "embed")
        packing.clock.advance(3600)
    assert (await packing.job(submission.job_id)).error_code == "disk_full"
    async with packing.database.transaction() as tx:
        await packing.queue.retry(tx, (await packing.job(submission.job_id)).id)
    await packing.runner().drain("parse", "embed")
    assert (await packing.job(submission.job_id)).state == "succeeded"


async def test_a_member_beyond_the_limit_of_its_kind_is_told(packing: Packing) -> None:
    large = "Oil it.\n" * (UploadSettings().max_document_bytes // 8 + 1)
    submission = await packing.ingestion.submit(await packing.creator(), sent({"large.md": large, **TALKS}))
    await packing.runner().drain("parse", "embed")
    job = await packing.job(submission.job_id)
    assert job.result is not None
    assert [(one["name"], one["code"]) for one in job.result["problems"]] == [("large.md", "file_too_large")]

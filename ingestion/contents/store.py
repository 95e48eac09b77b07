"""The statements about contents: who holds and who refers to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from runtime.database import Transaction
from runtime.ids import SourceId


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody's claim that a content stays."""

    holder: UUID
    sha256: str


async def lock(tx: Transaction, sha256: str) -> None:
    """Keep everybody else from holding or removing this content until the transaction ends."""
    await tx.fetch_value(
        "SELECT pg_advisory_xact_lock(hashtextextended('ingestion.content:' || %s, 0))", (sha256,)
    )


async def hold(tx: Transaction, holder: UUID, sha256: str, until: datetime) -> None:
    """Hold a content until then."""
    await tx.execute(
        "INSERT INTO ingestion.holds (holder, sha256, until) VALUES (%s, %s, %s)"
        " ON CONFLICT (holder, sha256) DO UPDATE SET until = excluded.until",
        (holder, sha256, until),
    )


async def release(tx: Transaction, holder: UUID) -> None:
    """End all holds of a holder."""
    await tx.execute("DELETE FROM ingestion.holds WHERE holder = %s", (holder,))


async def is_used(tx: Transaction, sha256: str, now: datetime) -> bool:
    """Whether an upload or an archive refers to the content, or somebody holds it."""
    return await tx.fetch_value(
        "SELECT EXISTS (SELECT FROM ingestion.holds WHERE sha256 = %(sha256)s AND until > %(now)s)"
        " OR EXISTS (SELECT FROM ingestion.uploads"
        "  WHERE jsonb_path_query_array(files, '$.*.sha256') @> to_jsonb(%(sha256)s::text))"
        " OR EXISTS (SELECT FROM ingestion.archives"
        "  WHERE jsonb_path_query_array(files, '$[*].sha256') @> to_jsonb(%(sha256)s::text))",
        {"sha256": sha256, "now": now},
    )


async def published_files(
    tx: Transaction, source_id: SourceId, content_hash: str | None
) -> dict[str, dict[str, Any]]:
    """The files by name of which the version was made that `content_hash` says is published; none when they are gone."""
    found = await tx.fetch_values(
        "SELECT files FROM ingestion.uploads WHERE source_id = %s AND state = 'done' AND content_hash = %s"
        " ORDER BY id DESC LIMIT 1",
        (source_id, content_hash),
    )
    return found[0] if found else {}


async def unused(tx: Transaction, contents: Sequence[str]) -> list[str]:
    """Of these contents those that nothing refers to and nobody has a hold on, run out or not."""
    return await tx.fetch_values(
        "SELECT sha256 FROM unnest(%s::text[]) AS sha256"
        " WHERE NOT EXISTS (SELECT FROM ingestion.holds h WHERE h.sha256 = sha256.sha256)"
        " AND NOT EXISTS (SELECT FROM ingestion.uploads"
        "  WHERE jsonb_path_query_array(files, '$.*.sha256') @> to_jsonb(sha256.sha256))"
        " AND NOT EXISTS (SELECT FROM ingestion.archives"
        "  WHERE jsonb_path_query_array(files, '$[*].sha256') @> to_jsonb(sha256.sha256))",
        (list(contents),),
    )


async def superseded_sources(tx: Transaction, before: datetime) -> list[SourceId]:
    """The sources with files of uploads from before then that are not the newest ones."""
    return await tx.fetch_values(
        "SELECT DISTINCT source_id FROM ingestion.uploads u WHERE files <> '{}' AND state IN ('done', 'failed')"
        " AND EXISTS (SELECT FROM ingestion.uploads n WHERE n.source_id = u.source_id AND n.id > u.id"
        " AND n.created_at < %s)",
        (before,),
    )


async def forget_superseded(
    tx: Transaction,
    source_id: SourceId,
    content_hash: str | None,
    holder: UUID,
    *,
    before: datetime,
    now: datetime,
) -> int:
    """Forget the files of a source's uploads, but for the newest and the one that is published, as `content_hash` says.

    Only of those that another one had followed before then. Their contents are left in run-out holds of `holder`. That
    there was an upload stays known: feeds go by it.
    """
    return await tx.fetch_value(
        """
        WITH old AS (
            SELECT id, files FROM ingestion.uploads u
            WHERE source_id = %(source)s AND files <> '{}' AND state IN ('done', 'failed')
              AND EXISTS (SELECT FROM ingestion.uploads n
                  WHERE n.source_id = u.source_id AND n.id > u.id AND n.created_at < %(before)s)
              AND id IS DISTINCT FROM (SELECT id FROM ingestion.uploads WHERE source_id = %(source)s
                  AND state = 'done' AND content_hash = %(hash)s ORDER BY id DESC LIMIT 1)
        ), held AS (
            INSERT INTO ingestion.holds (holder, sha256, until)
            SELECT DISTINCT %(holder)s::uuid, file.value->>'sha256', %(now)s::timestamptz
            FROM old, jsonb_each(old.files) AS file ON CONFLICT DO NOTHING
        ), emptied AS (
            UPDATE ingestion.uploads SET files = '{}' WHERE id IN (SELECT id FROM old) RETURNING id
        )
        SELECT count(*) FROM emptied
        """,
        {"source": source_id, "hash": content_hash, "holder": holder, "before": before, "now": now},
    )


async def run_out_now(tx: Transaction, holder: UUID, now: datetime) -> list[str]:
    """Let all holds of a holder run out; what they are on."""
    return await tx.fetch_values(
        "UPDATE ingestion.holds SET until = least(until, %s) WHERE holder = %s RETURNING sha256",
        (now, holder),
    )


async def run_out(tx: Transaction, now: datetime) -> list[Hold]:
    """The holds that have run out."""
    return await tx.fetch_all(Hold, "SELECT holder, sha256 FROM ingestion.holds WHERE until <= %s", (now,))


async def end_hold(tx: Transaction, holder: UUID, sha256: str) -> bool:
    """End one hold; False when there is none any more."""
    return bool(
        await tx.execute("DELETE FROM ingestion.holds WHERE holder = %s AND sha256 = %s", (holder, sha256))
    )

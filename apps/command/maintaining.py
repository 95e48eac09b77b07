# pyright: reportUnknownMemberType=false
# redis is typed in part only.
"""`reindex`, `migrate` and `doctor`: what an operator does beside the running gateway."""

import asyncio
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from apps.command.client import gateway_client
from apps.command.output import AsJson, CreatorOption, console, show_json, show_table
from apps.supervisor.lock import beside_the_running
from runtime.errors import Conflict, InvalidInput, Unavailable, UnderstudyError
from runtime.settings import Settings, load_settings

# Less free disk than this, in bytes, and PostgreSQL soon stops taking writes.
LITTLE_DISK = 2 * 2**30


def migrate(as_json: AsJson = False) -> None:
    """Bring the database schema to the newest version."""
    from runtime import migrations

    migrations.migrate(beside_the_running(load_settings()).database.url.get_secret_value())
    if as_json:
        show_json({"migrated": True})
    else:
        console().print("The schema is up to date.")


def reindex(
    creator: CreatorOption = None,
    from_scratch: Annotated[
        bool,
        typer.Option(help="Drop the index first: for one that cannot be read. Nothing is found meanwhile."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild the vector index from PostgreSQL: of one creator, or of all."""
    settings = beside_the_running(load_settings())
    rebuilt = asyncio.run(_reindex(settings, creator, from_scratch=from_scratch, quiet=as_json))
    if as_json:
        show_json({"creators": rebuilt})
    else:
        show_table(("creator", "index", "passages"), [tuple(one.values()) for one in rebuilt])


async def _reindex(
    settings: Settings, reference: str | None, *, from_scratch: bool, quiet: bool
) -> list[dict[str, Any]]:
    from rich.progress import Progress

    from apps.assembly import open_core
    from retrieval import IndexName

    rebuilt: list[dict[str, Any]] = []
    async with open_core(settings) as core:
        async with core.database.transaction() as tx:
            if reference is None:
                creators = await core.catalogue.all(tx, include_private=True)
            else:
                creators = [await core.catalogue.find(tx, reference)]
        with Progress(console=console(), disable=quiet) as bar:
            for creator in creators:
                task = bar.add_task(creator.handle, total=None)

                async def show(done: int, total: int, task: Any = task) -> None:
                    bar.update(task, completed=done, total=total)

                index = IndexName(creator.active_index)
                count = await core.writer.rebuild(creator.id, index, show, from_scratch=from_scratch)
                rebuilt.append({"creator": creator.handle, "index": index, "passages": count})
    return rebuilt


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one look found; `next_step` is empty when all is well."""

    part: str
    state: str
    next_step: str = ""


def doctor(as_json: AsJson = False) -> None:
    """Check this installation part by part, and say what to do about what is wrong."""
    settings = beside_the_running(load_settings())
    findings = list(_look(settings))
    if as_json:
        show_json([{"part": f.part, "state": f.state, "next_step": f.next_step} for f in findings])
    else:
        show_table(("part", "state", "what to do"), [(f.part, f.state, f.next_step) for f in findings])
    if any(f.next_step for f in findings):
        raise typer.Exit(1)


def _look(settings: Settings) -> Iterator[_Finding]:
    looks: list[tuple[str, Callable[[Settings], str]]] = [
        ("gateway", _gateway),
        ("database", _database),
        ("redis", _redis),
        ("embedder", _embedder),
        ("index", _index),
        ("speech", _speech),
    ]
    for part, look in looks:
        try:
            yield _Finding(part, look(settings))
        except UnderstudyError as error:
            yield _Finding(part, error.detail, error.next_step or "See the log.")
    yield _disk(settings)
    yield _secrets(settings)


def _gateway(settings: Settings) -> str:
    with gateway_client(settings, timeout_s=10) as gateway:
        deep = gateway.get("/health/deep")
    return ", ".join(f"{part} {check['state']}" for part, check in deep["checks"].items())


def _database(settings: Settings) -> str:
    import psycopg

    try:
        with psycopg.connect(settings.database.url.get_secret_value(), connect_timeout=5) as connection:
            version = connection.info.server_version
    except psycopg.OperationalError as error:
        raise Unavailable(
            "database_unreachable",
            "PostgreSQL does not answer.",
            next_step="Start it with ./understudy up, or correct UNDERSTUDY_DATABASE__URL if that is set.",
        ) from error
    return f"PostgreSQL {version // 10000}.{version % 10000}"


def _redis(settings: Settings) -> str:
    from redis import Redis
    from redis.exceptions import RedisError

    try:
        with Redis.from_url(settings.redis.url.get_secret_value(), socket_connect_timeout=5) as client:
            client.ping()
    except RedisError as error:
        raise Unavailable(
            "redis_unreachable",
            "Redis does not answer.",
            next_step="Start it with ./understudy up, or correct UNDERSTUDY_REDIS__URL if that is set.",
        ) from error
    except (TypeError, ValueError) as error:  # of an option after the ? that it does not have
        raise InvalidInput(
            "redis_url_invalid",
            "The address of Redis has an option that is not understood.",
            next_step="Correct UNDERSTUDY_REDIS__URL or REDIS_URL.",
        ) from error
    return "answers"


def _embedder(settings: Settings) -> str:
    from retrieval.embedders.onnx import OnnxEmbedder

    embedder = OnnxEmbedder(threads=settings.embedder.threads)

    async def try_it() -> int:
        try:
            return len(await embedder.query("Does it work?"))
        finally:
            embedder.close()

    return f"{embedder.name}, {asyncio.run(try_it())} dimensions"


def _index(settings: Settings) -> str:
    missing, orphans = asyncio.run(_compared(settings))
    if missing or orphans:
        raise Conflict(
            "index_differs",
            f"{missing} passages are missing in the index, {orphans} are in it that nobody has.",
            next_step="Rebuild it with ./understudy reindex.",
        )
    return "has what the database says"


async def _compared(settings: Settings) -> tuple[int, int]:
    """Missing and orphaned passages of all creators."""
    from apps.assembly import open_core
    from retrieval import IndexName

    async with open_core(settings) as core:
        async with core.database.reading() as db:
            creators = await core.catalogue.all(db, include_private=True)
        found = [await core.writer.compare(one.id, IndexName(one.active_index)) for one in creators]
    return sum(missing for missing, _ in found), sum(orphans for _, orphans in found)


def _speech(settings: Settings) -> str:
    from ingestion.speech.process import WhisperTranscriber, available

    if not available():
        return "not installed; make speech adds it, for recordings without captions"
    return WhisperTranscriber(settings.speech, models=settings.var / "models").name


def _disk(settings: Settings) -> _Finding:
    here = next(path for path in (settings.var, *settings.var.parents) if path.exists())
    free = shutil.disk_usage(here).free
    state = f"{free / 2**30:.1f} GiB free"
    return _Finding("disk", state, "Free some space." if free < LITTLE_DISK else "")


def _secrets(settings: Settings) -> _Finding:
    exposed: list[str] = []
    with suppress(FileNotFoundError):
        exposed = [
            path.name
            for path in settings.secrets_path.iterdir()
            if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
        ]
    if exposed:
        return _Finding("keys", f"readable by others: {', '.join(exposed)}", "Run chmod 600 on them.")
    return _Finding("keys", "readable by their owner only")

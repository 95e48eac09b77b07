# pyright: reportUnknownMemberType=false
# redis is typed in part only.
"""The gateway process: `python -m apps.gateway`. Retrieval and chat run in it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import uvicorn
import uvloop
from fastapi import FastAPI
from redis.asyncio import Redis
from redis.exceptions import RedisError

from accounts import AdminKey, GuestSigner
from apps.assembly import Core, open_core
from apps.secrets import ADMIN_KEY_FILE, SIGNING_KEY_FILE
from chat import Conversations, ExtractiveResponder
from gateway import Parts, Probe, build_gateway
from ingestion import Removals, Transfers
from jobs import JobWatch
from runtime.database import Database
from runtime.errors import Unavailable
from runtime.settings import GatewaySettings, Settings, load_settings
from runtime.telemetry import configure_logging, configure_tracing


def main() -> None:
    """Serve until told to stop."""
    settings = load_settings()
    configure_logging(settings.log, process="gateway")
    configure_tracing(settings.telemetry, process="gateway")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    async with open_core(settings) as core, open_probes(settings, core.database) as probes:
        responder = _responder(core)
        watch = JobWatch(database=core.database, queue=core.queue)
        app = build_gateway(
            Parts(
                settings=settings.gateway,
                database=core.database,
                catalogue=core.catalogue,
                library=core.library,
                retriever=core.retriever,
                responder=responder,
                conversations=Conversations(),
                jobs=core.queue,
                watch=watch,
                ingestion=core.ingestion,
                addresses=core.addresses,
                contents=core.contents,
                transfers=_transfers(core),
                removals=Removals(
                    catalogue=core.catalogue, library=core.library, queue=core.queue, clock=core.clock
                ),
                admin_key=AdminKey.load_or_create(
                    settings.secrets_path / ADMIN_KEY_FILE, given=settings.secrets.admin_key
                ),
                guests=GuestSigner.load_or_create(
                    settings.secrets_path / SIGNING_KEY_FILE, core.clock, given=settings.secrets.signing_key
                ),
                probes=probes,
                deep_probes={"retrieval": core.retriever.ping},
                index_name=core.index_name,
                clock=core.clock,
            )
        )
        # The model's first run and the index's first read cost more than all later ones.
        await core.embedder.query("warm up")
        await _server(app, settings.gateway).serve()
        await watch.close()
        await responder.close()


def _server(app: FastAPI, settings: GatewaySettings) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    )


def _transfers(core: Core) -> Transfers:
    return Transfers(
        database=core.database,
        files=core.files,
        queue=core.queue,
        clock=core.clock,
        settings=core.settings.uploads,
    )


def _responder(core: Core) -> ExtractiveResponder:
    return ExtractiveResponder(
        database=core.database,
        retriever=core.retriever,
        embedder=core.embedder,
        catalogue=core.catalogue,
        library=core.library,
        clock=core.clock,
        max_question_chars=core.settings.gateway.max_question_chars,
    )


@asynccontextmanager
async def open_probes(settings: Settings, database: Database) -> AsyncGenerator[Mapping[str, Probe]]:
    """What tells whether the parts answer that the gateway needs."""
    async with (
        Redis.from_url(settings.redis.url.get_secret_value()) as redis,
        Redis.from_url(settings.broker.url.get_secret_value()) as broker,
    ):
        yield {
            "database": database.ping,
            "redis": _pinging(redis, "redis_unreachable", "Redis does not answer."),
            "broker": _pinging(broker, "broker_unreachable", "The broker of the wake-ups does not answer."),
        }


def _pinging(redis: Redis, code: str, detail: str) -> Probe:
    async def ping() -> None:
        try:
            await redis.ping()
        except RedisError as error:
            raise Unavailable(code, detail) from error

    return ping


if __name__ == "__main__":
    main()

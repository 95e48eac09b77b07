"""The gateway put together: layers, routes, pages."""

from collections.abc import Mapping

from fastapi import FastAPI

from accounts import AdminKey, GuestSigner
from chat import Conversations, Responder
from creators import Catalogue, Library
from gateway.description import describe
from gateway.middleware import layers
from gateway.parts import Parts, Probe
from gateway.problems import add_handlers
from gateway.routes import ROUTERS
from gateway.routes.pages import load_pages, page_routes
from ingestion import Addresses, Contents, Ingestion, Removals, Transfers
from jobs import JobQueue, JobWatch
from retrieval import IndexName, Retriever
from runtime.clock import Clock
from runtime.database import Database
from runtime.settings import GatewaySettings

# Room for a question that is far too long to be told so in characters.
MAX_JSON_BYTES = 256 * 1024
# The longest way to write one character in JSON: two escapes of six bytes.
BYTES_PER_CHARACTER = 12


def build_gateway(
    *,
    settings: GatewaySettings,
    database: Database,
    catalogue: Catalogue,
    library: Library,
    retriever: Retriever,
    responder: Responder,
    conversations: Conversations,
    jobs: JobQueue,
    watch: JobWatch,
    ingestion: Ingestion,
    addresses: Addresses,
    contents: Contents,
    transfers: Transfers,
    removals: Removals,
    admin_key: AdminKey,
    guests: GuestSigner,
    probes: Mapping[str, Probe],
    deep_probes: Mapping[str, Probe],
    index_name: IndexName,
    clock: Clock,
) -> FastAPI:
    """The HTTP application. What is passed in stays its opener's to close.

    `index_name` is the index that a new creator answers from. A probe returns when its part works and raises an
    UnderstudyError when it does not: `/ready` tries `probes`, the servers that this process cannot do without, and
    `/health/deep` the `deep_probes` too.
    """
    parts = Parts(
        settings=settings,
        database=database,
        catalogue=catalogue,
        library=library,
        retriever=retriever,
        responder=responder,
        conversations=conversations,
        jobs=jobs,
        watch=watch,
        ingestion=ingestion,
        addresses=addresses,
        contents=contents,
        transfers=transfers,
        removals=removals,
        admin_key=admin_key,
        guests=guests,
        probes=probes,
        deep_probes=deep_probes,
        index_name=index_name,
        clock=clock,
    )
    return _application(parts)


def _application(parts: Parts) -> FastAPI:
    max_bytes = max(MAX_JSON_BYTES, 2 * BYTES_PER_CHARACTER * parts.settings.max_question_chars)
    app = FastAPI(
        title="Understudy",
        version="1",
        docs_url=None,
        redoc_url=None,
        middleware=layers(max_bytes=max_bytes, max_form_bytes=parts.settings.max_upload_bytes),
        redirect_slashes=False,
        # Traces hold one span a request; the rooms add their own.
        telemetry={"metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.parts = parts
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(page_routes(load_pages()))
    describe(app)
    return app

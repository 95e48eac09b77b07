"""The gateway put together: layers, routes, pages."""

from fastapi import FastAPI

from gateway.description import describe
from gateway.middleware import layers
from gateway.parts import Parts
from gateway.problems import add_handlers
from gateway.routes import ROUTERS
from gateway.routes.pages import load_pages, page_routes

# Room for a question that is far too long to be told so in characters.
MAX_JSON_BYTES = 256 * 1024
# The longest way to write one character in JSON: two escapes of six bytes.
BYTES_PER_CHARACTER = 12


def build_gateway(parts: Parts) -> FastAPI:
    """The HTTP application. What is passed in stays its opener's to close."""
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

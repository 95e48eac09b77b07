"""The OpenAPI document, with errors described as they are."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.problems import MEDIA_TYPE, Problem

TEXT = (
    "Ask creators and get cited answers. Reading and asking a public creator is open; what changes a creator needs"
    " the administrator key as a bearer token. Errors are problem documents (RFC 9457) whose `code` is stable."
)


def describe(app: FastAPI) -> None:
    """Have the application describe its errors and its key the way they are."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=TEXT, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}), Problem=problem)
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {
                "description": "An error.",
                "content": {MEDIA_TYPE: reference},
            }
            operation["security"] = [{}, {"administrator": []}]
    document["components"]["securitySchemes"] = {
        "administrator": {"type": "http", "scheme": "bearer", "description": "The key under var/secrets."}
    }
    return document

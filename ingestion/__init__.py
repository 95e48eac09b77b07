"""How content arrives: items from folders and uploads, cut into passages, published when answerable.

A name's module is loaded when the name is first used: the command looks through folders, and is not to wait for what only the
worker needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.bundles import Bundle, BundleFile, Problem
    from ingestion.chunking import Chunker, chunker_name
    from ingestion.origins.folder import discover_folder
    from ingestion.pipeline import Pipeline
    from ingestion.steering import source_steering
    from ingestion.submitting import Ingestion, Submission

_MODULES = {
    "Bundle": "bundles",
    "BundleFile": "bundles",
    "Chunker": "chunking",
    "Ingestion": "submitting",
    "Pipeline": "pipeline",
    "Problem": "bundles",
    "Submission": "submitting",
    "chunker_name": "chunking",
    "discover_folder": "origins.folder",
    "source_steering": "steering",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'ingestion' has no attribute {name!r}")
    return getattr(import_module(f"ingestion.{_MODULES[name]}"), name)


__all__ = [
    "Bundle",
    "BundleFile",
    "Chunker",
    "Ingestion",
    "Pipeline",
    "Problem",
    "Submission",
    "chunker_name",
    "discover_folder",
    "source_steering",
]

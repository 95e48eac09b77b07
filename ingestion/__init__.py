"""How content arrives: items from folders and uploads, cut into passages, published when answerable.

A name's module is loaded when the name is first used: the command looks through folders, and is not to wait for what only the
worker needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.addresses import Accepted, Addresses
    from ingestion.archives import ArchiveUnpacker
    from ingestion.bundles import Bundle, BundleFile, Problem
    from ingestion.chunking import Chunker, chunker_name
    from ingestion.feeds.store import Feed, FeedCounts
    from ingestion.feeds.watching import Watcher
    from ingestion.origins.folder import discover_folder
    from ingestion.origins.registry import Origins
    from ingestion.pipeline import Pipeline
    from ingestion.submitting import Ingestion, Submission

_MODULES = {
    "Accepted": "addresses",
    "Addresses": "addresses",
    "ArchiveUnpacker": "archives",
    "Bundle": "bundles",
    "BundleFile": "bundles",
    "Chunker": "chunking",
    "Feed": "feeds.store",
    "FeedCounts": "feeds.store",
    "Ingestion": "submitting",
    "Origins": "origins.registry",
    "Pipeline": "pipeline",
    "Problem": "bundles",
    "Submission": "submitting",
    "Watcher": "feeds.watching",
    "chunker_name": "chunking",
    "discover_folder": "origins.folder",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'ingestion' has no attribute {name!r}")
    return getattr(import_module(f"ingestion.{_MODULES[name]}"), name)


__all__ = [
    "Accepted",
    "Addresses",
    "ArchiveUnpacker",
    "Bundle",
    "BundleFile",
    "Chunker",
    "Feed",
    "FeedCounts",
    "Ingestion",
    "Origins",
    "Pipeline",
    "Problem",
    "Submission",
    "Watcher",
    "chunker_name",
    "discover_folder",
]

"""How content arrives: items from folders and uploads, cut into passages, published when answerable.

A name's module is loaded when the name is first used: the command looks through folders, and is not to wait for what only the
worker needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.addresses import Addresses
    from ingestion.admitting import Accepted
    from ingestion.archives import ArchiveUnpacker
    from ingestion.bundles import Bundle, BundleFile, Problem
    from ingestion.checks import Scanner
    from ingestion.chunking import Chunker, chunker_name
    from ingestion.contents import Contents, Original
    from ingestion.correcting import CorrectionOutcome, Corrections, WantedText
    from ingestion.feeds.store import Feed, FeedCounts
    from ingestion.feeds.watching import Watcher
    from ingestion.origins.folder import discover_folder
    from ingestion.origins.registry import Origins
    from ingestion.pipeline import Pipeline
    from ingestion.removal.removing import Removals, Remover
    from ingestion.steering import source_steering
    from ingestion.submitting import Ingestion, Submission
    from ingestion.transfers import Assembly, Checksum, NewTransfer, Transfer, Transfers

_MODULES = {
    "Accepted": "admitting",
    "Addresses": "addresses",
    "ArchiveUnpacker": "archives",
    "Assembly": "transfers",
    "Bundle": "bundles",
    "BundleFile": "bundles",
    "Checksum": "transfers",
    "Chunker": "chunking",
    "Contents": "contents",
    "CorrectionOutcome": "correcting",
    "Corrections": "correcting",
    "Feed": "feeds.store",
    "FeedCounts": "feeds.store",
    "Ingestion": "submitting",
    "NewTransfer": "transfers",
    "Original": "contents",
    "Origins": "origins.registry",
    "Pipeline": "pipeline",
    "Problem": "bundles",
    "Removals": "removal.removing",
    "Remover": "removal.removing",
    "Scanner": "checks",
    "Submission": "submitting",
    "Transfer": "transfers",
    "Transfers": "transfers",
    "WantedText": "correcting",
    "Watcher": "feeds.watching",
    "chunker_name": "chunking",
    "discover_folder": "origins.folder",
    "source_steering": "steering",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'ingestion' has no attribute {name!r}")
    return getattr(import_module(f"ingestion.{_MODULES[name]}"), name)


__all__ = [
    "Accepted",
    "Addresses",
    "ArchiveUnpacker",
    "Assembly",
    "Bundle",
    "BundleFile",
    "Checksum",
    "Chunker",
    "Contents",
    "CorrectionOutcome",
    "Corrections",
    "Feed",
    "FeedCounts",
    "Ingestion",
    "NewTransfer",
    "Original",
    "Origins",
    "Pipeline",
    "Problem",
    "Removals",
    "Remover",
    "Scanner",
    "Submission",
    "Transfer",
    "Transfers",
    "WantedText",
    "Watcher",
    "chunker_name",
    "discover_folder",
    "source_steering",
]

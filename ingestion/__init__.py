"""How content arrives: items from folders and uploads, cut into passages, published when answerable."""

from ingestion.bundles import Bundle, BundleFile, Problem
from ingestion.chunking import Chunker, chunker_name
from ingestion.origins.folder import discover_folder
from ingestion.pipeline import Pipeline
from ingestion.submitting import Ingestion, Submission

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
]

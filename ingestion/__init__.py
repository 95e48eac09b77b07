"""How content arrives: items from folders and uploads, cut into passages, published when answerable."""

from ingestion.chunking import Chunker
from ingestion.origins.folder import Bundle, BundleFile, Problem, discover_folder
from ingestion.pipeline import Ingestion, Submission

__all__ = ["Bundle", "BundleFile", "Chunker", "Ingestion", "Problem", "Submission", "discover_folder"]

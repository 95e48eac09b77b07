"""Archives that people send: kept whole, and worked on item by item by one job."""

from ingestion.archives.accepting import KIND, ArchiveIntake
from ingestion.archives.unpacking import ArchiveUnpacker

__all__ = ["KIND", "ArchiveIntake", "ArchiveUnpacker"]

"""The bytes behind uploads: kept once, removed when nothing refers to them any more, and never in between."""

from ingestion.contents.keeping import Contents

__all__ = ["Contents"]

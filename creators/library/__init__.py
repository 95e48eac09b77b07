"""What they published, word for word."""

from creators.library.store import Library

__all__ = ["Library"]

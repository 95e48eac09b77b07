"""Who can be asked."""

from creators.catalogue.store import Catalogue

__all__ = ["Catalogue"]

"""Files that come in by pieces, over connections that break: begun, added to, resumed, and made an item of when whole."""

from ingestion.transfers.assembling import Assembly
from ingestion.transfers.receiving import Transfers
from ingestion.transfers.types import Checksum, NewTransfer, Transfer

__all__ = ["Assembly", "Checksum", "NewTransfer", "Transfer", "Transfers"]

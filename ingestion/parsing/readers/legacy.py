"""OLE containers: what Office 97 wrote, and the shell around office files with a password."""

from collections.abc import Iterator

from ingestion.parsing.readers.types import Found, Refused, Work

# The name of the stream that holds the encrypted file ([MS-OFFCRYPTO] 2.3.4.4), as directories hold names.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def preload() -> None:
    """Nothing is needed."""


def read(work: Work) -> Iterator[Found]:
    """Never anything: says which of the two it is."""
    raise Refused("document_encrypted" if _ENCRYPTED in work.path.read_bytes() else "document_legacy")

"""Typed identifiers. All are UUID version 7, so that they sort by the time they were made."""

import os
import time
from typing import NewType
from uuid import UUID

CreatorId = NewType("CreatorId", UUID)
SourceId = NewType("SourceId", UUID)
PassageId = NewType("PassageId", UUID)
JobId = NewType("JobId", UUID)
ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)
GuestId = NewType("GuestId", UUID)
FeedId = NewType("FeedId", UUID)


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of Unix time in milliseconds, then 74 random bits (RFC 9562, section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)

"""Guests: people who ask without an account, known by a signed cookie."""

import hashlib
from pathlib import Path
from typing import Self
from uuid import UUID

from itsdangerous import BadSignature, TimestampSigner
from pydantic import SecretStr

from accounts.keys import load_or_create_key
from runtime.clock import Clock
from runtime.ids import GuestId, new_id

# Browsers keep no cookie for longer than 400 days (RFC 6265bis, section 5.6.1).
GUEST_MAX_AGE_S = 400 * 24 * 3600


class GuestSigner:
    """Makes guests and recognises them. A cookie tells nothing but a random identifier and its date."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._signer = _ClockedSigner(secret, clock)

    @classmethod
    def load_or_create(cls, path: Path, clock: Clock, *, given: SecretStr | None = None) -> Self:
        """Signs with the given key, else with the one in the file; raises as `load_or_create_key`."""
        return cls(load_or_create_key(path, given=given), clock)

    def issue(self) -> tuple[GuestId, str]:
        """A new guest and the value of its cookie, good for `GUEST_MAX_AGE_S` seconds."""
        guest = GuestId(new_id())
        return guest, self._signer.sign(guest.hex).decode("ascii")

    def read(self, cookie: str) -> GuestId | None:
        """The guest of a cookie; None when it was not signed here, was changed, or is too old."""
        try:
            value = self._signer.unsign(cookie.encode("utf-8", errors="replace"), max_age=GUEST_MAX_AGE_S)
            return GuestId(UUID(hex=value.decode("ascii")))
        except (BadSignature, ValueError):
            return None


class _ClockedSigner(TimestampSigner):
    """Signs with SHA-256 and the time of the clock that it was given."""

    def __init__(self, secret: str, clock: Clock) -> None:
        super().__init__(secret, salt="understudy.guest", key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock.now().timestamp())

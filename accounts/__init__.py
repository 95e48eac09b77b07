"""Who may: the administrator's key, and the guests who ask without an account."""

from accounts.guests import GUEST_MAX_AGE_S, GuestSigner
from accounts.keys import AdminKey, load_or_create_key

__all__ = ["GUEST_MAX_AGE_S", "AdminKey", "GuestSigner", "load_or_create_key"]

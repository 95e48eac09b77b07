"""The files under `var/secrets` that hold the keys this installation made for itself."""

from typing import Final

ADMIN_KEY_FILE: Final = "admin.key"
SIGNING_KEY_FILE: Final = "signing.key"

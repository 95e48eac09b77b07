"""Who asks: the cookie by which a gateway knows whose conversation is whose, kept from one command to the next."""

import contextlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TypeGuard, cast

NAME = "understudy_guest"


class Guest:
    """The guest that this user is for one gateway. Another gateway is never shown its cookie."""

    def __init__(self, path: Path, gateway: str) -> None:
        self._path = path
        self._gateway = gateway

    def headers(self) -> dict[str, str]:
        """What a request brings along."""
        value = self._all().get(self._gateway)
        return {"Cookie": f"{NAME}={value}"} if value else {}

    def note(self, headers: Mapping[str, str]) -> None:
        """Keep what came with an answer, readable for this user only."""
        with contextlib.suppress(CookieError, KeyError):
            value = SimpleCookie(headers.get("Set-Cookie", ""))[NAME].value
            self._keep({**self._all(), self._gateway: value})

    def _keep(self, cookies: dict[str, str]) -> None:
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(cookies, file)
            draft.replace(self._path)
        except OSError as error:
            # The answer is there all the same.
            print(
                f"understudy: guest_not_kept: {self._path} cannot be written: {error.strerror}."
                " This conversation cannot be gone on with.",
                file=sys.stderr,
            )

    def _all(self) -> dict[str, str]:
        """The cookies by gateway; what cannot be read, or was written by something else, counts for nothing."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        cookies = cast("dict[str, object]", found)
        return {gateway: value for gateway, value in cookies.items() if _can_be_sent(value)}


def _can_be_sent(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isascii() and value.isprintable()

"""The command's side of the HTTP interface."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import urllib3

from apps.secrets import ADMIN_KEY_FILE
from apps.supervisor.lock import RunningState, read_state
from runtime.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnderstudyError,
)
from runtime.settings import Settings

Json = dict[str, Any]

_BY_STATUS: Mapping[int, type[UnderstudyError]] = {
    400: InvalidInput,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    415: InvalidInput,
    422: InvalidInput,
    503: Unavailable,
    507: Unavailable,
}


class GatewayClient:
    """Calls a gateway; problems come back as the errors they were there."""

    def __init__(self, url: str, *, key: str | None, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        # A command that was sent twice might be done twice; so nothing is tried again here.
        self._http = urllib3.PoolManager(retries=False, timeout=timeout_s)

    def get(self, path: str, **params: str | int) -> Json:
        """The JSON that `path` answers."""
        return self._answer("GET", f"{path}?{urlencode(params)}" if params else path)

    def post(self, path: str, body: Json) -> Json:
        """The JSON that `path` answers to this JSON."""
        return self._answer("POST", path, json=body)

    def put(self, path: str, body: Json) -> Json:
        """The JSON that `path` answers to being set to this."""
        return self._answer("PUT", path, json=body)

    def delete(self, path: str) -> Json:
        """The JSON that `path` answers to its removal."""
        return self._answer("DELETE", path)

    def patch(self, path: str, body: Json) -> Json:
        """The JSON that `path` answers to this change."""
        return self._answer("PATCH", path, json=body)

    def upload(self, path: str, files: Sequence[tuple[str, bytes]]) -> Json:
        """Send files that form one item."""
        parts = [("file", (name, data, "application/octet-stream")) for name, data in files]
        return self._answer("POST", path, fields=parts)

    def tus(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Mapping[str, str]:
        """The headers that a resumable upload is answered with, their names in lower case."""
        answer = self._request(method, path, headers={"Tus-Resumable": "1.0.0", **headers}, body=body)
        if answer.status >= 400:
            raise self._refusal(answer, path)
        return {name.lower(): value for name, value in answer.headers.items()}

    def absolute(self, address: str | None) -> str | None:
        """An address in an answer as one that can be opened outside of the gateway's own pages."""
        return urljoin(f"{self._url}/", address) if address else None

    def close(self) -> None:
        """Hang up."""
        self._http.clear()

    def default_creator(self) -> str:
        """The handle that is meant when none is given: the only creator, or the demo one."""
        creators = self.get("/api/v1/creators")["creators"]
        if len(creators) == 1:
            return creators[0]["handle"]
        raise InvalidInput(
            "creator_missing",
            "There are several creators." if creators else "There is no creator yet.",
            next_step="Name one with --creator HANDLE; ./understudy creators lists them.",
        )

    def _request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._http.request(
                method, self._url + path, headers={**self._headers, **(headers or {})}, **options
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(
                "gateway_unreachable",
                f"No gateway answers at {self._url}.",
                next_step="Start it with ./understudy up, or name another with UNDERSTUDY_CLIENT__URL.",
            ) from error

    def _answer(self, method: str, path: str, **options: Any) -> Json:
        response = self._request(method, path, **options)
        if response.status >= 400:
            raise self._refusal(response, path)
        return self._json(response, path)

    def _json(self, response: urllib3.BaseHTTPResponse, path: str) -> Json:
        try:
            return response.json()
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise Unavailable(
                "gateway_unreadable",
                f"What answers at {self._url}{path} is no Understudy gateway (status {response.status}).",
            ) from error

    def _refusal(self, response: urllib3.BaseHTTPResponse, path: str) -> UnderstudyError:
        answer = self._json(response, path)
        kind = _BY_STATUS.get(response.status, UnderstudyError)
        return kind(
            answer.get("code", "unknown_error"),
            answer.get("detail", "The gateway failed."),
            next_step=answer.get("next_step") or "",
        )


@contextmanager
def gateway_client(settings: Settings, *, timeout_s: float = 60) -> Generator[GatewayClient]:
    """A client of the gateway in the settings, or of the one that runs on this `var/`."""
    url = settings.client.url or running(settings.var).gateway_url
    client = GatewayClient(url, key=_admin_key(settings), timeout_s=timeout_s)
    try:
        yield client
    finally:
        client.close()


def running(var: Path) -> RunningState:
    """What the supervisor of this `var/` started. Raises Unavailable `not_running`."""
    state = read_state(var)
    if state is None:
        raise Unavailable(
            "not_running",
            "Understudy does not run here.",
            next_step="Start it in another terminal with ./understudy up.",
        )
    return state


def _admin_key(settings: Settings) -> str | None:
    """The key of this installation, if this user may read it; asking and searching need none."""
    from accounts import AdminKey

    path = settings.secrets_path / ADMIN_KEY_FILE
    if settings.secrets.admin_key is None and not path.exists():
        return None
    return AdminKey.load_or_create(path, given=settings.secrets.admin_key).reveal()

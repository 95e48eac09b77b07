"""The command's side of the HTTP interface."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import urllib3

from apps.command.guest import Guest
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
from runtime.settings import ROOT, Settings

Json = dict[str, Any]
DEMO = ROOT / "creators" / "demo"

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

    def __init__(self, url: str, *, key: str | None, guest: Guest, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._guest = guest
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

    def creator(self, given: str | None) -> str:
        """The creator that is meant, as it can stand in an address: the given handle or id, or the default one.

        Raises NotFound `creator_not_found` for what would need to be escaped: no creator is called that.
        """
        if given is None:
            return self.default_creator()
        if not given.strip(".") or quote(given, safe="") != given:
            raise NotFound(
                "creator_not_found",
                f"There is no creator {given[:80]!r}.",
                next_step="List the creators with ./understudy creators.",
            )
        return given

    def known_creator(self, given: str | None) -> str:
        """The handle of `creator`, looked up. Raises NotFound `creator_not_found`."""
        meant = self.creator(given)
        return meant if given is None else self.get(f"/api/v1/creators/{meant}")["handle"]

    def default_creator(self) -> str:
        """The handle that is meant when none is given: the demo creator if it is here, else the only one."""
        creators = [creator["handle"] for creator in self.get("/api/v1/creators")["creators"]]
        demo = json.loads((DEMO / "creator.json").read_text(encoding="utf-8"))["handle"]
        if demo in creators:
            return demo
        if len(creators) == 1:
            return creators[0]
        raise InvalidInput(
            "creator_missing",
            "There are several creators." if creators else "There is no creator yet.",
            next_step="Name one with --creator HANDLE; ./understudy creators lists them.",
        )

    def _request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> urllib3.BaseHTTPResponse:
        try:
            said = {**self._headers, **self._guest.headers(), **(headers or {})}
            response = self._http.request(method, self._url + path, headers=said, **options)
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(
                "gateway_unreachable",
                f"No gateway answers at {self._url}.",
                next_step="Start it with ./understudy up, or name another with UNDERSTUDY_CLIENT__URL.",
            ) from error
        self._guest.note(response.headers)
        return response

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
    # The gateway of this `var` may be at another port tomorrow; its guests stay.
    guest = Guest(settings.var / "guest.json", settings.client.url or "here")
    client = GatewayClient(url, key=_admin_key(settings), guest=guest, timeout_s=timeout_s)
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

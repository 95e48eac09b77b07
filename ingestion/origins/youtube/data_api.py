"""The YouTube Data API v3: listings and details by key, the owner's captions by OAuth.

Shapes and errors: https://developers.google.com/youtube/v3/docs (channels, playlists, playlistItems, videos, captions, errors),
and https://developers.google.com/identity/protocols/oauth2/web-server#offline for renewing access.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx

from ingestion.origins.youtube.captions import Caption, choose
from ingestion.origins.youtube.failures import obstacle
from ingestion.origins.youtube.processes import Access
from runtime.errors import UnderstudyError

_API: Final = "https://www.googleapis.com/youtube/v3"
_TOKEN: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_PAGE: Final = 50  # the most that each of these calls gives or takes
_PARTS: Final = "snippet,contentDetails,status,liveStreamingDetails"

Resource = dict[str, Any]

# https://developers.google.com/youtube/v3/docs/errors and https://developers.google.com/youtube/v3/docs/core_errors
_REASONS: Final = {
    "quotaExceeded": "youtube_quota_exceeded",
    "dailyLimitExceeded": "youtube_quota_exceeded",
    "rateLimitExceeded": "youtube_rate_limited",
    "userRateLimitExceeded": "youtube_rate_limited",
    "keyInvalid": "youtube_key_refused",
    "API_KEY_INVALID": "youtube_key_refused",
    "accessNotConfigured": "youtube_key_refused",
    "SERVICE_DISABLED": "youtube_key_refused",
    "ipRefererBlocked": "youtube_key_refused",
    "API_KEY_IP_ADDRESS_BLOCKED": "youtube_key_refused",
    "authError": "youtube_oauth_revoked",
    "insufficientPermissions": "youtube_oauth_revoked",
    "playlistItemsNotAccessible": "youtube_private",
    "watchHistoryNotAccessible": "youtube_private",
    "watchLaterNotAccessible": "youtube_private",
    "channelNotFound": "youtube_removed",
    "playlistNotFound": "youtube_removed",
    "videoNotFound": "youtube_removed",
    "captionNotFound": "youtube_no_captions",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner's permission to read captions: an OAuth client and the refresh token that it was given.

    The scope is `https://www.googleapis.com/auth/youtube.force-ssl`.
    """

    client_id: str
    client_secret: str
    refresh_token: str


class DataApi:
    """Calls with `key`, and those for captions as `owner`. Whoever made it closes it. Raises the errors of `failures`."""

    def __init__(
        self,
        access: Access,
        *,
        key: str | None = None,
        owner: Owner | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.has_key, self.has_owner = key is not None, owner is not None
        self._key, self._owner, self._monotonic = key, owner, monotonic
        self._token, self._token_ends = "", 0.0
        self._renewing = asyncio.Lock()
        self._client = httpx.AsyncClient(
            proxy=access.proxy,
            verify=ssl.create_default_context(cafile=str(access.ca_file) if access.ca_file else None),
            timeout=httpx.Timeout(access.timeout_s),
            trust_env=False,
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def videos(self, ids: Sequence[str]) -> dict[str, Resource]:
        """The `video` resources by id; those that are private or removed are not among them."""
        found: dict[str, Resource] = {}
        for start in range(0, len(ids), _PAGE):
            answer = await self._list("videos", part=_PARTS, id=",".join(ids[start : start + _PAGE]))
            found |= {video["id"]: video for video in answer.get("items", [])}
        return found

    async def channel(self, name: str) -> tuple[str, str]:
        """Title and playlist of all uploads of a channel: its id, `@handle`, or `user/name`."""
        by = (
            {"forHandle": name}
            if name.startswith("@")
            else {"forUsername": name.removeprefix("user/")}
            if name.startswith("user/")
            else {"id": name}
        )
        answer = await self._list("channels", part="snippet,contentDetails", **by)
        for channel in answer.get("items", []):
            return channel["snippet"]["title"], channel["contentDetails"]["relatedPlaylists"]["uploads"]
        raise obstacle("youtube_removed")

    async def playlist_title(self, playlist: str) -> str:
        answer = await self._list("playlists", part="snippet", id=playlist)
        for found in answer.get("items", []):
            return found["snippet"]["title"]
        raise obstacle("youtube_removed")

    async def playlist_videos(self, playlist: str) -> AsyncIterator[str]:
        """The ids of its videos, in its order."""
        page: dict[str, str] = {}
        while True:
            answer = await self._list(
                "playlistItems", part="contentDetails", playlistId=playlist, maxResults=str(_PAGE), **page
            )
            for item in answer.get("items", []):
                yield item["contentDetails"]["videoId"]
            if not answer.get("nextPageToken"):
                return
            page = {"pageToken": answer["nextPageToken"]}

    async def captions(self, video_id: str, wanted: Sequence[str]) -> Caption:
        """The owner's captions, as WebVTT. Drafts and tracks that failed or are still being fitted are passed over."""
        answer = await self._list("captions", part="snippet", videoId=video_id)
        tracks: list[Resource] = [
            {"id": item["id"], **item["snippet"]}
            for item in answer.get("items", [])
            if item["snippet"].get("status", "serving") == "serving" and not item["snippet"].get("isDraft")
        ]
        # "Forced" tracks translate only what is foreign in a film.
        tracks = [track for track in tracks if str(track.get("trackKind", "")).lower() != "forced"]
        track = choose(tracks, wanted, language=lambda t: t["language"], automatic=_is_automatic)
        if track is None:
            raise obstacle("youtube_no_captions")
        text = await self._get(f"{_API}/captions/{track['id']}", {"tfmt": "vtt"}, as_owner=True)
        return Caption(track["language"], _is_automatic(track), text.text, "youtube_owner")

    async def _list(self, resource: str, **query: str) -> Resource:
        response = await self._get(f"{_API}/{resource}", query, as_owner=resource == "captions")
        try:
            return cast("Resource", response.json())
        except ValueError as error:
            raise obstacle("youtube_not_understood") from error

    async def _get(self, url: str, query: dict[str, str], *, as_owner: bool) -> httpx.Response:
        # In headers, not in the address: addresses are logged on the way.
        headers = (
            {"Authorization": f"Bearer {await self._access_token()}"}
            if as_owner
            else {"X-Goog-Api-Key": self._key or ""}
        )
        response = await self._send("GET", url, params=query, headers=headers)
        if response.is_success:
            return response
        if as_owner and response.status_code == 401:
            self._token = ""
        raise _refusal(response, as_owner=as_owner)

    async def _access_token(self) -> str:
        assert self._owner is not None  # noqa: S101 - callers look at has_owner
        async with self._renewing:
            if self._token and self._monotonic() < self._token_ends:
                return self._token
            form = {
                "client_id": self._owner.client_id,
                "client_secret": self._owner.client_secret,
                "refresh_token": self._owner.refresh_token,
                "grant_type": "refresh_token",
            }
            response = await self._send("POST", _TOKEN, data=form)
            if response.status_code in {400, 401, 403}:  # invalid_grant, invalid_client, unauthorized_client
                raise obstacle("youtube_oauth_revoked")
            if not response.is_success:
                raise obstacle("youtube_unreachable")
            answer = cast("Resource", response.json())
            # A minute before its end, so that it does not end on the way.
            self._token_ends = self._monotonic() + float(answer.get("expires_in", 3600)) - 60
            self._token = str(answer["access_token"])
            return self._token

    async def _send(self, method: str, url: str, **named: Any) -> httpx.Response:
        try:
            return await self._client.request(method, url, **named)
        except httpx.ProxyError as error:
            raise obstacle("youtube_proxy_failed") from error
        except httpx.TimeoutException as error:
            raise obstacle("youtube_timeout") from error
        except httpx.TransportError as error:
            raise obstacle("youtube_unreachable") from error


def _is_automatic(track: Resource) -> bool:
    return str(track.get("trackKind", "")).lower() == "asr"


def _refusal(response: httpx.Response, *, as_owner: bool) -> UnderstudyError:
    """The error for `{"error": {"errors": [{"reason"}], "details": [{"reason"}]}}`."""
    try:
        error = response.json()["error"]
        given = [str(part.get("reason")) for name in ("errors", "details") for part in error.get(name, [])]
    except (ValueError, LookupError, TypeError, AttributeError):
        given = []
    if code := next((_REASONS[reason] for reason in given if reason in _REASONS), None):
        return obstacle(code)
    if response.status_code == 429:
        return obstacle("youtube_rate_limited")
    if response.status_code >= 500:
        return obstacle("youtube_unreachable")
    if response.status_code == 401:
        return obstacle("youtube_oauth_revoked" if as_owner else "youtube_key_refused")
    if response.status_code == 403:
        return obstacle("youtube_not_owner" if as_owner else "youtube_key_refused")
    return obstacle("youtube_removed" if response.status_code == 404 else "youtube_not_understood")

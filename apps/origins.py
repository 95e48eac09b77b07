"""The origins of this installation: the one place where they are made from the settings.

The gateway, too, has them, to recognise addresses: an adapter must load what is heavy with its first `fetch` or
`discover`, never with its import.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from pydantic import SecretStr

from ingestion import Origins
from ingestion.origins.podcast import PodcastOrigin
from ingestion.origins.web import WebOrigin
from ingestion.origins.youtube.data_api import Owner
from ingestion.origins.youtube.origin import YouTubeOrigin
from ingestion.origins.youtube.processes import Access
from runtime.clock import SystemClock
from runtime.http import OutsideClient
from runtime.settings import Settings, YouTubeSettings

AGENT = "Understudy"


@asynccontextmanager
async def open_origins(settings: Settings) -> AsyncGenerator[Origins]:
    """Open what the settings name; everything is closed at the end of the block."""
    clock = SystemClock()
    downloads = settings.var / "downloads" if settings.speech.model is not None else None
    async with AsyncExitStack() as stack:
        outside = outside_client(settings)
        stack.push_async_callback(outside.aclose)
        youtube = _youtube(settings)
        stack.push_async_callback(youtube.aclose)
        # In the order in which they are asked: the web takes every address left.
        podcast = PodcastOrigin(client=outside, clock=clock, downloads=downloads)
        others = [youtube.recognise, podcast.recognise]
        yield Origins([youtube, podcast, WebOrigin(client=outside, clock=clock, agent=AGENT, others=others)])


def outside_client(settings: Settings) -> OutsideClient:
    """The guarded client that adapters fetch with; closing it belongs to the caller."""
    pairs = (pair.rpartition(":") for pair in settings.origins.trusted)
    return OutsideClient(
        user_agent=f"{AGENT}/0.1", trusted=frozenset((host, int(port)) for host, _, port in pairs)
    )


def _youtube(settings: Settings) -> YouTubeOrigin:
    given = settings.youtube
    return YouTubeOrigin(
        Access(_plain(given.proxy), given.cookie_file, given.ca_file, given.timeout_s),
        key=_plain(given.api_key),
        owner=_owner(given),
        languages=given.languages.split(","),
        max_items=given.max_items,
        audio_folder=settings.var / "audio" if given.audio else None,
    )


def _owner(given: YouTubeSettings) -> Owner | None:
    secret, token = _plain(given.oauth_client_secret), _plain(given.oauth_refresh_token)
    if not given.oauth_client_id or not secret or not token:
        return None
    return Owner(given.oauth_client_id, secret, token)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()

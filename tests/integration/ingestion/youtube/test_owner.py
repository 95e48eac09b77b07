"""The owner's account and the Data API, before the pages are read."""

from collections.abc import Callable
from typing import Any

import pytest

from ingestion.extraction import extract
from ingestion.origins.youtube.addresses import video
from ingestion.origins.youtube.data_api import Owner
from ingestion.origins.youtube.origin import YouTubeOrigin
from runtime.errors import UnderstudyError
from tests.integration.ingestion.youtube.site import Site, Track, Video
from tests.integration.ingestion.youtube.test_listing import google_error, resource
from tests.integration.ingestion.youtube.wire import Reply, Wire

Make = Callable[..., YouTubeOrigin]
ID = "demoTubes21"
OWNER = Owner("client", "s3cret", "refresh")
VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nby the owner\n"


def caption(caption_id: str, language: str, kind: str = "standard", **more: Any) -> dict[str, Any]:
    """Shape: https://developers.google.com/youtube/v3/docs/captions#resource-representation."""
    snippet = {"videoId": ID, "language": language, "trackKind": kind, "isDraft": False, "status": "serving"}
    return {"kind": "youtube#caption", "id": caption_id, "snippet": snippet | more}


@pytest.fixture
def owned(site: Site) -> Site:
    site.add(Video(ID, tracks=[Track("en", [(0, "from the page")], automatic=True)]))
    site.api |= {
        "videos": Reply({"items": [resource(ID, contentDetails={"duration": "PT1H2M3S"})]}),
        "captions": Reply(
            {
                "items": [
                    caption("draft", "en", isDraft=True),
                    caption("broken", "en", status="failed"),
                    caption("forced", "en", "forced"),
                    caption("asr", "en", "asr"),
                    caption("mine", "en"),
                ]
            }
        ),
        "captions/mine": Reply(VTT, headers={"Content-Type": "application/octet-stream"}),
    }
    return site


async def test_the_owners_captions_come_first_and_no_page_is_read(
    owned: Site, make: Make, wire: Wire
) -> None:
    origin = make(key="k", owner=OWNER)
    read = extract(await origin.fetch(video(ID)))
    assert [segment.text for segment in read.segments] == ["by the owner"]
    assert (read.facts.duration_ms, read.facts.title) == (3_723_000, f"About {ID}")
    await origin.fetch(video(ID))
    assert {request.host for request in wire.requests} == {"oauth2.googleapis.com", "www.googleapis.com"}
    tokens = [request.form for request in wire.requests if request.path == "/token"]
    assert tokens == [
        {
            "client_id": "client",
            "client_secret": "s3cret",
            "refresh_token": "refresh",
            "grant_type": "refresh_token",
        }
    ]
    asked = [request for request in wire.requests if request.path.startswith("/youtube/v3/captions")]
    assert {request.headers["authorization"] for request in asked} == {"Bearer granted"}
    assert asked[1].query == {"tfmt": "vtt"}


@pytest.mark.parametrize(
    ("where", "reply", "code"),
    [
        (
            "token",
            Reply({"error": "invalid_grant", "error_description": "revoked"}, status=400),
            "oauth_revoked",
        ),
        ("token", Reply({"error": "invalid_client"}, status=401), "oauth_revoked"),
        ("captions", google_error(403, "forbidden", "youtube.caption"), "not_owner"),
        ("captions", google_error(401, "authError", "global"), "oauth_revoked"),
        ("captions", google_error(403, "quotaExceeded"), "quota_exceeded"),
        ("captions", Reply({"items": []}), "no_captions"),
        ("captions/mine", google_error(404, "captionNotFound", "youtube.caption"), "no_captions"),
    ],
)
async def test_where_the_account_does_not_help_the_pages_do(
    owned: Site, make: Make, where: str, reply: Reply, code: str
) -> None:
    if where == "token":
        owned.token = reply
    else:
        owned.api[where] = reply
    read = extract(await make(owner=OWNER).fetch(video(ID)))
    assert [segment.text for segment in read.segments] == ["from the page"]
    owned.videos[ID].tracks.clear()
    with pytest.raises(UnderstudyError) as caught:
        await make(owner=OWNER).fetch(video(ID))
    assert caught.value.code == "youtube_no_captions"
    assert f"owner's account ({code})" in caught.value.detail


async def test_a_token_that_was_withdrawn_is_not_used_again(owned: Site, make: Make, wire: Wire) -> None:
    origin = make(owner=OWNER)
    captions = owned.api["captions"]
    owned.api["captions"] = google_error(401, "authError", "global")
    await origin.fetch(video(ID))
    owned.api["captions"] = captions
    assert extract(await origin.fetch(video(ID))).segments[0].text == "by the owner"
    assert wire.paths().count("/token") == 2


async def test_a_stream_that_the_key_tells_of_is_not_looked_at(owned: Site, make: Make, wire: Wire) -> None:
    owned.api["videos"] = Reply({"items": [resource(ID, snippet={"liveBroadcastContent": "live"})]})
    with pytest.raises(UnderstudyError) as caught:
        await make(key="k").fetch(video(ID))
    assert caught.value.code == "youtube_live"
    assert wire.paths() == ["/youtube/v3/videos"]


async def test_a_video_that_the_key_does_not_show_is_looked_at(owned: Site, make: Make) -> None:
    owned.api["videos"] = Reply({"items": []})
    owned.videos[ID].playability = {"status": "LOGIN_REQUIRED", "reason": "Private video"}
    with pytest.raises(UnderstudyError) as caught:
        await make(key="k").fetch(video(ID))
    assert caught.value.code == "youtube_private"

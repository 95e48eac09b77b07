"""Which video, playlist or channel a text means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.origins.types import Address
from ingestion.origins.youtube.addresses import recognise
from runtime.errors import InvalidInput

ID = "dQw4-9WgXcQ"
CHANNEL = "UCuAXFkgsw1L7xaCfnd5JJOw"
LIST = "PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf"
WATCH = f"https://www.youtube.com/watch?v={ID}"
VIDEOS = [
    ID,
    WATCH,
    f"  {WATCH}\n",
    f"<{WATCH}>",
    f"http://youtube.com/watch?v={ID}",
    f"HTTPS://WWW.YOUTUBE.COM/watch?v={ID}",
    f"www.youtube.com/watch?v={ID}",
    f"//www.youtube.com/watch?v={ID}",
    f"youtube.com/watch?feature=share&v={ID}&t=42s",
    f"https://www.youtube.com/watch/{ID}",
    f"https://www.youtube.com/watch?v={ID}&list={LIST}&index=3",
    f"https://www.youtube.com/watch?v={ID}#t=10",
    f"https://www.youtube.com/?v={ID}",
    f"https://m.youtube.com/watch?v={ID}",
    f"https://music.youtube.com/watch?v={ID}&si=abc",
    f"https://youtu.be/{ID}",
    f"youtu.be/{ID}?si=AbCdEf&t=90",
    f"https://youtu.be/{ID}?list={LIST}",
    f"https://youtu.be/{ID}.",
    f"https://youtu.be/{ID}&feature=youtu.be",
    f"https://www.youtube.com/shorts/{ID}?feature=share",
    f"https://www.youtube.com/live/{ID}?si=x",
    f"https://www.youtube.com/embed/{ID}?start=5",
    f"https://www.youtube-nocookie.com/embed/{ID}",
    f"https://www.youtube.com/v/{ID}",
    f"https://www.youtube.com/e/{ID}",
    f"https://www.youtube.com/attribution_link?a=x&u=%2Fwatch%3Fv%3D{ID}%26feature%3Dshare",
    f"https://consent.youtube.com/m?continue=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D{ID}&gl=DE",
    f"https://www.youtube.com/redirect?q=https%3A%2F%2Fyoutu.be%2F{ID}",
    f"https://www.youtube.com/oembed?url=https%3A//www.youtube.com/watch%3Fv%3D{ID}&format=json",
]
COLLECTIONS = {
    LIST: LIST,
    f"https://www.youtube.com/playlist?list={LIST}&si=x": LIST,
    f"https://www.youtube.com/watch?list={LIST}": LIST,
    f"https://youtu.be/?list={LIST}": LIST,
    f"https://music.youtube.com/playlist?list={LIST}": LIST,
    f"https://www.youtube.com/embed/videoseries?list={LIST}": LIST,
    f"https://music.youtube.com/browse/VL{LIST}": LIST,
    "https://music.youtube.com/playlist?list=OLAK5uy_kmH0lMbTT2Qg7dT0zS2Xyv": "OLAK5uy_kmH0lMbTT2Qg7dT0zS2Xyv",
    "@Some.Creator": "@some.creator",
    "https://www.youtube.com/@SomeCreator": "@somecreator",
    "https://www.youtube.com/@SomeCreator?si=x&sub_confirmation=1": "@somecreator",
    "youtube.com/@SomeCreator/featured": "@somecreator",
    "https://www.youtube.com/@SomeCreator/videos": "@somecreator/videos",
    "https://www.youtube.com/@SomeCreator/streams": "@somecreator/streams",
    "https://www.youtube.com/@SomeCreator/live": "@somecreator/streams",
    "https://m.youtube.com/@SomeCreator/shorts": "@somecreator/shorts",
    "https://www.youtube.com/@%E3%81%82%E3%81%84": "@\u3042\u3044",
    CHANNEL: CHANNEL,
    f"https://www.youtube.com/channel/{CHANNEL}": CHANNEL,
    f"https://www.youtube.com/channel/{CHANNEL}/videos?view=0": f"{CHANNEL}/videos",
    f"https://music.youtube.com/browse/{CHANNEL}": CHANNEL,
    "https://www.youtube.com/c/SomeName": "c/SomeName",
    "https://www.youtube.com/user/SomeName/about": "user/SomeName",
    "https://www.youtube.com/SomeName": "c/SomeName",
    "https://consent.youtube.com/ml?continue=https://www.youtube.com/@SomeCreator": "@somecreator",
}
WRONG = {
    "https://www.youtube.com/watch?v=short": "youtube_id_invalid",
    f"https://youtu.be/{ID}x": "youtube_id_invalid",
    "https://youtu.be/": "youtube_id_invalid",
    "https://www.youtube.com/shorts/": "youtube_id_invalid",
    "https://www.youtube.com/channel/UCshort": "youtube_id_invalid",
    "https://www.youtube.com/playlist?list=nonsense": "youtube_id_invalid",
    "https://www.youtube.com/playlist": "youtube_address_unknown",
    "https://www.youtube.com/": "youtube_address_unknown",
    "https://www.youtube.com/watch": "youtube_address_unknown",
    "https://www.youtube.com/results?search_query=bikes": "youtube_address_unknown",
    "https://www.youtube.com/feed/subscriptions": "youtube_address_unknown",
    "https://www.youtube.com/hashtag/bikes": "youtube_address_unknown",
    "https://www.youtube.com/clip/UgkxDemo": "youtube_address_unknown",
    "https://www.youtube.com/post/UgkxDemo": "youtube_address_unknown",
    "https://www.youtube.com/@creator/nowhere": "youtube_address_unknown",
    "https://www.youtube.com/playlist?list=WL": "youtube_list_personal",
    "https://www.youtube.com/playlist?list=LL": "youtube_list_personal",
    f"https://www.youtube.com/watch?list=RD{ID}": "youtube_list_personal",
}
OTHERS = [
    "",
    "https://example.com/watch?v=dQw4-9WgXcQ",
    "https://youtube.com.example.org/watch?v=dQw4-9WgXcQ",
    "https://notyoutube.com/watch?v=dQw4-9WgXcQ",
    "https://youtube.com@example.org/watch?v=dQw4-9WgXcQ",
    "ftp://youtube.com/watch?v=dQw4-9WgXcQ",
    "https://consent.youtube.com/m?continue=https://example.com/x",
    "how to fix a bike",
    "temperature",
    "Temperature",
    "folder/name.vtt",
    "http://[broken",
]


@pytest.mark.parametrize("text", VIDEOS)
def test_a_video(text: str) -> None:
    assert recognise(text) == Address("youtube", "item", ID, WATCH)


@pytest.mark.parametrize(("text", "identifier"), COLLECTIONS.items())
def test_a_collection(text: str, identifier: str) -> None:
    found = recognise(text)
    assert found is not None
    assert (found.origin, found.kind, found.id) == ("youtube", "collection", identifier)
    # What is shown and stored leads to the same place.
    assert recognise(found.url) == found


@pytest.mark.parametrize(("text", "code"), WRONG.items())
def test_what_is_of_youtube_and_wrong(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        recognise(text)
    assert caught.value.code == code
    assert caught.value.next_step


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_not_of_youtube(text: str) -> None:
    assert recognise(text) is None


@given(st.text() | st.builds("https://www.youtube.com/{}".format, st.text()))
def test_any_text_is_recognised_refused_or_left(text: str) -> None:
    try:
        found = recognise(text)
    except InvalidInput:
        return
    assert found is None or recognise(found.url) == found


def test_wrappers_inside_wrappers_are_opened_a_few_times() -> None:
    text = f"https://youtu.be/{ID}"
    for _ in range(3):
        text = "https://consent.youtube.com/m?continue=" + text
    assert recognise(text) == Address("youtube", "item", ID, WATCH)
    with pytest.raises(InvalidInput):
        recognise("https://www.youtube.com" + "/redirect?q=" * 5000)

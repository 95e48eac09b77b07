"""The transcripts of an episode: which one is taken, and that each form becomes timed segments."""

from collections.abc import AsyncIterator

import pytest

from ingestion.extraction import extract
from ingestion.origins.podcast import PodcastOrigin
from runtime.errors import InvalidInput, NotFound, Unavailable
from runtime.testing import FixedClock
from tests.unit.ingestion.site import Site, running_site
from tests.unit.ingestion.test_podcast import SRT, VTT, item, only, rss, transcript

# The forms of podcast:transcript (Podcast Namespace, transcripts/transcripts.md), all of the same sentence.
FORMS = {
    "application/json": '{"version": "1.0.0", "segments": [{"speaker": "Mara Holt", "startTime": 1, "endTime": 4,'
    ' "body": "Grease the seat post every spring."}]}',
    "text/vtt": VTT,
    "application/x-subrip": SRT,
    "text/html": "<cite>Mara Holt:</cite><time>0:01</time><p>Grease the seat post every spring.</p>",
    "text/plain": "Mara Holt (00:01):\nGrease the seat post every spring.\n",
}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def origin(site: Site) -> PodcastOrigin:
    return PodcastOrigin(client=site.client, clock=FixedClock())


async def test_transcripts_are_taken_in_order_of_language_and_worth(
    site: Site, origin: PodcastOrigin
) -> None:
    kinds = {
        "/a.txt": "text/plain",
        "/a.html": "text/html",
        "/a.srt": "application/srt",
        "/a.vtt": "text/vtt",
        "/a.json": "application/json",
    }
    for path in kinds:
        site.put(path, VTT)
    site.put("/de.json", FORMS["application/json"])
    foreign = transcript("/de.json", "application/json", 'language="de"')
    all_kinds = [transcript(path, kind) for path, kind in kinds.items()]
    named = (".transcript.txt", ".transcript.html", ".srt", ".vtt", ".transcript.json")
    for count, suffix in enumerate(named, start=1):
        url = site.put(f"/{count}.rss", rss(item(more=foreign + "".join(all_kinds[:count]))))
        assert (await only(origin, url)).files[1].name.endswith(f".en-us{suffix}")
    url = site.put("/de.rss", rss(item(more=foreign)))
    assert (await only(origin, url)).files[1].name.endswith(".de.transcript.json")
    chosen = PodcastOrigin(client=site.client, clock=FixedClock(), formats=(".srt", ".vtt"))
    url = site.put("/6.rss", rss(item(more="".join(all_kinds))))
    assert (await only(chosen, url)).files[1].name.endswith(".srt")


@pytest.mark.parametrize("kind", FORMS)
async def test_every_form_of_transcript_becomes_timed_segments(
    site: Site, origin: PodcastOrigin, kind: str
) -> None:
    site.put("/words", FORMS[kind], kind)
    url = site.put("/f.rss", rss(item(more=transcript("/words", kind))))
    found = extract(await only(origin, url), ["Mara Holt"])
    [segment] = found.segments
    assert (segment.text, segment.start_ms) == ("Grease the seat post every spring.", 1000)
    assert found.facts.kind == "audio"


async def test_a_transcript_without_times_gives_way_to_the_next(site: Site, origin: PodcastOrigin) -> None:
    site.put("/a.html", "<p>Grease the seat post every spring.</p>", "text/html")
    site.put("/b.txt", FORMS["text/plain"], "text/plain")
    pages = transcript("/a.html", "text/html")
    url = site.put("/f.rss", rss(item(more=pages + transcript("/b.txt", "text/plain"))))
    assert (await only(origin, url)).files[1].name.endswith(".transcript.txt")
    url = site.put("/g.rss", rss(item(more=pages)))
    with pytest.raises(InvalidInput) as caught:
        await only(origin, url)
    assert caught.value.code == "captions_broken"
    assert caught.value.next_step


async def test_a_transcript_that_is_gone_gives_way_to_the_next(site: Site, origin: PodcastOrigin) -> None:
    site.put("/b.srt", SRT)
    url = site.put(
        "/f.rss", rss(item(more=transcript("/a.vtt", "text/vtt") + transcript("/b.srt", "application/srt")))
    )
    assert (await only(origin, url)).files[1].name.endswith(".srt")
    del site.replies["/b.srt"]
    with pytest.raises(NotFound) as caught:
        await only(origin, url)
    assert caught.value.code == "transcript_not_found"
    site.put("/a.vtt", status=503)
    with pytest.raises(Unavailable) as waiting:
        await only(origin, url)
    assert waiting.value.code == "transcript_server_error"

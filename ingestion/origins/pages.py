"""From a web page to the Markdown document that `ingestion.documents` reads: its own text, without what frames it.

Run as a program it does so for one page on its standard input, within limits of memory and processor time: pages are
anybody's, and a parser that hangs or grows must not take the worker with it.
"""

import json
import re
import resource
import sys
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import trafilatura

from ingestion.decoding import drop_senseless
from ingestion.origins.responses import PRIVATE_MARKS, login_needed, page_empty, page_private
from ingestion.origins.robots import tokens
from ingestion.origins.xml import decode_text
from runtime.errors import Forbidden, UnderstudyError

MEMORY_BYTES: Final = 1024 * 2**20
PROCESSOR_S: Final = 20
_LEAST_LETTERS: Final = 50
_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9_-]{2,40})""", re.IGNORECASE)
_NOT_FREE: Final = re.compile(r""""isAccessibleForFree"\s*:\s*"?false""", re.IGNORECASE)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")


def read_page(data: bytes, content_type: str, url: str) -> bytes:
    """The page that came from `url` as Markdown with front matter: title, author, date, lang, and the address that citations open.

    Raises Forbidden `page_noindex`, `page_paywalled`, `page_login_needed`, InvalidInput `page_empty`.
    """
    charset = (
        "" if "charset" in content_type.lower() else (_CHARSET.search(data[:4000]) or [b"", b""])[1].decode()
    )
    text = decode_text(data, f"{content_type}; charset={charset}" if charset else content_type)
    # trafilatura is typed, what it is built on is not.
    tree: Any = trafilatura.load_html(text)
    if tree is None:
        raise page_empty()
    _refuse(tree)
    asks_for_password = bool(tree.xpath("//input[@type='password']"))
    facts = _facts(text, tree, url)
    body = trafilatura.extract(
        tree,
        url=url,
        output_format="markdown",
        include_formatting=True,
        include_comments=False,
        include_links=False,
    )
    if body is None or sum(letter.isalnum() for letter in body) < _LEAST_LETTERS:
        if asks_for_password:
            raise login_needed(urlsplit(url).hostname or "")
        raise page_empty()
    return _document(facts, body)


def _refuse(tree: Any) -> None:
    names = "translate(@name, 'ROBTSUNDEY', 'robtsundey')"
    if PRIVATE_MARKS & tokens(tree.xpath(f"//meta[{names}='robots' or {names}='understudy']/@content")):
        raise page_private()
    if any(_NOT_FREE.search(script) for script in tree.xpath("//script[@type='application/ld+json']/text()")):
        raise Forbidden(
            "page_paywalled",
            "The page says that it is only for people who pay, so what it shows may not be all of it.",
            next_step="Upload the full text as a file.",
        )


def _facts(text: str, tree: Any, url: str) -> dict[str, str | None]:
    found = trafilatura.extract_metadata(
        text, default_url=url, date_config={"extensive_search": False, "original_date": True}
    )
    language = next(iter(tree.xpath("/html/@lang | /html/@xml:lang")), "").strip().replace("_", "-")
    return {
        "title": found.title or next(iter(tree.xpath("//title/text()")), None),
        "author": found.author,
        "date": found.date,
        "lang": language if _LANGUAGE.fullmatch(language) else None,
        "url": _canonical(tree, url),
    }


def _canonical(tree: Any, url: str) -> str:
    """The address that the page calls its own, if that is on the same site: a citation must not lead elsewhere."""
    for reference in tree.xpath("//link[translate(@rel, 'CANOIL', 'canoil')='canonical']/@href"):
        try:
            canonical = urljoin(url, reference.strip())
            here, there = urlsplit(url), urlsplit(canonical)
            same = (there.hostname or "").removeprefix("www.") == (here.hostname or "").removeprefix("www.")
        except ValueError:
            continue
        if same and there.scheme in {"http", "https"} and canonical.isprintable() and " " not in canonical:
            return canonical
    return url


def _document(facts: dict[str, str | None], body: str) -> bytes:
    lines = [
        f"{name}: {line}"
        for name, value in facts.items()
        if (line := " ".join(drop_senseless(value or "").split()))
    ]
    return "\n".join(["---", *lines, "---", "", body, ""]).encode("utf-8", "replace")


def main() -> None:
    """Read one page: a line of JSON (`url`, `content_type`), then its bytes; answer with one JSON object."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        document = read_page(sys.stdin.buffer.read(), asked["content_type"], asked["url"])
        answer = {"document": document.decode()}
    except UnderstudyError as error:
        answer = {
            "error": type(error).__name__,
            "code": error.code,
            "detail": error.detail,
            "next_step": error.next_step,
        }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()

"""Documents read in real child processes: their text with its place, their refusals, and what a child may not do."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from pptx import Presentation

from ingestion.parsing import ForkServerParser, Limits
from runtime.errors import InvalidInput, Unavailable
from tests.e2e.test_documents import OUTCOMES
from tests.hostile.sound import TEXT, pdf, sound

ROOT = Path(__file__).resolve().parents[3]

# A phrase of each ordinary file, with its page and the end of its heading path.
PHRASES = [
    ("docx-tables.docx", "Header Col 1 | Header Col 2", None, None),
    ("eng_spa_mult.epub", "Todos los seres humanos nacen libres e iguales", None, None),
    ("example-10k-1p.html", "Galaxy Gaming, Inc.", None, None),
    ("fake-doc.rtf", "My first paragraph.", None, "My First Heading"),
    ("fake-email.eml", "Roses are red", None, None),
    ("fake-power-point-table.pptx", "Red | Green | Blue", 1, "A Slide with a Table"),
    ("fake-power-point.pptx", "Find the bullet slide layout", 1, "Adding a Bullet Slide"),
    ("fake.docx", "Lorem ipsum dolor sit amet.", None, None),
    ("fake.odt", "Color | Blue | Red | Green", None, None),
    ("fr_olap.pdf", "l’exploitation et la fouille de fichiers logs", 1, None),
    ("handbook-1p.docx", "The Bankruptcy Reform Act of 1978 removed the bankruptcy judge", 2, None),
    ("ideas-page.html", "Someone fed my essays into GPT", None, None),
    ("korean-text-with-tables.pdf", "커피전문점·제과점·편의점 2% 빅포인트 적립", 1, None),
    ("layout-parser-paper-fast.pdf", "easy reuse of important innovations by a wide audience", 1, "Image Analysis"),
    ("list-item-example.pdf", "● How will the product meet market needs?", 2, None),
    ("multi-column-2p.pdf", "relies on efficient passage retrieval to select candidate contexts, where", 1, None),
    ("multi-column-2p.pdf", "QA datasets, it also suffers from two weaknesses.", 2, None),
    ("pdf-with-ocr-text.pdf", "to keep you posted on the progress of the Foundation", 1, None),
    ("stanley-cups.xlsx", "Maple Leafs | TOR | 0", 2, "Stanley Cups Since 67"),
    ("winter-sports.epub", "CURLING", None, None),
    ("DA-619p.pdf", "Table of Contents", 1, "Codex DAO"),
    ("handbook-872p.docx", "Handbook for", None, None),
]  # fmt: skip


@pytest.fixture(scope="module")
async def parser() -> AsyncIterator[ForkServerParser]:
    made = ForkServerParser()
    yield made
    await made.close()


def _found(folder: Path, name: str) -> Path:
    return next(
        path
        for path in (folder / "documents" / kind / name for kind in ("ordinary", "hostile"))
        if path.exists()
    )


@pytest.mark.data
@pytest.mark.parametrize(("name", "phrase", "page", "heading"), PHRASES)
async def test_text_comes_with_its_place(
    parser: ForkServerParser, test_data: Path, name: str, phrase: str, page: int | None, heading: str | None
) -> None:
    document = await parser.parse(name, _found(test_data, name).read_bytes())
    found = [one for one in document.paragraphs if phrase in one.text]
    assert found, [one.text for one in document.paragraphs][:20]
    assert found[0].page == page
    assert (found[0].heading or "").endswith(heading or "")
    assert all(one.text.strip() == one.text and len(one.text) <= 2000 for one in document.paragraphs)


@pytest.mark.data
async def test_running_headers_go_and_the_title_stays(parser: ForkServerParser, test_data: Path) -> None:
    document = await parser.parse("a", _found(test_data, "fr_olap.pdf").read_bytes())
    titles = [
        one.page for one in document.paragraphs if one.text.startswith("Résumés et interrogations de logs")
    ]
    assert titles[0] == 1
    assert len(titles) <= 2  # the second is the entry in the list of references
    assert not [one for one in document.paragraphs if one.text == "J. Aligon et al."]


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in OUTCOMES if not name.endswith(".txt")])
async def test_hostile_files_end_as_they_should(parser: ForkServerParser, test_data: Path, name: str) -> None:
    data = _found(test_data, name).read_bytes()
    if OUTCOMES[name] == "ready":
        assert (await parser.parse(name, data)).paragraphs
        return
    with pytest.raises(InvalidInput) as caught:
        await parser.parse(name, data)
    assert caught.value.code == OUTCOMES[name]
    assert caught.value.next_step


@pytest.mark.parametrize(
    "name", [name for name in sound() if name.split(".")[1] not in {"png", "jpg", "tiff"}]
)
async def test_sound_documents(parser: ForkServerParser, name: str) -> None:
    document = await parser.parse("named.wrongly", sound()[name])
    assert TEXT in " ".join(one.text for one in document.paragraphs)


async def test_notes_stand_under_their_slide(parser: ForkServerParser) -> None:
    slides = Presentation()
    for number in (1, 2):
        slide = slides.slides.add_slide(slides.slide_layouts[5])
        slide.shapes.title.text = f"Cranks {number}"
        slide.notes_slide.notes_text_frame.text = f"Say it slowly {number}."
    made = BytesIO()
    slides.save(made)
    document = await parser.parse("a.pptx", made.getvalue())
    assert [(one.text, one.heading, one.page) for one in document.paragraphs] == [
        ("Say it slowly 1.", "Cranks 1", 1),
        ("Say it slowly 2.", "Cranks 2", 2),
    ]


async def test_attachments_stand_under_their_names(parser: ForkServerParser) -> None:
    document = await parser.parse("a.eml", sound()["a.eml"])
    assert [(one.text, one.heading, one.page) for one in document.paragraphs] == [
        (TEXT, None, None),
        (TEXT, "a.pdf", 1),
    ]
    assert (document.title, document.author) == ("Cranks", "Bev")


async def test_pictures_say_what_is_missing_to_read_them(parser: ForkServerParser) -> None:
    with pytest.raises(InvalidInput) as caught:
        await parser.parse("a.png", sound()["a.png"])
    # With Tesseract installed, it looks and finds nothing.
    assert caught.value.code in {"document_needs_ocr", "document_empty"}


def slow() -> bytes:
    """A document that takes more seconds to read than a test may last."""
    text = b"BT /F1 1 Tf (aaaaaaaaaa) Tj ET\n" * 200_000
    kids = b"<</Type/Pages/Count 400/Kids[" + b"3 0 R " * 400 + b"]>>"
    return pdf(text, o2=kids)


@pytest.mark.parametrize(
    ("limits", "codes"),
    [
        (Limits(base_s=1, per_mib_s=0), {"document_too_slow"}),
        (Limits(output_bytes=100), {"document_too_long"}),
        # PDFium ends itself when there is no more memory.
        (Limits(memory_bytes=1 << 20), {"document_too_complex", "document_unreadable"}),
    ],
)
async def test_limits_end_a_document_and_nothing_else(limits: Limits, codes: set[str]) -> None:
    limited = ForkServerParser(limits)
    try:
        with pytest.raises(InvalidInput) as caught:
            await limited.parse("a.pdf", pdf() if limits.output_bytes == 100 else slow())
        assert caught.value.code in codes
        with pytest.raises(InvalidInput) as caught:
            await limited.parse("a.rtf", b"{\\rtf1")  # the server is still there
        assert caught.value.code != "parser_unavailable"
    finally:
        server = _server(limited)
        await limited.close()
    assert not server.is_running()


async def test_a_document_does_not_wait_for_another() -> None:
    parser = ForkServerParser()
    try:
        waiting = asyncio.create_task(parser.parse("slow.pdf", slow()))
        assert (await parser.parse("a.pdf", pdf())).paragraphs[0].text == TEXT
        assert not waiting.done()
        server = _server(parser)
        assert len(server.children()) == 1
        waiting.cancel()
        await asyncio.wait({waiting})
        await _until(lambda: not server.children())
        assert (await parser.parse("a.pdf", pdf())).paragraphs[0].text == TEXT
    finally:
        await parser.close()


async def test_a_lost_server_is_replaced() -> None:
    parser = ForkServerParser()
    try:
        waiting = asyncio.create_task(parser.parse("slow.pdf", slow()))
        await parser.parse("a.pdf", pdf())
        children = _server(parser).children()
        _server(parser).kill()
        for child in children:
            child.kill()
        with pytest.raises(Unavailable) as caught:
            await waiting
        assert caught.value.code == "parser_unavailable"
        assert (await parser.parse("a.pdf", pdf())).paragraphs[0].text == TEXT
    finally:
        await parser.close()


async def test_a_child_has_no_secrets_and_no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_SECRETS__SIGNING_KEY", "s3cret")
    parser = ForkServerParser()
    try:
        waiting = asyncio.create_task(parser.parse("slow.pdf", slow()))
        await parser.parse("a.pdf", pdf())
        server = _server(parser)
        (child,) = server.children()
        assert not [name for name in child.environ() if name.startswith("UNDERSTUDY_SECRETS")]
        assert os.getsid(child.pid) == child.pid
        assert child.num_fds() <= 5  # the three standard ones, the connection, the document
        if sys.platform == "linux":
            assert os.readlink(f"/proc/{child.pid}/ns/net") != os.readlink("/proc/self/ns/net")
        waiting.cancel()
    finally:
        await parser.close()


ESCAPES = """
import json, os, socket, subprocess, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from confinement import confine, isolate, surrender
folder = Path(sys.argv[2])
alone = isolate()
surrender()
confine(folder, memory_bytes=64 << 20, disk_bytes=1 << 20, wall_s=60)
def outcome(act):
    try:
        act()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
def native():
    import ctypes
    class Address(ctypes.Structure):
        _fields_ = [("family", ctypes.c_ushort), ("port", ctypes.c_ushort), ("host", ctypes.c_uint32), ("zero", ctypes.c_char * 8)]
    libc = ctypes.CDLL(None, use_errno=True)
    there = Address(2, socket.htons(int(sys.argv[3])), socket.htonl(0x7F000001), b"")
    if libc.connect(libc.socket(2, 1, 0), ctypes.byref(there), 16):
        raise OSError(ctypes.get_errno(), "connect")
print(json.dumps({
    "alone": alone,
    "socket": outcome(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])))),
    "native": outcome(native),
    "program": outcome(lambda: subprocess.run(["/bin/true"])),
    "shell": outcome(lambda: os.system("true")),
    "outside": outcome(lambda: open(folder.parent / "outside", "w")),
    "link": outcome(lambda: (os.symlink("/", folder / "l"), open(folder / "l" / "tmp" / "through", "w"))),
    "inside": outcome(lambda: (folder / "inside").write_bytes(b"x")),
    "large": outcome(lambda: (folder / "large").write_bytes(bytes(2 << 20))),
    "memory": outcome(lambda: bytearray(100 << 20)),
}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what the child may do is limited by Linux")
@pytest.mark.parametrize("user", [None, 65534], ids=["as started", "as nobody"])
async def test_what_a_child_may_not_do(user: int | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    if user is not None and os.geteuid() != 0:
        pytest.skip("only root can try another user")
    # Others cannot get at an interpreter that lies in root's home; the system's does as well.
    python = shutil.which("python3", path="/usr/bin") if user else sys.executable
    if python is None:
        pytest.skip("no Python that another user may run")
    folder, code = tmp_path_factory.mktemp("confined"), tmp_path_factory.mktemp("code")
    shutil.copy(ROOT / "ingestion" / "parsing" / "confinement.py", code)
    folder.chmod(0o777)
    code.chmod(0o755)
    for parent in folder.parents[:2]:
        parent.chmod(0o755)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ran = await asyncio.to_thread(
        subprocess.run,
        [python, "-c", ESCAPES, str(code), str(folder), str(port)],
        user=user,
        capture_output=True,
        check=True,
        cwd=folder,
    )
    server.close()
    await server.wait_closed()
    assert json.loads(ran.stdout) == {
        "alone": True,
        "socket": "PermissionError",
        "native": "OSError",
        "program": "PermissionError",
        "shell": "PermissionError",
        "outside": "PermissionError",
        "link": "PermissionError",
        "inside": "done",
        "large": "OSError",
        "memory": "MemoryError",
    }


PARENT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from ingestion.parsing import ForkServerParser
from tests.integration.ingestion.test_parsing import slow
from tests.hostile.sound import pdf
async def main():
    parser = ForkServerParser()
    waiting = asyncio.create_task(parser.parse("slow.pdf", slow()))
    await parser.parse("a.pdf", pdf())
    print("reading", flush=True)
    await waiting
asyncio.run(main())
"""


async def test_nothing_outlives_a_killed_parent() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(ROOT), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    while (line := await parent.stdout.readline()) != b"reading\n":
        assert line, "it ended"
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) == 2
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, 10)
    assert alive == []


def _server(parser: ForkServerParser) -> psutil.Process:
    assert parser._server is not None
    return psutil.Process(parser._server.process.pid)


async def _until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a process of the system's ends without an event
            await asyncio.sleep(0.02)

"""One small sound document of each kind, to be damaged."""

import zipfile
from email.message import EmailMessage
from functools import cache
from io import BytesIO

from docx import Document
from openpyxl import Workbook
from PIL import Image
from pptx import Presentation

TEXT = "The left crank arm is pressed on at forty newton metres."


@cache
def sound() -> dict[str, bytes]:
    """The documents by name; each says `TEXT`."""
    return {
        "a.pdf": pdf(),
        "a.docx": _docx(),
        "a.pptx": _pptx(),
        "a.xlsx": _xlsx(),
        "a.odt": odt(f"<text:h text:outline-level='1'>Cranks</text:h><text:p>{TEXT}</text:p>"),
        "a.epub": epub(f"<h1>Cranks</h1><p>{TEXT}</p>"),
        "a.rtf": b"{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}\\f0 " + TEXT.encode() + b"\\par}",
        "a.html": f"<!doctype html><html><head><title>Cranks</title></head><body><h1>Cranks</h1><p>{TEXT}".encode(),
        "a.eml": _mail(),
        "a.png": picture("PNG"),
        "a.jpg": picture("JPEG"),
        "a.tiff": picture("TIFF"),
    }


def archive(parts: dict[str, bytes | str], *, stored: str = "") -> bytes:
    """A ZIP archive of these parts, `stored` uncompressed."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            kind = zipfile.ZIP_STORED if name == stored else zipfile.ZIP_DEFLATED
            file.writestr(zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6)), content, compress_type=kind)
    return made.getvalue()


def repacked(data: bytes, changes: dict[str, bytes | str]) -> bytes:
    """An archive with some parts replaced or added."""
    with zipfile.ZipFile(BytesIO(data)) as file:
        parts: dict[str, bytes | str] = {name: file.read(name) for name in file.namelist()}
    return archive(parts | changes)


def pdf(content: bytes = b"", **objects: bytes) -> bytes:
    """A PDF of one page; `objects` are named `o5`, `o6` ... and replace or add to the usual four."""
    text = content or b"BT /F1 12 Tf 72 700 Td (" + TEXT.encode() + b") Tj ET"
    made = {
        "o1": b"<</Type/Catalog/Pages 2 0 R>>",
        "o2": b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "o3": b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
        "o4": b"<</Length %d>>stream\n%b\nendstream" % (len(text), text),
        **objects,
    }
    body, places = bytearray(b"%PDF-1.7\n"), []
    for name, value in made.items():
        places.append((int(name[1:]), len(body)))
        body += b"%d 0 obj\n%b\nendobj\n" % (int(name[1:]), value)
    start = len(body)
    body += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places:
        body += b"%d 1\n%010d 00000 n \n" % (number, place)
    return bytes(body) + b"trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF" % (len(made) + 1, start)


def odt(body: str, prolog: str = "") -> bytes:
    """An ODT with this body."""
    office = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    text = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    mime = "application/vnd.oasis.opendocument.text"
    content = (
        f"<?xml version='1.0'?>{prolog}<office:document-content xmlns:office='{office}' xmlns:text='{text}'"
        f" office:version='1.2'><office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    manifest = (
        "<manifest:manifest xmlns:manifest='urn:oasis:names:tc:opendocument:xmlns:manifest:1.0'>"
        f"<manifest:file-entry manifest:full-path='/' manifest:media-type='{mime}'/></manifest:manifest>"
    )
    parts: dict[str, bytes | str] = {
        "mimetype": mime,
        "content.xml": content,
        "styles.xml": f"<office:document-styles xmlns:office='{office}' office:version='1.2'><office:styles/>"
        "<office:automatic-styles/><office:master-styles/></office:document-styles>",
        "META-INF/manifest.xml": manifest,
    }
    return archive(parts, stored="mimetype")


def epub(body: str, prolog: str = "", spine: str = "<itemref idref='c'/>") -> bytes:
    """An EPUB of one chapter."""
    container = (
        "<container xmlns='urn:oasis:names:tc:opendocument:xmlns:container' version='1.0'><rootfiles>"
        "<rootfile full-path='a.opf' media-type='application/oebps-package+xml'/></rootfiles></container>"
    )
    package = (
        "<package xmlns='http://www.idpf.org/2007/opf' version='3.0' unique-identifier='i'>"
        "<metadata xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:identifier id='i'>1</dc:identifier>"
        "<dc:title>Cranks</dc:title><dc:language>en</dc:language></metadata><manifest>"
        "<item id='c' href='c.xhtml' media-type='application/xhtml+xml'/></manifest>"
        f"<spine>{spine}</spine></package>"
    )
    page = (
        f"<?xml version='1.0'?>{prolog}<html xmlns='http://www.w3.org/1999/xhtml'><body>{body}</body></html>"
    )
    parts: dict[str, bytes | str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "a.opf": package,
        "c.xhtml": page,
    }
    return archive(parts, stored="mimetype")


def picture(form: str) -> bytes:
    """A picture of the given format."""
    made = BytesIO()
    Image.linear_gradient("L").resize((120, 60)).save(made, form)
    return made.getvalue()


def _docx() -> bytes:
    document = Document()
    document.add_heading("Cranks", 1)
    document.add_paragraph(TEXT)
    return _saved(document)


def _pptx() -> bytes:
    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text, slide.placeholders[1].text = "Cranks", TEXT
    return _saved(slides)


def _xlsx() -> bytes:
    book = Workbook()
    book.active.append(["Part", "Torque"])
    book.active.append([TEXT, 40])
    return _saved(book)


def _mail() -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["Date"] = (
        "Cranks",
        "Bev <b@example.org>",
        "Tue, 02 Jan 2024 03:04:05 +0000",
    )
    message.set_content(TEXT)
    message.add_attachment(pdf(), maintype="application", subtype="pdf", filename="a.pdf")
    message.set_boundary("=====part=====")
    return message.as_bytes()


def _saved(document) -> bytes:
    made = BytesIO()
    document.save(made)
    return made.getvalue()

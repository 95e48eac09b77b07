"""Known attacks on readers of documents, each in a file of the kind that it is made for."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence

from tests.hostile.sound import TEXT, archive, epub, odt, pdf, picture, repacked, sound

# A file that an attack tries to read; what it holds must never be in an answer.
SECRET = "file:///etc/passwd"
LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "]>"
)
OUTSIDE = f"<!DOCTYPE l [<!ENTITY x SYSTEM '{SECRET}'>]>"
PARAMETER = f"<!DOCTYPE l [<!ENTITY % x SYSTEM '{SECRET}'><!ENTITY % y \"<!ENTITY z '%x;'>\">%y;]>"
QUADRATIC = f"<!DOCTYPE l [<!ENTITY a '{'a' * 50_000}'>]>"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"
DOCUMENT = "word/document.xml"


def _docx(body: str, prolog: str = "") -> bytes:
    text = f"<?xml version='1.0'?>{prolog}<w:document xmlns:w='{W}'><w:body>{body}</w:body></w:document>"
    return repacked(sound()["a.docx"], {DOCUMENT: text})


def _xlsx(data: str, prolog: str = "", before: str = "") -> bytes:
    text = f"<?xml version='1.0'?>{prolog}<worksheet xmlns='{S}'>{before}<sheetData>{data}</sheetData></worksheet>"
    return repacked(sound()["a.xlsx"], {SHEET: text})


def _paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def _entities() -> Iterator[tuple[str, bytes]]:
    for name, prolog, use in (
        ("laughs", LAUGHS, "&a9;"),
        ("outside", OUTSIDE, "&x;"),
        ("parameter", PARAMETER, "&z;"),
        ("quadratic", QUADRATIC, "&a;" * 20_000),
    ):
        yield f"{name}.docx", _docx(_paragraph(use), prolog)
        yield f"{name}.odt", odt(f"<text:p>{use}</text:p>", prolog)
        yield f"{name}.epub", epub(f"<p>{use}</p>", prolog)
        yield (
            f"{name}.xlsx",
            _xlsx(f"<row r='1'><c t='inlineStr' r='A1'><is><t>{use}</t></is></c></row>", prolog),
        )
        yield f"{name}.html", f"{prolog}<html><body><p>{TEXT} {use}</p></body></html>".encode()
        core = f"<?xml version='1.0'?>{prolog}<coreProperties><title>{use}</title></coreProperties>"
        yield f"{name}-core.docx", repacked(sound()["a.docx"], {"docProps/core.xml": core})
    wide = f"<?xml version='1.0' encoding='utf-16'?>{LAUGHS}<w:document xmlns:w='{W}'><w:body>{_paragraph('&a9;')}</w:body></w:document>"
    yield "laughs-utf16.docx", repacked(sound()["a.docx"], {DOCUMENT: wide.encode("utf-16")})


def _bombs() -> Iterator[tuple[str, bytes]]:
    zeros = bytes(120_000_000)
    yield "bomb.docx", repacked(sound()["a.docx"], {DOCUMENT: b"<a>" + zeros})
    yield "bomb-spaces.docx", _docx(_paragraph(" " * 100_000_000))
    yield "bomb-media.pptx", repacked(sound()["a.pptx"], {"ppt/media/a.png": zeros})
    parts: dict[str, bytes | str] = {f"word/media/{n}.png": bytes(7_000_000) for n in range(40)}
    yield "bomb-parts.docx", repacked(sound()["a.docx"], parts)
    yield (
        "bomb-strings.xlsx",
        repacked(
            sound()["a.xlsx"],
            {"xl/sharedStrings.xml": f"<sst xmlns='{S}'>" + "<si><t>a</t></si>" * 2_000_000 + "</sst>"},
        ),
    )
    lying = bytearray(repacked(sound()["a.docx"], {DOCUMENT: b"<a>" + bytes(40_000_000)}))
    # The size in the directory of the archive says a hundred bytes.
    entry = lying.rindex(DOCUMENT.encode()) - 46
    struct.pack_into("<I", lying, entry + 24, 100)
    yield "bomb-lying.docx", bytes(lying)
    inner = sound()["a.docx"]
    for _ in range(30):
        inner = repacked(sound()["a.docx"], {"word/embeddings/a.docx": inner})
    yield "nested.docx", inner


def _archives() -> Iterator[tuple[str, bytes]]:
    base = sound()["a.docx"]
    for number, name in enumerate(("../../etc/cron.d/a", "/etc/cron.d/a", "..\\..\\a", "word/../../../a")):
        yield f"traversal{number}.docx", repacked(base, {name: b"x"})
        yield f"traversal{number}.epub", repacked(sound()["a.epub"], {name: b"x"})
    yield "many.docx", repacked(base, {f"word/{n}": b"" for n in range(30_000)})
    yield "symlink.docx", _with_link(base, DOCUMENT)
    yield "symlink.epub", _with_link(sound()["a.epub"], "c.xhtml")
    yield "nothing.docx", archive({})
    yield "mimetype.odt", archive({"mimetype": "application/vnd.oasis.opendocument.text"}, stored="mimetype")
    yield "types.docx", archive({"[Content_Types].xml": "<Types/>"})
    yield "plain.zip.docx", archive({"a.txt": TEXT})
    yield "polyglot.pdf", b"%PDF-1.7\n" + base
    yield "after.docx", base + pdf()
    rights = {"META-INF/rights.xml": b"<rights/>"}
    yield "rights.epub", repacked(sound()["a.epub"], rights)
    loop = (
        "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>"
        + "".join(
            f"<Relationship Id='rId{n}' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/slide'"
            " Target='slides/slide1.xml'/>"
            for n in range(1, 3000)
        )
        + "</Relationships>"
    )
    yield (
        "loop.pptx",
        repacked(sound()["a.pptx"], {"ppt/slides/_rels/slide1.xml.rels": loop.replace("slides/", "")}),
    )
    yield "loop-root.pptx", repacked(sound()["a.pptx"], {"ppt/_rels/presentation.xml.rels": loop})
    outside = loop.replace("slides/slide1.xml'", f"{SECRET}' TargetMode='External'")
    yield "outside.pptx", repacked(sound()["a.pptx"], {"ppt/slides/_rels/slide1.xml.rels": outside})


def _with_link(data: bytes, name: str) -> bytes:
    """An archive whose entry `name` is a symbolic link to the secret."""
    changed = bytearray(repacked(data, {name: b"/etc/passwd"}))
    entry = changed.rindex(name.encode()) - 46
    changed[entry + 5] = 3  # made on Unix
    struct.pack_into("<I", changed, entry + 38, 0o120777 << 16)
    return bytes(changed)


def _word() -> Iterator[tuple[str, bytes]]:
    table, end = "<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>"
    yield "tables.docx", _docx(table * 80 + _paragraph(TEXT) + end * 80)
    yield "tables-deep.docx", _docx(table * 5_000 + _paragraph(TEXT) + end * 5_000)
    yield "paragraphs.docx", _docx(_paragraph("a") * 1_000_000)
    yield "runs.docx", _docx("<w:p>" + f"<w:r><w:t>{TEXT} </w:t></w:r>" * 200_000 + "</w:p>")
    loop = "".join(
        f"<w:style w:type='paragraph' w:styleId='s{n}'><w:name w:val='s{n}'/><w:basedOn w:val='s{1 - n}'/></w:style>"
        for n in (0, 1)
    )
    styled = f"<w:p><w:pPr><w:pStyle w:val='s0'/></w:pPr><w:r><w:t>{TEXT}</w:t></w:r></w:p>"
    text = f"<w:document xmlns:w='{W}'><w:body>{styled}</w:body></w:document>"
    styles = f"<w:styles xmlns:w='{W}'>{loop}</w:styles>"
    yield "style-loop.docx", repacked(sound()["a.docx"], {DOCUMENT: text, "word/styles.xml": styles})
    yield (
        "macro.docm",
        repacked(sound()["a.docx"], {"word/vbaProject.bin": b"Sub AutoOpen()\nShell\nEnd Sub"}),
    )
    deep = "<text:list><text:list-item>", "</text:list-item></text:list>"
    for depth in (200, 20_000):
        yield f"lists{depth}.odt", odt(deep[0] * depth + f"<text:p>{TEXT}</text:p>" + deep[1] * depth)
    yield "spans.odt", odt("<text:p>" + "<text:s text:c='2000000000'/>" * 50 + f"{TEXT}</text:p>")


def _sheets() -> Iterator[tuple[str, bytes]]:
    far = "<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>"
    near = "<row r='1'><c r='A1'><v>1</v></c></row>"
    yield "billion.xlsx", _xlsx(near + far, before="<dimension ref='A1:XFD1048576'/>")
    yield "billion-said.xlsx", _xlsx(near, before="<dimension ref='A1:XFD1048576'/>")
    yield (
        "wide.xlsx",
        _xlsx("".join(f"<row r='{n}'><c r='XFD{n}'><v>1</v></c></row>" for n in range(1, 3000))),
    )
    yield (
        "rows.xlsx",
        _xlsx("".join(f"<row r='{n}'><c r='A{n}'><v>{n}</v></c></row>" for n in range(1, 400_000))),
    )
    yield "merged.xlsx", _xlsx(near + far).replace(b"</sheetData>", b"</sheetData>")
    yield "number.xlsx", _xlsx(f"<row r='1'><c r='A1'><v>{'9' * 2_000_000}</v></c></row>")
    yield "index.xlsx", _xlsx("<row r='1'><c r='A1' t='s'><v>99999999999</v></c></row>")
    yield "cell.xlsx", _xlsx("<row r='-1'><c r='ZZZZZZ99999999999'><v>1</v></c></row>")


def _pdf_trees() -> Iterator[tuple[str, bytes]]:
    yield "pages-loop.pdf", pdf(o2=b"<</Type/Pages/Kids[2 0 R]/Count 1>>")
    yield (
        "pages-pair.pdf",
        pdf(
            o2=b"<</Type/Pages/Kids[5 0 R]/Count 9>>", o5=b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 9>>"
        ),
    )
    yield "pages-million.pdf", pdf(o2=b"<</Type/Pages/Count 1000000/Kids[" + b"3 0 R " * 1_000_000 + b"]>>")
    yield "pages-said.pdf", pdf(o2=b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>")
    yield "pages-15000.pdf", pdf(o2=b"<</Type/Pages/Count 15000/Kids[" + b"3 0 R " * 15_000 + b"]>>")
    yield "objects.pdf", pdf(**{f"o{n}": b"<<>>" for n in range(5, 300_000)})
    yield "arrays.pdf", pdf(o5=b"[" * 500_000 + b"]" * 500_000)
    yield (
        "page-deep.pdf",
        pdf(o3=b"<</Type/Page/Parent 2 0 R/Contents " + b"[" * 100_000 + b"4 0 R" + b"]" * 100_000 + b">>"),
    )
    loop = b"<</Title(a)/Parent 5 0 R/Next 6 0 R/First 6 0 R/Last 6 0 R/Dest[3 0 R/Fit]>>"
    root = b"<</Type/Catalog/Pages 2 0 R/Outlines 5 0 R>>"
    yield "outline-loop.pdf", pdf(o1=root, o5=b"<</First 6 0 R/Last 6 0 R>>", o6=loop)
    chain = {
        f"o{n}": b"<</Title(a%d)/Parent 5 0 R/Next %d 0 R/Dest[3 0 R/Fit]>>" % (n, n + 1)
        for n in range(6, 60_000)
    }
    yield "outline-long.pdf", pdf(o1=root, o5=b"<</First 6 0 R/Last 59999 0 R>>", **chain)
    yield "contents-self.pdf", pdf(o4=b"4 0 R")
    yield "parent-loop.pdf", pdf(o3=b"<</Type/Page/Parent 3 0 R/Contents 4 0 R>>")
    yield "media-box.pdf", pdf(o3=b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 1e9 1e9]/Contents 4 0 R>>")
    yield "media-none.pdf", pdf(o3=b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 0 0]/Contents 4 0 R>>")
    yield "prev-loop.pdf", pdf().replace(b"trailer<<", b"trailer<</Prev 500 ")
    script = (
        b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.launchURL\\('http://127.0.0.1'\\))>>>>"
    )
    yield "script.pdf", pdf(o1=script)
    yield "launch.pdf", pdf(o1=script.replace(b"JavaScript/JS", b"Launch/F"))
    yield "handler.pdf", pdf().replace(b"trailer<<", b"trailer<</Encrypt<</Filter/Unknown/V 9>>/ID[(a)(a)]")


def _pdf_streams() -> Iterator[tuple[str, bytes]]:
    def stream(data: bytes, more: bytes = b"") -> bytes:
        return b"<</Length %d/Filter/FlateDecode%b>>stream\n%b\nendstream" % (len(data), more, data)

    zeros = zlib.compress(bytes(400_000_000), 9)
    yield "stream-bomb.pdf", pdf(o4=stream(zeros))
    twice = zlib.compress(zeros, 9)
    yield (
        "stream-twice.pdf",
        pdf(o4=b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%b\nendstream" % (len(twice), twice)),
    )
    yield "text-bomb.pdf", pdf(o4=stream(zlib.compress(b"BT /F1 1 Tf (aaaaaaaaaa) Tj ET\n" * 1_500_000, 9)))
    yield "paths.pdf", pdf(o4=stream(zlib.compress(b"0 0 m 9 9 l S\n" * 3_000_000, 9)))
    yield "state.pdf", pdf(b"q " * 2_000_000)
    yield "numbers.pdf", pdf(b"9" * 3_000_000 + b" 0 0 0 0 0 cm")
    form = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>/Length 12>>stream\n/X Do /X Do \nendstream"
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>"
    )
    yield "form-loop.pdf", pdf(b"/X Do", o3=page, o5=form)
    image = b"/Type/XObject/Subtype/Image/Width 100000/Height 100000/BitsPerComponent 8/ColorSpace/DeviceGray"
    yield (
        "image-huge.pdf",
        pdf(b"612 0 0 792 0 0 cm /X Do", o3=page, o5=stream(zlib.compress(bytes(10_000_000)), image)),
    )
    font = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
    yield (
        "font-loop.pdf",
        pdf(
            o3=font, o5=b"<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[5 0 R]>>"
        ),
    )
    cmap = zlib.compress(b"begincmap 1 beginbfrange <0000> <FFFF> <0041> endbfrange " * 200_000, 9)
    yield (
        "font-map.pdf",
        pdf(o3=font, o5=b"<</Type/Font/Subtype/Type1/BaseFont/A/ToUnicode 6 0 R>>", o6=stream(cmap)),
    )
    yield (
        "font-file.pdf",
        pdf(
            o3=font,
            o5=b"<</Type/Font/Subtype/TrueType/BaseFont/A/FontDescriptor 6 0 R>>",
            o6=b"<</Type/FontDescriptor/FontName/A/Flags 4/FontFile2 7 0 R>>",
            o7=stream(zlib.compress(b"\x00\x01\x00\x00" + bytes(200_000_000), 9)),
        ),
    )


def _web() -> Iterator[tuple[str, bytes]]:
    for depth in (500, 200_000):
        yield f"deep{depth}.html", b"<html><body>" + b"<div>" * depth + TEXT.encode()
        yield f"tables{depth}.html", b"<html><body>" + b"<table><tr><td>" * depth + TEXT.encode()
        yield f"lists{depth}.html", b"<html><body>" + b"<ul><li>a" * depth
    yield "open.html", b"<html><body>" + b"<b><i>" * 300_000 + TEXT.encode()
    yield "span.html", b"<html><table><tr><td colspan=1000000000 rowspan=1000000000>" + TEXT.encode()
    yield "attribute.html", b"<html><body a='" + b"a" * 20_000_000 + b"'>" + TEXT.encode()
    yield "line.html", b"<html><p>" + b"a" * 20_000_000
    yield "zeros.html", b"<html>" + bytes(5000) + TEXT.encode()
    yield "comments.html", b"<html>" + b"<!--" * 1_000_000
    yield (
        "frames.html",
        f"<html><iframe src='{SECRET}'></iframe><object data='{SECRET}'></object>{TEXT}".encode(),
    )
    yield "charset.html", b"<html><meta charset='rot13'><p>" + TEXT.encode()
    yield "undefined.html", b"<html><meta charset='undefined'><p>" + TEXT.encode()
    yield "deep.epub", epub("<div>" * 20_000 + TEXT + "</div>" * 20_000)
    yield "spine.epub", epub(f"<p>{TEXT}</p>", spine="<itemref idref='c'/>" * 20_000)


def _rich_text() -> Iterator[tuple[str, bytes]]:
    start, text = b"{\\rtf1\\ansi ", TEXT.encode()
    yield "groups.rtf", start + b"{" * 200_000 + text + b"}" * 200_001
    yield "groups-open.rtf", start + b"{\\b " * 500_000 + text
    yield "binary.rtf", start + b"\\bin2147483647 " + text + b"}"
    yield "picture.rtf", start + b"{\\pict\\pngblip " + b"00" * 10_000_000 + b"}" + text + b"}"
    yield "object.rtf", start + b"{\\object\\objdata " + b"d0cf11e0" * 100_000 + b"}" + text + b"}"
    yield "words.rtf", start + b"\\b\\i\\ul " * 1_000_000 + text + b"}"
    yield "number.rtf", start + b"\\fs" + b"9" * 1_000_000 + b" " + text + b"}"
    yield "field.rtf", start + b'{\\field{\\*\\fldinst INCLUDETEXT "/etc/passwd"}{\\fldrslt a}}' + text + b"}"


def _mails() -> Iterator[tuple[str, bytes]]:
    head = b"From: a@example.org\nSubject: a\nMIME-Version: 1.0\n"
    nested = head + b"\n" + TEXT.encode()
    for _ in range(40):
        nested = (
            head
            + b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
            + nested
            + b"\n--b--\n"
        )
    yield "nested.eml", nested
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000))
    yield "multipart.eml", head + parts + b"\n" + TEXT.encode()
    part = b"--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=../../a.pdf\n\n%PDF-1.7\n"
    yield (
        "attachments.eml",
        head + b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 20_000 + b"--b--\n",
    )
    yield "header.eml", head + b"X: " + b"a" * 10_000_000 + b"\n\n" + TEXT.encode()
    yield "headers.eml", head + b"X: a\n" * 300_000 + b"\n" + TEXT.encode()
    yield "addresses.eml", b"From: " + b"a <a@b>, " * 100_000 + b"\n\n" + TEXT.encode()
    yield "subject.eml", b"From: a@b\nSubject: " + b"=?utf-8?q?a?= " * 50_000 + b"\n\n" + TEXT.encode()
    yield "charset.eml", head + b"Content-Type: text/plain; charset=nonsense\n\n" + TEXT.encode()
    yield "date.eml", head + b"Date: Tue, 99 Foo 99999 99:99:99 +9999\n\n" + TEXT.encode()


def _pictures() -> Iterator[tuple[str, bytes]]:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for width in (20_000, 100_000, 2**31 - 1):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0))
        yield f"huge{width}.png", b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0))
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000), 9))
    yield "text.png", b"\x89PNG\r\n\x1a\n" + header + text + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    yield "loop.tiff", b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00"
    yield "named.png", b"GIF89a" + bytes(100)
    yield "named.pdf", picture("JPEG")


_FAMILIES = (
    _entities, _bombs, _archives, _word, _sheets, _pdf_trees, _pdf_streams, _web, _rich_text, _mails, _pictures
)  # fmt: skip
QUICK = (_entities, _archives)


def attacks(
    families: Sequence[Callable[[], Iterator[tuple[str, bytes]]]] = _FAMILIES,
) -> Iterator[tuple[str, bytes]]:
    """The attacks of these families, by default all."""
    for family in families:
        yield from family()

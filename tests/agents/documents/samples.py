"""Documents of each kind, made here; and some that are meant to do harm."""

import io
import zipfile
import zlib

import docx
import pptx

TEXT = "Revenue grew in Zürich"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def pdf(text=TEXT, content=None):
    """One page, or a page whose content is these bytes."""
    drawn = content or b"BT /F1 24 Tf 72 72 Td (%b) Tj ET" % text.encode("latin-1")
    packed = zlib.compress(drawn)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 144]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream"
        % (len(packed), packed),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    file, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj%b endobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 6\n0000000000 65535 f \n" + table
    trailer = b"trailer<</Root 1 0 R/Size 6>>\nstartxref\n%d\n%%%%EOF" % len(file)
    return file + head + trailer


def word(text=TEXT):
    document = docx.Document()
    document.add_paragraph(text)
    row = document.add_table(1, 2).rows[0]
    row.cells[0].text, row.cells[1].text = "left", "right"
    return _saved(document)


def slides(text=TEXT):
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = text
    return _saved(deck)


def workbook(text=TEXT):
    return packed(
        {
            "[Content_Types].xml": f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="{SHEET}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="{SHEET}.worksheet+xml"/></Types>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Q4" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c><c r="B1"><v>12</v></c></row></sheetData></worksheet>',
        }
    )


def page(text=TEXT, head='<meta charset="utf-8">'):
    return (
        f"<html><head>{head}<title>t</title><style>x{{}}</style></head><body>"
        f"<script>evil()</script><h1>{text}</h1><p>a &amp; b</p></body></html>"
    ).encode()


def packed(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def bomb(size=400 * 2**20):
    """A document that is small and unpacks to `size` bytes."""
    return packed({"[Content_Types].xml": "<x/>", "word/document.xml": b"\0" * size})


def lying_bomb():
    """One whose table of contents says that it is small."""
    whole = bytearray(bomb(64 * 2**20))
    place = whole.rindex(b"PK\x01\x02")  # the last entry's
    whole[place + 24 : place + 28] = (1_000).to_bytes(4, "little")
    return bytes(whole)


def billion_laughs():
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    xml = f'<!DOCTYPE x [<!ENTITY l0 "lol">{levels}]><w:document xmlns:w="x">&l11;</w:document>'
    types = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    rels = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
    return packed(
        {"[Content_Types].xml": types, "_rels/.rels": rels, "word/document.xml": xml}
    )


def reading_ours():
    """A page of Word that wants a file of the machine in its text."""
    whole = billion_laughs()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["word/document.xml"] = (
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        b"<w:body><w:p><w:r><w:t>&f;</w:t></w:r></w:p></w:body></w:document>"
    )
    return packed(parts)


def _saved(document):
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()

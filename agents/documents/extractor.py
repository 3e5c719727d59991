"""Writes the text of a document to stdout: a program of its own, run by `agents.documents.reading`.

    python -I extractor.py KIND LIMITS < document > text

LIMITS are JSON. It takes all that it needs, gives up every right and reads then: what a
document makes it do is done by nobody, in little memory and for a short time. What it cannot
read it says on stderr, and ends with `UNREADABLE`.
"""

import codecs
import contextlib
import importlib
import io
import json
import logging
import os
import pkgutil
import re
import resource
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any, BinaryIO

UNREADABLE = 3
NOBODY = 65_534
LIBRARIES = {
    "pdf": "pypdf",
    "docx": "docx",
    "pptx": "pptx",
    "workbook": "python_calamine",
}
library: Any = None  # the one that is needed
# Those that pages of HTML name beside UTF-8, and those of the names in zip files.
ENCODINGS = (
    *("cp437", "latin-1", "mac-roman", "utf-16", "utf-16-be", "utf-8-sig"),
    *(f"iso-8859-{number}" for number in (*range(1, 12), *range(13, 17))),
    *(f"cp125{number}" for number in range(9)),
    *("koi8-r", "koi8-u", "gbk", "gb18030", "big5", "euc-jp", "shift_jis", "euc-kr"),
)
MAX_ENTRIES = 10_000
MAX_UNPACKED = 256 * 2**20
MAX_RATIO = 200  # of what is larger than this when unpacked:
SUSPICIOUS = 16 * 2**20


class Unreadable(Exception):
    """The document's text cannot be had. The message is for people."""


# --- Each kind of document, piece by piece ----------------------------------------------


def read_pdf(file: BinaryIO) -> Iterator[str]:
    reader = library.PdfReader(file)
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("It is protected by a password.")
    for page in reader.pages:
        yield (page.extract_text() or "") + "\n\n"


def read_docx(file: BinaryIO) -> Iterator[str]:
    for part in library.Document(_check_archive(file)).iter_inner_content():
        if hasattr(part, "rows"):
            for row in part.rows:
                yield (
                    "\t".join(cell.text.replace("\n", " ") for cell in row.cells) + "\n"
                )
        else:
            yield part.text + "\n"


def read_pptx(file: BinaryIO) -> Iterator[str]:
    slides = library.Presentation(_check_archive(file)).slides
    for number, slide in enumerate(slides, start=1):
        yield f"# Slide {number}\n"
        for shape in slide.shapes:
            if shape.has_text_frame:
                yield shape.text_frame.text + "\n"
            elif shape.has_table:
                for row in shape.table.rows:
                    yield "\t".join(cell.text for cell in row.cells) + "\n"


def read_workbook(file: BinaryIO) -> Iterator[str]:
    content = file.read()
    if content.startswith(b"PK"):
        _check_archive(io.BytesIO(content))
    book = library.CalamineWorkbook.from_filelike(io.BytesIO(content))
    for name in book.sheet_names:
        yield f"# {name}\n"
        for row in book.get_sheet_by_name(name).iter_rows():
            yield "\t".join(map(_format_cell, row)).rstrip("\t") + "\n"


def read_html(file: BinaryIO) -> Iterator[str]:
    content = file.read()
    parser = _TextParser()
    parser.feed(_decode(content))
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.texts).split("\n"))
    yield re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


KINDS: dict[str, Callable[[BinaryIO], Iterator[str]]] = {
    "pdf": read_pdf,
    "docx": read_docx,
    "pptx": read_pptx,
    "workbook": read_workbook,
    "html": read_html,
}


def _format_cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("\n", " ")


def _check_archive(file: BinaryIO) -> BinaryIO:
    """Look at what a packed document becomes before it is unpacked, which costs nothing."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries) or 1
    is_bomb = unpacked > SUSPICIOUS and unpacked > packed * MAX_RATIO
    if unpacked > MAX_UNPACKED or is_bomb or len(entries) > MAX_ENTRIES:
        raise Unreadable(
            f"It unpacks to {unpacked / 1e6:,.0f} MB in {len(entries):,} parts, which is too much."
        )
    file.seek(0)
    return file


def _decode(content: bytes) -> str:
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    named = re.search(
        rb"""<meta[^>]{0,200}charset=["']?([\w-]{1,40})""", content[:4096], re.I
    )
    encodings = [named[1].decode()] if named else []
    for encoding in [*encodings, "utf-8"]:
        with contextlib.suppress(LookupError, ValueError):
            return content.decode(encoding)
    return content.decode("cp1252", errors="replace")


class _TextParser(HTMLParser):
    """Gathers the visible text of a page, a line a block."""

    SILENT = frozenset({"script", "style", "noscript", "template", "head"})
    BLOCKS = frozenset(
        [
            "address",
            "article",
            "aside",
            "blockquote",
            "br",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
            "figure",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "main",
            "nav",
            "ol",
            "p",
            "pre",
            "section",
            "table",
            "tr",
            "ul",
            "title",
        ]
    )

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self.SILENT:
            self._silent.append(tag)
        elif tag == "body":
            self._silent.clear()  # a head that nobody ended
        elif tag in {"td", "th"}:
            self.texts.append("\t")
        elif tag in self.BLOCKS:
            self.texts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif tag in self.BLOCKS:
            self.texts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


# --- The process ----------------------------------------------------------------------


def main(kind: str, limits: str) -> int:
    allowed = json.loads(limits)
    logging.disable()  # stderr is for why it cannot be read
    warnings.simplefilter("ignore")
    _import_library(kind)
    document = sys.stdin.buffer
    text = sys.stdout.buffer
    content = io.BytesIO(document.read())  # some want to go back and forth
    _give_up_rights(allowed)
    try:
        _write(KINDS[kind](content), text, allowed["characters"])
    except Unreadable as error:
        return _report_failure(str(error))
    except MemoryError:
        return _report_failure("It needs more memory than it may have.")
    except RecursionError:
        return _report_failure("It is nested too deeply.")
    except Exception as error:  # noqa: BLE001  the libraries raise whatever comes to them
        return _report_failure(f"It is broken: {type(error).__name__}: {error}")
    return 0


def _import_library(kind: str) -> None:
    """Import the one library, and what it would import later: it could not, without rights."""
    global library
    for name in ENCODINGS:
        codecs.lookup(name)
    if kind not in LIBRARIES:
        return
    library = importlib.import_module(LIBRARIES[kind])
    if kind == "pdf":
        importlib.import_module("subprocess")
        for module in pkgutil.walk_packages(library.__path__, "pypdf."):
            with contextlib.suppress(ImportError):  # of what is not installed
                importlib.import_module(module.name)


def _give_up_rights(allowed: dict[str, int]) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    for limit, value in (
        (resource.RLIMIT_AS, allowed["memory"]),
        (resource.RLIMIT_CPU, allowed["seconds"]),
        (resource.RLIMIT_FSIZE, allowed["output"]),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def _write(pieces: Iterator[str], target: BinaryIO, left: int) -> None:
    for piece in pieces:
        target.write(piece[:left].encode("utf-8", errors="replace"))
        left -= len(piece)
        if left <= 0:
            break
    target.flush()


def _report_failure(reason: str) -> int:
    sys.stderr.write(" ".join(reason.split())[:500])
    return UNREADABLE


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # without whatever a library would do at the end

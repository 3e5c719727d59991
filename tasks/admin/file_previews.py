"""What a page shows of a file: text, Markdown, an image, a table. In bounded time and size."""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tasks.admin import display, results
from tasks.api.views.task_files import make_url
from tasks.files.changes import TaskFile, TaskFiles
from tasks.files.diff import explain_not_served
from tasks.files.listing import media_type_of
from tasks.files.workspace import PathRefused

MAX_BYTES = 2**20  # of a text
MAX_IMAGE_BYTES = 20 * 2**20
MAX_CHARACTERS = 200_000
MAX_ROWS, MAX_COLUMNS, MAX_CELL = 200, 50, 500
IMAGES = frozenset(
    f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "avif", "bmp", "svg+xml")
)
MARKDOWN = frozenset({".md", ".markdown"})
TABLES = {".csv": ",;\t|", ".tsv": "\t"}


def preview(files: TaskFiles, file: TaskFile, task_id: object) -> SafeString:
    """Show what is in a file, or say why that is not shown."""
    if file.found is None:
        return _describe("It was deleted.")
    if reason := explain_not_served(file.found):
        return _describe(reason)
    url = make_url(file, task_id)
    if url and media_type_of(file.path) in IMAGES:
        if file.found.size > MAX_IMAGE_BYTES:
            return _describe("The image is too large to be shown.")
        # As an image it runs nothing, whatever it is.
        return format_html('<img class="st-image" src="{}" alt="{}">', url, file.path)
    content = _content(files, file.path)
    if content is None:
        return _describe("It cannot be read any more.")
    return _text(content, file.path)


def _describe(text: str) -> SafeString:
    return format_html('<p class="st-quiet">{}</p>', text)


def _content(files: TaskFiles, path: str) -> bytes | None:
    if files.workspace is None:
        return None
    try:
        with files.workspace.open_file(path, is_handed_out=True) as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, PathRefused):
        return None


def _text(content: bytes, path: str) -> SafeString:
    if b"\0" in content[:MAX_BYTES]:
        return _describe("It is no text. Download it to see it.")
    text = content[:MAX_BYTES].decode(errors="replace")
    cut = len(content) > MAX_BYTES or len(text) > MAX_CHARACTERS
    text = text[:MAX_CHARACTERS]
    suffix = PurePosixPath(path.lower()).suffix
    shown = None
    if suffix in MARKDOWN:
        shown = results.markdown(text)
    elif suffix in TABLES:
        shown = _table(text, TABLES[suffix])
    note = (
        _describe("Its beginning is shown; download it for all of it.") if cut else ""
    )
    return format_html("{}{}", shown or display.block(text), note)


def _table(text: str, separators: str) -> SafeString | None:
    """Show rows and columns; None if it is no table."""
    first = text.partition("\n")[0]
    separator = max(separators, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        rows = [row[:MAX_COLUMNS] for row in islice(reader, MAX_ROWS + 1)]
    except csv.Error:
        return None
    if not rows:
        return None
    head, *body = rows
    note = (
        _describe(f"Its first {MAX_ROWS:,} rows are shown.")
        if len(body) == MAX_ROWS
        else ""
    )
    return format_html(
        '<div class="st-scroll" tabindex="0" role="region" aria-label="Table">'
        '<table class="st-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>{}',
        format_html_join("", "<th>{}</th>", _cells(head)),
        format_html_join(
            "",
            "<tr>{}</tr>",
            ((format_html_join("", "<td>{}</td>", _cells(row)),) for row in body),
        ),
        note,
    )


def _cells(row: list[str]) -> Iterator[tuple[SafeString]]:
    return ((display.reveal(cell[:MAX_CELL]),) for cell in row)

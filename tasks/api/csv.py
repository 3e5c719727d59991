"""Tables for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.http import HttpResponse

# A spreadsheet takes a cell that begins so for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def csv_response(
    rows: Sequence[Mapping[str, Any]], name: str, *, header: Sequence[str] = ()
) -> HttpResponse:
    """Answer rows as a file of this name; `header` are the columns where there may be no row."""
    columns = list(header or rows[0])
    return HttpResponse(
        "".join(csv_lines(rows, columns)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def csv_lines(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of a table: its header, then the rows."""
    line = io.StringIO()
    writer = csv.writer(line)
    for cells in _rows_of_cells(rows, columns):
        writer.writerow(cells)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _rows_of_cells(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str]
) -> Iterator[list[Any]]:
    yield list(columns)
    for row in rows:
        yield [_cell(row.get(column)) for column in columns]


def _cell(value: Any) -> Any:
    """Return what a spreadsheet takes for text where it is text."""
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return value

"""A list without a limit: however long it is, in little memory, and each row at most once.

One query writes the keys of all rows into a file, in their order, as they are at that
moment. The rows are then read by these keys, some at a time and as fast as the reader
takes them. So a reader that does not read holds no thread, no connection and no
transaction, and a row that moves in the order meanwhile is neither doubled nor lost.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from django.http import HttpResponse, StreamingHttpResponse

AnyResponse = HttpResponse | StreamingHttpResponse

# Rows that are read at once, and answered at once where there are no more.
FIRST = 1_000
# Rows that are read for the next piece: a reader that does not read costs one of these.
AT_ONCE = 300
KEYS_AT_ONCE = 10_000


@dataclass(frozen=True)
class WholeList:
    """What there is to read. Keys are text without line ends; rows are JSON text."""

    first: Callable[[], Sequence[str]]  # up to FIRST + 1 rows
    keys: Callable[[], Iterable[str]]  # of all rows
    rows: Callable[[list[str]], Mapping[str, str]]  # those still there, key -> row

    def respond(self) -> AnyResponse:
        first = self.first()
        if len(first) <= FIRST:
            return HttpResponse(array(first), content_type="application/json")
        return StreamingHttpResponse(self.pieces(), content_type="application/json")

    def pieces(self) -> Iterator[bytes]:
        """Yield the JSON array in pieces."""
        opening = b"["
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            file.writelines(f"{key}\n" for key in self.keys())
            file.seek(0)
            while keys := [line.rstrip("\n") for line in islice(file, AT_ONCE)]:
                if piece := self._piece(keys):
                    yield opening + piece
                    opening = b","
        yield b"[]" if opening == b"[" else b"]"

    def _piece(self, keys: list[str]) -> bytes:
        # In a function, so that its rows are not kept while the piece waits for its reader.
        rows = self.rows(keys)
        return ",".join(rows[key] for key in keys if key in rows).encode()


def array(rows: Iterable[str]) -> bytes:
    return f"[{','.join(rows)}]".encode()

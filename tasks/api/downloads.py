"""Files as downloads: in parts, if the client asks for that, and never for a browser to run."""

import os
import re
from hashlib import blake2b
from typing import BinaryIO
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

CHUNK_BYTES = 256 * 2**10
# Even if a browser took one for a page, it would run nothing and load nothing.
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_UNFIT = re.compile(
    r"[^ !#$&-\[\]-~]"
)  # for a name in quotes, in which some read % too


class Shortened(Exception):
    """The file became shorter while it was sent, so that what was sent is not the whole."""


def make_headers(name: str) -> dict[str, str]:
    """Return what every download says of itself; it is saved under `name`, whatever is in it."""
    plain = _UNFIT.sub("_", name)
    exact = quote(name.encode(errors="replace"), safe="")
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
    }


def send_file(
    request: HttpRequest, file: BinaryIO, *, name: str, media_type: str
) -> HttpResponse | StreamingHttpResponse:
    """Answer with an open file, or the part of it that is asked for, and close it then."""
    found = os.fstat(file.fileno())
    etag = _make_etag(found)
    headers = make_headers(name) | {
        "ETag": etag,
        "Last-Modified": http_date(found.st_mtime),
        "Accept-Ranges": "bytes",
    }
    response = get_conditional_response(
        request, etag=etag, last_modified=int(found.st_mtime)
    )
    asked = _read_range(request, etag)
    is_asked = asked is not None
    part = _part(*asked, found.st_size) if asked else (0, found.st_size)
    if response is None and part is not None:
        start, length = part
        headers["Content-Length"] = str(length)
        if is_asked:
            last = start + length - 1
            headers["Content-Range"] = f"bytes {start}-{last}/{found.st_size}"
        status = 206 if is_asked else 200
        if request.method != "HEAD":
            content = _Part(file, start, length)
            return StreamingHttpResponse(
                content, status=status, content_type=media_type, headers=headers
            )
        response = HttpResponse(status=status, content_type=media_type)
    file.close()
    if response is None:
        response = HttpResponse(status=416)
        headers["Content-Range"] = f"bytes */{found.st_size}"
    for header, value in headers.items():
        response.headers[header] = value
    return response


def _make_etag(found: os.stat_result) -> str:
    marks = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return f'"{blake2b(repr(marks).encode(), digest_size=12).hexdigest()}"'


def _read_range(request: HttpRequest, etag: str) -> tuple[str, str] | None:
    """Return the first and last byte that are asked for, as text; None: the whole is.

    More parts than one, and what is no range of bytes, are answered with the whole.
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if asked is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = asked.groups()
    is_backwards = first and last and int(last) < int(first)
    return None if is_backwards or not (first or last) else (first, last)


def _part(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Return the start and length of a range; None: the file has no such part."""
    if not first:  # the last so many
        length = min(int(last), size)
        return (size - length, length) if length else None
    start, end = int(first), min(int(last or size), size - 1)
    return (start, end - start + 1) if start < size else None


class _Part:
    """Reads a part of a file, a chunk at a time."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._left = length
        file.seek(start)

    def __iter__(self) -> "_Part":
        return self

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        chunk = self._file.read(min(CHUNK_BYTES, self._left))
        if not chunk:
            raise Shortened(f"{self._left} bytes of a file are missing.")
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()

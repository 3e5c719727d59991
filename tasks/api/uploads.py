"""The names of uploaded files: kept as they were given, or refused with the reason.

Django leaves characters out of a name, among them the blanks of many scripts, and takes a
part whose head is not UTF-8 for no part at all.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, cast

from django.conf import settings
from django.core.files import uploadhandler
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.http import multipartparser
from django.http.multipartparser import RAW, MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles

from tasks.api.zod import Invalid

MAX_NAME_BYTES = 255
_HEAD_BYTES = 64 * 1024


class NameRefused(MultiPartParserError):
    """The file's name cannot be kept."""


class UploadParser(BaseParser):
    """A form with a file, for views. What is wrong with the file's name is a field error."""

    media_type = "multipart/form-data"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        context = parser_context or {}
        request = context["request"]
        meta = {**request.META, "CONTENT_TYPE": media_type}
        encoding = context.get("encoding", settings.DEFAULT_CHARSET)
        parser = _StrictParser(meta, stream, request.upload_handlers, encoding)
        try:
            return DataAndFiles(*parser.parse())
        except NameRefused as error:
            raise Invalid.field("file", str(error)) from None
        except MultiPartParserError as error:
            raise ParseError(f"Multipart form parse error - {error}") from None


class TemporaryFileUploadHandler(uploadhandler.TemporaryFileUploadHandler):
    """Django's, but no part of the client's name becomes a part of a path.

    Django puts the name's suffix into it, which fails where that is long.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        uploadhandler.FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = TemporaryUploadedFile(
            "upload", self.content_type, 0, self.charset, self.content_type_extra
        )
        self.file.name = self.file_name


class _StrictParser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str:
        name = _last_part(file_name)
        if problem := _problem(name):
            raise NameRefused(problem)
        return name


class _Parts(multipartparser.Parser):
    def __iter__(self) -> Iterator[Any]:
        for kind, headers, stream in super().__iter__():
            if kind == RAW:
                _require_utf8(stream)
            yield kind, headers, stream


def keep_names() -> None:
    """Make Django keep them too, in the admin's forms."""
    multipartparser.Parser = _Parts  # type: ignore[misc]
    MultiPartParser.sanitize_file_name = _clean_name  # type: ignore[method-assign,assignment]
    # Django cuts a name to 255 characters, so that no form could refuse it.
    UploadedFile.name = property(lambda file: file._name, _keep_whole)  # type: ignore[assignment]


def _keep_whole(file: Any, name: str | None) -> None:
    file._name = _last_part(name) if name else name


def _clean_name(parser: MultiPartParser, file_name: str) -> str | None:
    name = _last_part(file_name)
    shown = "".join(char for char in name if unicodedata.category(char) != "Cc")
    return shown if shown not in {"", ".", ".."} else None


def _last_part(file_name: str) -> str:
    """Leave out the folders, which some browsers send along."""
    return file_name.rpartition("/")[2].rpartition("\\")[2]


def _problem(name: str) -> str | None:
    if name in {"", ".", ".."}:
        return "The file has no name"
    if controls := [char for char in name if unicodedata.category(char) == "Cc"]:
        return f"The file's name contains a control character: U+{ord(controls[0]):04X}"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "The file's name is not valid text"
    if size > MAX_NAME_BYTES:
        return f"The file's name is longer than {MAX_NAME_BYTES} bytes"
    return None


def _require_utf8(stream: Any) -> None:
    """Raise NameRefused where a part has a head that Django could not decode."""
    start = cast(bytes, stream.read(_HEAD_BYTES))
    stream.unget(start)
    head, end, _ = start.partition(b"\r\n\r\n")
    if not end or b"content-disposition" not in head.lower():
        return
    try:
        head.decode()
    except UnicodeDecodeError:
        raise NameRefused("The file's name is not UTF-8") from None

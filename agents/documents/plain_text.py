"""The text of documents that are plain text, in whatever encoding."""

import codecs
from pathlib import PurePosixPath

MAX_DOCUMENT = 40_000  # characters that a prompt shows of one: about 10,000 tokens

_BINARY_MAIN_TYPES = {"image", "audio", "video", "font"}
_BINARY_TYPES = {"application/pdf", "application/zip", "application/gzip"}
_TEXT_SUFFIXES = {
    ".txt",
    ".text",
    ".md",
    ".csv",
    ".tsv",
    ".log",
    ".srt",
    ".ini",
    ".tex",
}
# The longer first: one begins with the other.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Enough for more characters than are shown, in every encoding, so that a cut is noticed.
_HEAD_BYTES = 4 * (MAX_DOCUMENT + 2)


def extract_text(data: bytes, media_type: str, name: str) -> str | None:
    """Return the text of a document, of a long one its beginning, or None if it is no text.

    A byte order mark decides, then UTF-8. What is neither is read as Windows-1252 (which
    Latin-1 is a part of), but only where the type or the name says that it is text: any
    bytes at all could be read so.
    """
    if _is_binary_type(media_type) or data.startswith(b"%PDF-"):
        return None
    for encoding in _choose_encodings(data, media_type, name):
        text = _decode(data, encoding)
        if text is not None:
            return text if _is_text(text) else None
    return None


def _is_binary_type(media_type: str) -> bool:
    kind = media_type.partition(";")[0].strip().lower()
    main = kind.partition("/")[0]
    return kind in _BINARY_TYPES or (
        main in _BINARY_MAIN_TYPES and not kind.endswith("+xml")
    )


def _choose_encodings(data: bytes, media_type: str, name: str) -> list[str]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return [encoding]
    if b"\0" in data:
        return []
    is_named_text = PurePosixPath(name.lower()).suffix in _TEXT_SUFFIXES
    is_typed_text = media_type.lower().startswith("text/")
    return ["utf-8", "cp1252"] if is_named_text or is_typed_text else ["utf-8"]


def _decode(data: bytes, encoding: str) -> str | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        # The head may end within a character; the whole may not.
        return decoder.decode(data[:_HEAD_BYTES], final=len(data) <= _HEAD_BYTES)
    except UnicodeDecodeError:
        return None


def _is_text(text: str) -> bool:
    """Whether hardly any of it are control characters other than those of texts."""
    controls = sum(char < " " and char not in "\t\n\r\f\b\x1b" for char in text)
    return "\0" not in text and controls * 100 <= len(text)

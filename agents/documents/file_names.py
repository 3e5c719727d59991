"""The names of the files in which an agent finds documents."""

import re
import unicodedata
from collections.abc import Collection

# Leaves room for what a program adds to a name, of the 255 that file systems take.
MAX_NAME_BYTES = 200
MAX_SUFFIX_BYTES = 20

# What has a meaning to a shell, to a glob or to another system's paths.
_MEANINGFUL = re.compile(r"""[\\/:*?"'<>|$`;&!{}\[\]~^#%]""")


def make_safe_name(name: str, *, taken: Collection[str] = ()) -> str:
    """Return a name for the file of a document called `name`, none of `taken`.

    It stays in its folder, hides nothing and is taken for no option of a command.
    """
    last = re.split(r"[\\/]", name.rstrip("\\/"))[-1]
    spaced = " ".join(unicodedata.normalize("NFC", last).split())
    visible = "".join(char for char in spaced if char.isprintable())
    plain = _MEANINGFUL.sub("_", visible).lstrip(".- ").rstrip(". ")
    stem, suffix = _split_name(plain or "document")
    used = {other.casefold() for other in taken}  # as file systems of laptops compare
    number, candidate = 1, _join_name(stem, suffix)
    while candidate.casefold() in used:
        number += 1
        candidate = _join_name(stem, f" ({number}){suffix}")
    return candidate


def _split_name(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) >= MAX_SUFFIX_BYTES:
        return name, ""
    return stem, dot + suffix


def _join_name(stem: str, suffix: str) -> str:
    room = MAX_NAME_BYTES - len(suffix.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + suffix

"""Does this rule cover this tool call? Pure, and in doubt the answer is no.

A pattern is a kind (`read`, `write`, `run`, `fetch`, `mcp`), alone or followed by a colon
and a glob over the rest: `write:/reports/*` (the files in that folder), `write:/reports/**`
(those in its folders too), `run:git log *`, `mcp:github/*`.
"""

import re
import unicodedata
from fnmatch import fnmatchcase
from functools import lru_cache

from django.core.exceptions import ValidationError

KINDS = ("read", "write", "run", "fetch", "mcp")

MAX_LENGTH = 2_000

# All that makes more than one simple command of a line, or another than it looks.
_SHELL_SYNTAX = re.compile(r"[;&|<>$`\\\n\r(){}\[\]*?!#~'\"=^]")


def validate(pattern: str) -> None:
    """Raise ValidationError if `pattern` may not become a rule."""
    kind, colon, rest = pattern.partition(":")
    if kind not in KINDS:
        raise ValidationError(
            f"A pattern starts with one of {', '.join(KINDS)}; got {pattern!r}."
        )
    if colon and not rest:
        raise ValidationError("Say what after the colon, or leave the colon out.")
    if kind == "run" and not _names_a_command(rest):
        raise ValidationError("A rule for `run` names the command: “run:git status”.")
    if pattern.count("**") > 2:  # more take long to match
        raise ValidationError("A pattern has at most two “**”.")
    if len(pattern) > MAX_LENGTH:
        raise ValidationError(f"A pattern has at most {MAX_LENGTH} characters.")
    if not is_plain(pattern):
        raise ValidationError("A pattern has no control or invisible characters.")


def _names_a_command(rest: str) -> bool:
    words = rest.split()
    return bool(words) and not re.search(r"[*?\[]", words[0])


def has_wildcard(text: str) -> bool:
    return re.search(r"[*?\[]", text) is not None


def is_plain(text: str) -> bool:
    """Tell whether a person sees all of `text`: no control, format or odd space characters."""
    return all(
        char == " "
        or unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs", "Zs", "Zl", "Zp"}
        for char in text
    )


@lru_cache(maxsize=10_000)
def covers(pattern: str, action: str) -> bool:
    """Tell whether `pattern` certainly covers `action`, such as `write:/reports/q4.md`."""
    kind, _, rest = action.partition(":")
    wanted_kind, colon, glob = pattern.partition(":")
    if kind != wanted_kind or kind not in KINDS or not is_plain(action):
        return False
    if kind == "run":
        return bool(glob) and _covers_command(glob, rest)
    if kind in {"read", "write"} and not _is_resolved(rest):
        return False
    return not colon or _regex(glob).fullmatch(rest) is not None


@lru_cache(maxsize=1_000)
def _regex(glob: str) -> re.Pattern[str]:
    """Translate a glob: `*` and `?` stay within one segment of a path, `**` crosses."""
    translated = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*|\*|\?)", glob)
    return re.compile(
        "".join(translated.get(part) or re.escape(part) for part in parts), re.DOTALL
    )


def _is_resolved(path: str) -> bool:
    return path.startswith("/") and ".." not in path.split("/")


def _covers_command(glob: str, line: str) -> bool:
    """Word by word: `git log *` covers `git log -1`, and `git log`, never `git logout`."""
    if _SHELL_SYNTAX.search(line):
        return False
    wanted, words = glob.split(), line.split()
    if wanted[-1] == "*":
        return _match_words(wanted[:-1], words[: len(wanted) - 1])
    return _match_words(wanted, words)


def _match_words(wanted: list[str], words: list[str]) -> bool:
    return len(wanted) == len(words) and all(
        fnmatchcase(word, glob) for glob, word in zip(wanted, words, strict=True)
    )

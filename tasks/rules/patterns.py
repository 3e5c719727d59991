"""Does this rule cover this tool call? Pure, and in doubt the answer is no.

A pattern is a kind, alone or followed by a colon and what of it is meant:

    read:/reports/**         the files in that folder and the folders in it
    write:/reports/*         those in the folder itself; /**, whose names start with no dot
    run:git log *            the command with any further words; run:git log is just that
    fetch:https://x.org/a/** addresses, by their scheme, host, port and path
    mcp:github/*             the tools of a server, or mcp:github/get_issue

A kind alone is all of it, which an allow rule for `run` may not be. An allow rule covers what
it covers for certain; a deny rule whatever it may be meant for: `denies` errs on its side.
"""

import re
from functools import lru_cache
from unicodedata import normalize

from django.core.exceptions import ValidationError

from tasks.rules import addresses, commands, globs
from tasks.rules.visible_text import is_plain

KINDS = ("read", "write", "run", "fetch", "mcp")
PATH_KINDS = frozenset({"read", "write"})
# At the end of an action: all that lies beneath the folder.
BENEATH = "/**"

MAX_LENGTH = 2_000
MAX_WILDCARDS = 16  # more take long against a command of very many words
MAX_NAME = 4_096  # characters of a path that is looked into: none is longer


def validate(pattern: str, *, is_allow: bool = True) -> None:
    """Raise ValidationError if `pattern` may not become a rule that allows, or denies."""
    kind, colon, rest = pattern.partition(":")
    if kind not in KINDS:
        raise ValidationError(
            f"A pattern starts with one of {', '.join(KINDS)}; got {pattern!r}."
        )
    if colon and not rest.strip():
        raise ValidationError("Say what after the colon, or leave the colon out.")
    if pattern.count("*") + pattern.count("?") > MAX_WILDCARDS:
        raise ValidationError(f"A pattern has at most {MAX_WILDCARDS} wildcards.")
    if len(pattern) > MAX_LENGTH:
        raise ValidationError(f"A pattern has at most {MAX_LENGTH} characters.")
    if not is_plain(pattern):
        raise ValidationError("A pattern has no control or invisible characters.")
    if problem := _problem(kind, rest, is_allow=is_allow):
        raise ValidationError(problem)


def _problem(kind: str, rest: str, *, is_allow: bool) -> str | None:
    if kind == "run":
        return _problem_of_command(rest) if is_allow else None
    if not rest:
        return None
    if kind == "fetch":
        return addresses.problem(rest)
    if kind == "mcp":
        return _problem_of_tool(rest)
    if rest.startswith("/") or not is_allow:
        return None
    return f"A path starts at the workspace: “{kind}:/{rest}”."


def _problem_of_command(rest: str) -> str | None:
    if not rest:
        return "“run” alone would allow any command. Name one: “run:git status”, “run:pytest *”."
    return commands.problem(rest)


def _problem_of_tool(rest: str) -> str | None:
    if _tool(rest) and "*" not in rest.removesuffix("/*"):
        return None
    return "A tool is “mcp:server/tool”, or “mcp:server/*” for all tools of a server."


def problem_with(pattern: str, action: str) -> str | None:
    """Say why a rule of `pattern` would not do that is to allow `action`; None if it would."""
    try:
        validate(pattern)
    except ValidationError as error:
        return str(error.messages[0])
    if not covers(pattern, action):
        return f"“{pattern}” does not cover “{action}”, so the agent would ask again."
    return None


@lru_cache(maxsize=1_000)
def covers(pattern: str, action: str) -> bool:
    """Tell whether `pattern` certainly covers `action`, such as `write:/reports/q4.md`."""
    kind, _, rest = action.partition(":")
    wanted_kind, colon, wanted = pattern.partition(":")
    if kind != wanted_kind or kind not in KINDS or not is_plain(action):
        return False
    if colon and not wanted:
        return False
    if kind == "run":
        return bool(wanted) and commands.covers_command(wanted, rest)
    if kind == "fetch":
        return addresses.covers_address(wanted, rest)
    if kind == "mcp":
        return _covers_tool(wanted, rest)
    return _covers_path(wanted, rest, dots=kind == "read")


@lru_cache(maxsize=1_000)
def denies(pattern: str, action: str) -> bool:
    """Tell whether a deny rule of `pattern` may be meant for `action`."""
    kind, _, rest = action.partition(":")
    wanted_kind, _, wanted = pattern.partition(":")
    if kind != wanted_kind:
        return False
    if not wanted:
        return True
    if kind == "run":
        return commands.denies_command(wanted, rest)
    if kind == "fetch":
        return addresses.denies_address(wanted, rest)
    return len(rest) > MAX_NAME or _denies_name(_fold(wanted), _fold(rest))


def pattern_for(action: str) -> str | None:
    """Return the pattern that covers just this action; None: there is none."""
    is_glob = not action.startswith("run:") and globs.has_wildcard(action)
    return action if not is_glob and covers(action, action) else None


# --- Paths ----------------------------------------------------------------------------


def _covers_path(wanted: str, path: str, *, dots: bool) -> bool:
    folder = path.removesuffix(BENEATH)
    if not _is_resolved(folder or "/"):
        return False
    if not wanted:
        return True
    if path != folder and not wanted.endswith("**"):
        return False  # a `*` stops at the next folder
    return globs.parse_glob(wanted).matches_path(path, dots=dots)


def _is_resolved(path: str) -> bool:
    names = path.split("/")
    return path == "/" or (not names[0] and not {"", ".", ".."} & set(names[1:]))


def _denies_name(wanted: str, name: str) -> bool:
    """Tell whether the glob matches, or something beneath the folder that is gone through."""
    if globs.parse_glob(wanted).matches_path(name):
        return True
    if not name.endswith(BENEATH):
        return False
    start, folder = re.split(r"[*?]", wanted)[0], name.removesuffix("**")
    return start.startswith(folder) or folder.startswith(start)


def _fold(name: str) -> str:
    """Write names alike that some file systems take to be the same."""
    return normalize("NFC", name).casefold()


# --- Tools of servers -----------------------------------------------------------------


def _covers_tool(wanted: str, name: str) -> bool:
    tool = _tool(name)
    if tool is None or not wanted:
        return tool is not None
    server, _, wanted_tool = wanted.partition("/")
    return tool[0] == server and wanted_tool in {"*", tool[1]}


def _tool(name: str) -> tuple[str, str] | None:
    server, _, tool = name.partition("/")
    if not re.fullmatch(r"[^/\s]+", server) or not re.fullmatch(r"[^/\s]+", tool):
        return None
    return server, tool

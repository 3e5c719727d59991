"""Profiles as files: one TOML file each, ours in `tasks/profiles`, a site's own with its data.

A file in `STAGENT_HOME/profiles` whose name is that of one of ours takes its place. A file
is read again once it has changed. One that cannot be used takes nothing down: it is left
out, the reason is kept, and one of ours keeps its place.

    name = "Translator"                       # required, as are the next two
    description = "Translates documents."
    instructions = "You translate the documents that are attached to the task."
    allowed = ["read"]                        # what it may do unasked: permission patterns
    denied = ["fetch"]                        # what it may never do
    tools = ["read", "list", "write"]         # of the direct runtimes' own; all if left out
    runtimes = ["claude-code"]                # those it suits; all if left out
    network = true                            # its commands reach the network; false if left out
    model = "claude-opus-5-5"                 # where the task names none
    effort = "high"                           # where the task says none, and the runtime has it
    max_turns = 20
    max_budget_usd = 0.5
    domain = "writing"                        # with `tags` and `author`: for people
    [models]                                  # by runtime, before `model`
    openai-direct = "gpt-6-sol"
    [keywords]                                # find it for tasks that name no profile
    translate = 3
"""

import re
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError

from tasks.catalog.model_names import find_name_problem
from tasks.catalog.runtimes import ECHO, EFFORTS, RUNTIME_NAMES
from tasks.rules import patterns

TOOL_NAMES: tuple[str, ...] = (
    *("read", "list", "search", "write", "edit", "run"),
    "ask",  # a person
)
BUILT_IN = "built-in"
STORED = "database"  # of those that people make and change while the server runs
MAX_ID_CHARACTERS = 100
# A site's folder is looked at again when what is known of it is older than this.
RECHECK_SECONDS = 1.0
# The instructions open every request to the model: a long file is a mistake.
MAX_FILE_BYTES = 64 * 2**10
REQUIRED = ("name", "description", "instructions")
_ID = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How an agent is to behave, and within what limits."""

    id: str
    name: str
    description: str
    instructions: str
    allowed: tuple[str, ...] = ()  # permission patterns: what it may do unasked
    denied: tuple[str, ...] = ()  # what it may never do, not even when asked
    # By weight: 1 hints at this profile, 2 suggests it, 3 says it.
    keywords: Mapping[str, int] = field(default_factory=dict, hash=False)
    runtimes: tuple[str, ...] = RUNTIME_NAMES  # those it suits
    tools: tuple[str, ...] = TOOL_NAMES  # of the direct runtimes' own
    network: bool = False  # whether what it runs reaches more than its provider
    model: str = ""  # where the task names none
    models: Mapping[str, str] = field(default_factory=dict, hash=False)  # by runtime
    effort: str = ""
    max_turns: int | None = None
    max_budget_usd: float | None = None
    domain: str = ""
    tags: tuple[str, ...] = ()
    author: str = ""
    source: str = BUILT_IN  # or the path of a site's own file

    def suits(self, runtime_name: str) -> bool:
        return runtime_name in self.runtimes or runtime_name == ECHO.name


@dataclass(frozen=True)
class LoadedProfiles:
    """The profiles as they were at `checked_at`, and what was wrong with the others."""

    folder: Path
    fingerprint: tuple[tuple[str, int, int], ...]
    profiles: Mapping[str, Profile]
    problems: tuple[str, ...]
    checked_at: float  # of the monotonic clock


_kept: LoadedProfiles | None = None


def load_profiles() -> LoadedProfiles:
    """Return what was read last; first read it again if a site's file has changed.

    Two threads may both read: they find the same, and the later replaces the earlier.
    """
    global _kept
    folder = settings.STAGENT_HOME / "profiles"
    kept = _kept if _kept and _kept.folder == folder else None
    now = time.monotonic()
    if kept and now - kept.checked_at < RECHECK_SECONDS:
        return kept
    fingerprint = _fingerprint(folder)
    if kept and kept.fingerprint == fingerprint:
        _kept = fresh = replace(kept, checked_at=now)
    else:
        own, problems = _read_folder(folder)
        _kept = fresh = LoadedProfiles(
            folder, fingerprint, {**_built_in(), **own}, problems, now
        )
    return fresh


def _fingerprint(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Tell one state of the folder from another, with one `stat` a file."""
    return tuple((file.name, *_stamp(file)) for file in sorted(folder.glob("*.toml")))


def _stamp(file: Path) -> tuple[int, int]:
    try:
        stat = file.stat()
    except OSError:  # gone since, or a link to nothing
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


@cache
def _built_in() -> Mapping[str, Profile]:
    read, problems = _read_folder(Path(__file__).with_name("built_in"))
    if problems:
        raise ImproperlyConfigured("\n".join(problems))
    return {key: replace(profile, source=BUILT_IN) for key, profile in read.items()}


def _read_folder(folder: Path) -> tuple[dict[str, Profile], tuple[str, ...]]:
    read, problems = {}, []
    for file in sorted(folder.glob("*.toml")):
        try:
            read[file.stem] = read_profile(file)
        except UnusableProfile as error:
            problems.append(f"{file}: {error}")
    return read, tuple(problems)


class UnusableProfile(Exception):
    """The file holds no profile. The message is for people and names the setting."""


def read_profile(file: Path) -> Profile:
    """Return the profile in `file`, checked, or raise UnusableProfile."""
    if not _ID.fullmatch(file.stem):
        raise UnusableProfile("its name is the id: small letters, digits and dashes")
    return make_profile(file.stem, _parse(file), source=str(file))


def make_profile(profile_id: str, table: dict[str, Any], *, source: str) -> Profile:
    """Return the profile that a table of settings says, or raise UnusableProfile."""
    if missing := [key for key in REQUIRED if key not in table]:
        raise UnusableProfile(f"{missing[0]}: missing")
    checked = {key: _check(key, value) for key, value in table.items()}
    return Profile(id=profile_id, source=source, **checked)


def find_problem(key: str, value: Any) -> str:
    """Say why a setting cannot have this value; nothing if it can."""
    try:
        _check(key, value)
    except UnusableProfile as problem:
        return str(problem).removeprefix(f"{key}: ")
    return ""


def is_profile_id(text: str) -> bool:
    return len(text) <= MAX_ID_CHARACTERS and _ID.fullmatch(text) is not None


def _parse(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise UnusableProfile(f"longer than {MAX_FILE_BYTES} bytes")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise UnusableProfile(error.strerror or "cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise UnusableProfile(f"not TOML: {error}") from error


def _check(key: str, value: Any) -> Any:
    check = _CHECKS.get(key)
    if check is None:
        raise UnusableProfile(f"{key}: there is no such setting")
    return check(key, value)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise UnusableProfile(f"{key}: must be some text")
    return value.strip()


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UnusableProfile(f"{key}: must be a list of texts")
    return tuple(_text(key, item) for item in value)


def _runtimes(key: str, value: Any) -> tuple[str, ...]:
    return _names_among(RUNTIME_NAMES, key, value)


def _tools(key: str, value: Any) -> tuple[str, ...]:
    return _names_among(TOOL_NAMES, key, value)


def _names_among(known: tuple[str, ...], key: str, value: Any) -> tuple[str, ...]:
    names = _texts(key, value)
    if unknown := [name for name in names if name not in known]:
        raise UnusableProfile(f"{key}: {unknown[0]} is none of {', '.join(known)}")
    return names


def _patterns(key: str, value: Any, *, is_allow: bool) -> tuple[str, ...]:
    listed = _texts(key, value)
    try:
        for pattern in listed:
            patterns.validate(pattern, is_allow=is_allow)
    except ValidationError as error:
        raise UnusableProfile(f"{key}: {error.message}") from error
    return listed


def _weights(key: str, value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(
        type(weight) is int for weight in value.values()
    ):
        raise UnusableProfile(f"{key}: must be a table of words and whole numbers")
    if unusable := [word for word in value if not re.search(r"\w", word)]:
        raise UnusableProfile(f"{key}: {unusable[0]!r} holds no word")
    return value


def _model(key: str, value: Any) -> str:
    name = _text(key, value)
    if problem := find_name_problem(name):
        raise UnusableProfile(f"{key}: {problem}")
    return name


def _models(key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise UnusableProfile(f"{key}: must be a table of runtimes and models")
    _names_among(RUNTIME_NAMES, key, list(value))
    return {
        runtime: _model(f"{key}.{runtime}", name) for runtime, name in value.items()
    }


def _effort(key: str, value: Any) -> str:
    return _names_among(EFFORTS, key, [value])[0]


def _flag(key: str, value: Any) -> bool:
    if type(value) is not bool:
        raise UnusableProfile(f"{key}: must be true or false")
    return value


def _turns(key: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise UnusableProfile(f"{key}: must be a whole number from 1")
    return value


def _dollars(key: str, value: Any) -> float:
    # The upper bound refuses infinity, and what no 64-bit count of microdollars holds.
    if type(value) not in {int, float} or not 0 < value <= 1_000_000:
        raise UnusableProfile(f"{key}: must be a number of dollars above 0")
    return float(value)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "name": _text,
    "description": _text,
    "instructions": _text,
    "domain": _text,
    "author": _text,
    "tags": _texts,
    "allowed": partial(_patterns, is_allow=True),
    "denied": partial(_patterns, is_allow=False),
    "runtimes": _runtimes,
    "tools": _tools,
    "keywords": _weights,
    "network": _flag,
    "model": _model,
    "models": _models,
    "effort": _effort,
    "max_turns": _turns,
    "max_budget_usd": _dollars,
}

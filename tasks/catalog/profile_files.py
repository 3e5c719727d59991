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

import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tasks.catalog.agent_profile import BUILT_IN, Profile, is_profile_id
from tasks.catalog.profile_settings import UnusableProfile, make_profile

# A site's folder is looked at again when what is known of it is older than this.
RECHECK_SECONDS = 1.0
# The instructions open every request to the model: a long file is a mistake.
MAX_FILE_BYTES = 64 * 2**10


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


def read_profile(file: Path) -> Profile:
    """Return the profile in `file`, checked, or raise UnusableProfile."""
    if not is_profile_id(file.stem):
        raise UnusableProfile("its name is the id: small letters, digits and dashes")
    return make_profile(file.stem, _parse(file), source=str(file))


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

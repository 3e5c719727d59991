"""What a task may ask for: a runtime and a profile. Nothing here runs an agent.

A *runtime* is a kind of agent: `RUNTIMES` holds the five of the API, `readiness()` says
whether this server can use one now and, if not, what mends it.

A *profile* is how an agent is to behave: its instructions, what it may do unasked, its
limits and the runtimes it suits. Most are TOML files, of which `tasks.catalog.profile_files`
tells. Others are rows: they are looked up only where no file has the id, so that tasks that
name none, or one of a file, need no query for it.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Protocol

from django.conf import settings

from tasks.catalog import profile_files
from tasks.catalog.agent_profile import BUILT_IN, TOOL_NAMES, Profile
from tasks.catalog.models import (
    ModelChoice,
    choose_model,
    find_effort_problem,
    find_model_problem,
)
from tasks.catalog.runtimes import (
    ECHO,
    EFFORTS,
    PROCESS_RUNTIMES,
    RUNTIME_NAMES,
    RUNTIMES,
    Readiness,
    RuntimeFacts,
    has_embedded_model,
)

__all__ = [
    "BUILT_IN",
    "EFFORTS",
    "GENERAL",
    "PROCESS_RUNTIMES",
    "RUNTIMES",
    "RUNTIME_NAMES",
    "TOOL_NAMES",
    "ModelChoice",
    "Profile",
    "Readiness",
    "RuntimeFacts",
    "choose_model",
    "classify",
    "default_runtime",
    "find_effort_problem",
    "find_model_problem",
    "has_embedded_model",
    "incompatibility",
    "profile",
    "profile_name",
    "profile_problems",
    "profiles",
    "register_stored_profiles",
    "runtime",
]

GENERAL = "general"
# Of the weights of the keywords found, together: one hint is not enough.
MINIMUM_SCORE = 2


def runtime(name: str) -> RuntimeFacts | None:
    """Return the runtime called `name`; echo only where the settings let it in."""
    if name == ECHO.name and getattr(settings, "STAGENT_ENABLE_ECHO", False):
        return ECHO
    return RUNTIMES.get(name)


def default_runtime() -> RuntimeFacts | None:
    """Return the runtime of tasks that name none: the settings' choice, else one that is ready.

    A real model goes before the embedded one, which is slow enough without a process to start.
    """
    if settings.STAGENT_DEFAULT_RUNTIME:
        return runtime(settings.STAGENT_DEFAULT_RUNTIME)
    ready = [facts for facts in RUNTIMES.values() if facts.readiness().is_ready]
    real = [facts for facts in ready if facts.has_credential()]
    by_weight = sorted(ready, key=lambda facts: facts.is_a_process)
    return next(iter(real or by_weight), None)


class StoredProfiles(Protocol):
    """Where profiles are kept that are no files."""

    def find(self, profile_id: str) -> Profile | None: ...

    def load_all(self) -> Mapping[str, Profile]: ...


_stored: list[StoredProfiles] = []


def register_stored_profiles(stored: StoredProfiles) -> None:
    """Have profiles looked up there too; only what knows rows can."""
    _stored[:] = [stored]


def profiles() -> Mapping[str, Profile]:
    """Return all profiles by id: rows, ours, and a site's files in their place or beside them."""
    rows = (one.load_all() for one in _stored)
    return {**{key: row for found in rows for key, row in found.items()}, **_files()}


def profile(profile_id: str) -> Profile | None:
    """Return a profile of a file, else of a row."""
    if found := _files().get(profile_id):
        return found
    return next(filter(None, (one.find(profile_id) for one in _stored)), None)


def profile_name(profile_id: str) -> str:
    """Return what people call a profile, without a query: of a row that is its id."""
    found = _files().get(profile_id)
    return found.name if found else profile_id


def _files() -> Mapping[str, Profile]:
    return profile_files.load_profiles().profiles


def profile_problems() -> list[str]:
    """Name the site's profile files that cannot be used, each with the reason."""
    return list(profile_files.load_profiles().problems)


def classify(text: str) -> Profile:
    """Choose the profile whose keywords fit `text` best, `general` when none does."""
    known = _files()  # a row has no keywords
    phrase = _phrase(text)
    scores = {item.id: _score(item, phrase) for item in known.values()}
    best = max(scores, key=lambda profile_id: scores[profile_id])
    return known[best if scores[best] >= MINIMUM_SCORE else GENERAL]


def incompatibility(runtime_name: str | None, profile_id: str | None) -> str | None:
    """Say why a task cannot have this runtime and this profile, None if it can.

    What is not named is chosen when the task is executed.
    """
    if not profile_id:
        return None
    chosen = profile(profile_id)
    if chosen is None:
        return f"Profile not found: {profile_id[:128]}"
    if not runtime_name or chosen.suits(runtime_name):
        return None
    facts = runtime(runtime_name)
    title = facts.title if facts else runtime_name
    return f"Profile {chosen.name} does not support {title}; use {', '.join(chosen.runtimes)}."


def _score(item: Profile, phrase: str) -> int:
    return sum(
        weight for word, weight in item.keywords.items() if _keyword(word) in phrase
    )


@cache
def _keyword(word: str) -> str:
    return _phrase(word)


def _phrase(text: str) -> str:
    """Spell `text` so that a phrase in another is a substring: whole words, singular."""
    words = re.findall(r"\w+", text.casefold())
    return f" {' '.join(w.removesuffix('s') if len(w) > 3 else w for w in words)} "

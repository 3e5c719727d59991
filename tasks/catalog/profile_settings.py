"""The settings that a profile is made of, each with its check."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError

from tasks.catalog.agent_profile import TOOL_NAMES, Profile
from tasks.catalog.model_names import find_name_problem
from tasks.catalog.runtimes import EFFORTS, RUNTIME_NAMES
from tasks.rules import patterns

REQUIRED = ("name", "description", "instructions")


class UnusableProfile(Exception):
    """These settings are no profile. The message is for people and names the setting."""


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


def _check(key: str, value: Any) -> Any:
    check = _CHECKS.get(key)
    if check is None:
        raise UnusableProfile(f"{key}: there is no such setting")
    return check(key, value)


def _check_text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise UnusableProfile(f"{key}: must be some text")
    return value.strip()


def _check_texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UnusableProfile(f"{key}: must be a list of texts")
    return tuple(_check_text(key, item) for item in value)


def _check_runtimes(key: str, value: Any) -> tuple[str, ...]:
    return _check_names_among(RUNTIME_NAMES, key, value)


def _check_tools(key: str, value: Any) -> tuple[str, ...]:
    return _check_names_among(TOOL_NAMES, key, value)


def _check_names_among(known: tuple[str, ...], key: str, value: Any) -> tuple[str, ...]:
    names = _check_texts(key, value)
    if unknown := [name for name in names if name not in known]:
        raise UnusableProfile(f"{key}: {unknown[0]} is none of {', '.join(known)}")
    return names


def _check_patterns(key: str, value: Any, *, is_allow: bool) -> tuple[str, ...]:
    listed = _check_texts(key, value)
    try:
        for pattern in listed:
            patterns.validate(pattern, is_allow=is_allow)
    except ValidationError as error:
        raise UnusableProfile(f"{key}: {error.message}") from error
    return listed


def _check_weights(key: str, value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(
        type(weight) is int for weight in value.values()
    ):
        raise UnusableProfile(f"{key}: must be a table of words and whole numbers")
    if unusable := [word for word in value if not re.search(r"\w", word)]:
        raise UnusableProfile(f"{key}: {unusable[0]!r} holds no word")
    return value


def _check_model(key: str, value: Any) -> str:
    name = _check_text(key, value)
    if problem := find_name_problem(name):
        raise UnusableProfile(f"{key}: {problem}")
    return name


def _check_models(key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise UnusableProfile(f"{key}: must be a table of runtimes and models")
    _check_names_among(RUNTIME_NAMES, key, list(value))
    return {
        runtime: _check_model(f"{key}.{runtime}", name)
        for runtime, name in value.items()
    }


def _check_effort(key: str, value: Any) -> str:
    return _check_names_among(EFFORTS, key, [value])[0]


def _check_flag(key: str, value: Any) -> bool:
    if type(value) is not bool:
        raise UnusableProfile(f"{key}: must be true or false")
    return value


def _check_turns(key: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise UnusableProfile(f"{key}: must be a whole number from 1")
    return value


def _check_dollars(key: str, value: Any) -> float:
    # The upper bound refuses infinity, and what no 64-bit count of microdollars holds.
    if type(value) not in {int, float} or not 0 < value <= 1_000_000:
        raise UnusableProfile(f"{key}: must be a number of dollars above 0")
    return float(value)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "name": _check_text,
    "description": _check_text,
    "instructions": _check_text,
    "domain": _check_text,
    "author": _check_text,
    "tags": _check_texts,
    "allowed": partial(_check_patterns, is_allow=True),
    "denied": partial(_check_patterns, is_allow=False),
    "runtimes": _check_runtimes,
    "tools": _check_tools,
    "keywords": _check_weights,
    "network": _check_flag,
    "model": _check_model,
    "models": _check_models,
    "effort": _check_effort,
    "max_turns": _check_turns,
    "max_budget_usd": _check_dollars,
}

"""Profiles as the API shows them and reads them, under our names and those of the family.

The notions are the same: `skillMd` is the instructions, `allowedTools` the tools,
`canUseToolPolicy` what is allowed and denied, `supportedRuntimes` the runtimes, and
`capabilityOverrides` has the models.
"""

from collections.abc import Iterator
from typing import Any

from tasks import catalog
from tasks.api import responses
from tasks.catalog import BUILT_IN
from tasks.catalog.agent_profile import STORED

JSON = dict[str, Any]

# A field of a body -> the setting that it is; all else has one name.
SETTINGS = {
    "maxTurns": "max_turns",
    "maxBudgetUsd": "max_budget_usd",
    "skillMd": "instructions",
    "allowedTools": "tools",
    "supportedRuntimes": "runtimes",
}
POLICY = {"autoApprove": "allowed", "autoDeny": "denied"}


def read_settings(data: JSON) -> Iterator[tuple[str, str, Any]]:
    """Yield each setting of a checked body as its field, its name and its value, None to remove it."""
    for field, value in data.items():
        if field == "canUseToolPolicy":
            policy = dict.fromkeys(POLICY) if value is None else value
            for key, patterns in policy.items():
                yield field, POLICY[key], patterns
        elif field == "capabilityOverrides":
            models = value and {
                runtime: one["modelId"] for runtime, one in value.items()
            }
            yield field, "models", models
        else:
            yield field, SETTINGS.get(field, field), value


def represent_profile(profile: catalog.Profile) -> JSON:
    """Return all of a profile but its instructions, which may be long."""
    source = profile.source
    return {
        "id": profile.id,
        "name": profile.name,
        "description": profile.description,
        "domain": profile.domain or None,
        "tags": profile.tags,
        "author": profile.author or None,
        "runtimes": profile.runtimes,
        "tools": profile.tools,
        "allowed": profile.allowed,
        "denied": profile.denied,
        "network": profile.network,
        "model": profile.model or None,
        "models": profile.models,
        "effort": profile.effort or None,
        "maxTurns": profile.max_turns,
        "maxBudgetUsd": profile.max_budget_usd,
        "source": source if source in responses.PROFILE_SOURCES else "site",
        "readOnly": source != STORED,
        "allowedTools": profile.tools,
        "supportedRuntimes": profile.runtimes,
        "canUseToolPolicy": {
            "autoApprove": profile.allowed,
            "autoDeny": profile.denied,
        },
        "capabilityOverrides": {
            runtime: {"modelId": model} for runtime, model in profile.models.items()
        },
        "isBuiltin": source == BUILT_IN,
        "scope": "builtin" if source == BUILT_IN else "user",
    }


def represent_whole(profile: catalog.Profile) -> JSON:
    """Return a profile with its instructions."""
    text = profile.instructions
    return {**represent_profile(profile), "instructions": text, "skillMd": text}

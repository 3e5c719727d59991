"""A profile as the settings that make it: what a copy begins with."""

from typing import Any

from tasks.catalog.agent_profile import Profile

# All but the keywords: those of the copy would find the original's tasks.
SETTINGS = (
    *("name", "description", "instructions", "domain", "tags", "author"),
    *("runtimes", "tools", "allowed", "denied", "network"),
    *("model", "models", "effort", "max_turns", "max_budget_usd"),
)


def copy_settings(profile: Profile) -> dict[str, Any]:
    """Return the settings of a profile as JSON has them, without those that say nothing."""
    values = {name: getattr(profile, name) for name in SETTINGS}
    return {
        name: _to_json(value)
        for name, value in values.items()
        if value not in (None, "", (), {}, False)
    }


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if hasattr(value, "keys") else value

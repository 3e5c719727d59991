"""What a request about profiles may say, in the API's own words."""

from typing import Any

from tasks.api import zod
from tasks.catalog import EFFORTS, RUNTIME_NAMES, TOOL_NAMES
from tasks.catalog.agent_profile import MAX_ID_CHARACTERS

MAX_ITEMS = 200


def _text(longest: int, **options: Any) -> zod.String:
    return zod.String(required=False, max_length=longest, **options)


def _texts(**options: Any) -> zod.ArrayOf:
    return zod.ArrayOf(zod.String(), required=False, max_length=MAX_ITEMS, **options)


class ToolPolicy(zod.Record):
    """Permission patterns under the names of `canUseToolPolicy`."""

    known = ("autoApprove", "autoDeny")

    def check(self, value: Any, issues: list[str]) -> Any:
        policy = super().check(value, issues)
        if not issues and (unknown := [key for key in policy if key not in self.known]):
            issues.append(f"Unrecognized key: {unknown[0][:128]}")
        return policy


class CapabilityOverrides(zod.Record):
    """By runtime an object with its `modelId`."""

    def check(self, value: Any, issues: list[str]) -> Any:
        overrides = super().check(value, issues)
        if not issues and any(
            not isinstance(one, dict) or set(one) != {"modelId"}
            for one in overrides.values()
        ):
            issues.append("Must hold an object with modelId, and no more, by runtime")
        return overrides


class UpdateProfile(zod.Serializer):
    name = _text(200)
    description = _text(2_000)
    instructions = _text(60_000, help_text="The system prompt of its agents.")
    domain = _text(100, allow_null=True)
    tags = _texts(allow_null=True)
    author = _text(200, allow_null=True)
    runtimes = zod.ArrayOf(
        zod.Enum(RUNTIME_NAMES),
        required=False,
        allow_null=True,
        max_length=MAX_ITEMS,
        help_text="Those it suits. Null: all.",
    )
    tools = zod.ArrayOf(
        zod.Enum(TOOL_NAMES),
        required=False,
        allow_null=True,
        max_length=MAX_ITEMS,
        help_text="Of the direct runtimes' own. Null: all.",
    )
    allowed = _texts(
        allow_null=True, help_text="Permission patterns: what it may do unasked."
    )
    denied = _texts(allow_null=True, help_text="What it may never do.")
    network = zod.Boolean(required=False, allow_null=True)
    model = _text(200, allow_null=True)
    models = zod.Record(
        required=False, allow_null=True, help_text="By runtime, before `model`."
    )
    effort = zod.Enum(EFFORTS, required=False, allow_null=True)
    maxTurns = zod.Integer(
        required=False, allow_null=True, min_value=1, max_value=1_000
    )
    maxBudgetUsd = zod.Number(
        required=False,
        allow_null=True,
        min_value=0,
        min_is_exclusive=True,
        max_value=10_000,
    )

    # The same under the names that clients of the product family know.
    skillMd = _text(60_000, help_text="The same as `instructions`.")
    allowedTools = _texts(allow_null=True, help_text="The same as `tools`.")
    supportedRuntimes = _texts(allow_null=True, help_text="The same as `runtimes`.")
    canUseToolPolicy = ToolPolicy(
        required=False,
        allow_null=True,
        help_text="`autoApprove` is the same as `allowed`, `autoDeny` as `denied`.",
    )
    capabilityOverrides = CapabilityOverrides(
        required=False,
        allow_null=True,
        help_text="By runtime `{modelId}`: the same as `models`.",
    )


class CreateProfile(UpdateProfile):
    id = zod.String(
        max_length=MAX_ID_CHARACTERS,
        pattern=r"[a-z0-9]+(?:[-_][a-z0-9]+)*",
        hint="An id has small letters, digits and dashes",
    )
    copyOf = zod.String(
        required=False, help_text="A profile whose settings count where none are given."
    )

"""What rules and the profile decide about a tool call, without asking a person."""

from collections.abc import Callable, Iterable
from uuid import UUID

from agents.protocol.runtime import JSON, Decision, ToolCall
from tasks.catalog import Profile
from tasks.models import PermissionRule, Task
from tasks.rules.patterns import covers, denies

ALLOW, DENY = PermissionRule.Effect.ALLOW, PermissionRule.Effect.DENY


class ToolRules:
    """The rules that hold for one task, and the patterns of the profile it runs with."""

    def __init__(self, task_id: UUID, profile: Profile) -> None:
        self._task_id = task_id
        self._profile = profile

    def decide(self, call: ToolCall) -> Decision | None:
        """Return the decision that a rule makes, or None where a person must be asked."""
        rules = self._load_rules()
        if pattern := self._find_denying(call.action, rules):
            return _deny(call.tool_input, pattern)
        for rule in rules:
            if rule.effect == ALLOW and covers(rule.pattern, call.action):
                PermissionRule.objects.count_use(rule.pk)
                return _allow(call, rule.pattern)
        if pattern := _find_first(covers, self._profile.allowed, call.action):
            return _allow(call, pattern)
        return None

    def find_denial(self, call: ToolCall) -> Decision | None:
        """Return the denial of `call` if a rule or the profile denies it."""
        pattern = self._find_denying(call.action, self._load_rules())
        return _deny(call.tool_input, pattern) if pattern else None

    def _load_rules(self) -> list[PermissionRule]:
        project_id = Task.objects.values_list("project_id", flat=True).get(
            pk=self._task_id
        )
        return list(PermissionRule.objects.for_task(self._task_id, project_id))

    def _find_denying(self, action: str, rules: list[PermissionRule]) -> str | None:
        """Return the pattern that denies `action`; a denial wins over whatever allows it."""
        for rule in rules:
            if rule.effect == DENY and denies(rule.pattern, action):
                PermissionRule.objects.count_use(rule.pk)
                return rule.pattern
        return _find_first(denies, self._profile.denied, action)


def _find_first(
    matches: Callable[[str, str], bool], patterns: Iterable[str], action: str
) -> str | None:
    return next((pattern for pattern in patterns if matches(pattern, action)), None)


def _allow(call: ToolCall, pattern: str) -> Decision:
    message = f"The rule {pattern} allows this."
    return Decision(True, call.tool_input, message, action=call.action)


def _deny(tool_input: JSON, pattern: str) -> Decision:
    return Decision(False, tool_input, f"The rule {pattern} denies this.")

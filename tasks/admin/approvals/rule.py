"""A rule made of a request: what it may be for, and what it would have covered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.utils import timezone

from tasks.models import PermissionRequest, PermissionRule
from tasks.rules import patterns

LOOKED_AT = 50  # of the last requests
UNTIL = {
    "": "for good",
    "1": "for an hour",
    "24": "for a day",
    "168": "for a week",
}
WHERE = {
    PermissionRule.Scope.TASK: "in this task",
    PermissionRule.Scope.PROJECT: "in this project",
    PermissionRule.Scope.EVERYWHERE: "everywhere",
}


def suggestions(action: str) -> list[str]:
    """Return patterns that cover `action`: of just this, and of what is like it."""
    exact = patterns.pattern_for(action)
    wanted = [exact, _wider(action)]
    return [
        one
        for one in dict.fromkeys(wanted)
        if one and not patterns.problem_with(one, action)
    ]


def _wider(action: str) -> str | None:
    kind, _, rest = action.partition(":")
    if kind in patterns.PATH_KINDS:
        return f"{kind}:{rest.rpartition('/')[0]}/*"
    if kind == "run":
        return f"run:{' '.join(rest.split()[:2])} *"
    if kind == "mcp":
        return f"mcp:{rest.partition('/')[0]}/*"
    if kind == "fetch":
        try:
            parts = urlsplit(rest)
        except ValueError:
            return None
        return f"fetch:{parts.scheme}://{parts.netloc}/**"
    return None


@dataclass(frozen=True)
class Coverage:
    """How many of the last requests a rule would have covered."""

    covered: int
    looked_at: int

    def __str__(self) -> str:
        if not self.looked_at:
            return ""
        return f"It would have covered {self.covered} of the last {self.looked_at} requests."


def coverage(pattern: str) -> Coverage:
    newest = PermissionRequest.objects.order_by("-created_at", "-pk")
    actions = list(newest.values_list("action", flat=True)[:LOOKED_AT])
    return Coverage(
        sum(patterns.covers(pattern, action) for action in actions), len(actions)
    )


def expiry(hours: str) -> datetime | None:
    return (
        timezone.now() + timedelta(hours=int(hours))
        if hours in UNTIL and hours
        else None
    )

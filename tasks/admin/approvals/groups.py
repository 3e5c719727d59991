"""The list of what waits, in groups of what is alike: what one wider rule would cover."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString

from tasks.admin import display
from tasks.admin.approvals import rule
from tasks.admin.checkpoints import name_request
from tasks.models import PermissionRequest


@dataclass
class Group:
    """Requests that are alike, the oldest first; one that is like no other stands alone."""

    pattern: str
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def title(self) -> SafeString:
        return display.shorten(self.pattern, 80)

    @property
    def key(self) -> str:
        """Return what names the group while it lasts: its oldest request."""
        return str(self.requests[0]["id"])


def group_alike(oldest_first: Iterable[PermissionRequest]) -> list[Group]:
    """Group requests; a group stands where its oldest request does."""
    groups: dict[str, Group] = {}
    for asked in oldest_first:
        wider = rule.suggestions(asked.action)[-1:] or [asked.action]
        group = groups.setdefault(wider[0], Group(wider[0]))
        group.requests.append(_summarize(asked))
    return list(groups.values())


def _summarize(asked: PermissionRequest) -> dict[str, Any]:
    return {
        "id": asked.pk,
        "action": display.shorten(
            name_request(asked) if asked.is_checkpoint else asked.action, 120
        ),
        "task": asked.task.title,
        "since": display.ago(asked.created_at),
    }

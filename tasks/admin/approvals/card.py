"""One request with all that one needs to know before deciding it."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from tasks import catalog
from tasks.admin import display
from tasks.admin.approvals import action, rule
from tasks.admin.base import profile_name, runtime_title
from tasks.admin.checkpoints import Checkpoint, find_checkpoint, name_request
from tasks.models import EventType, LogEntry, PermissionRequest

LINES = 3  # of the log before the question
LOOKED_AT = 40  # entries, among which the agent's last words are


@dataclass(frozen=True)
class Field:
    """One value of a tool's input, as a text to edit."""

    name: str
    text: str


@dataclass(frozen=True)
class Card:
    """A permission request as the approvals page shows it."""

    request: PermissionRequest
    name: str  # for the message that says what became of it
    checkpoint: Checkpoint | None  # of what is asked before a step of a workflow
    task: str
    runtime: str
    profile: str
    since: str
    words: SafeString | str  # the agent's last
    lines: list[tuple[str, SafeString]]
    marks: list[str]
    action: SafeString
    rest: SafeString | str
    fields: list[Field]  # to be edited; none where the runtime takes no edits
    patterns: list[str]
    where: list[tuple[str, str]]
    until: list[tuple[str, str]]


def make_card(asked: PermissionRequest) -> Card:
    shown = action.show(asked, action.allowing_rules(asked))
    words, lines = _find_context(asked)
    return Card(
        request=asked,
        name=name_request(asked) if asked.is_checkpoint else asked.tool_name,
        checkpoint=find_checkpoint(asked),
        task=display.link(asked.task),
        runtime=runtime_title(asked.run.runtime) if asked.run else "",
        profile=profile_name(asked.run.profile) if asked.run else "",
        since=display.ago(asked.created_at),
        words=words,
        lines=lines,
        marks=shown.marks,
        action=shown.html,
        rest=display.fields(shown.rest) if shown.rest else "",
        fields=make_fields(asked),
        patterns=[] if asked.is_checkpoint else rule.suggestions(asked.action),
        where=[
            (scope.value, words)
            for scope, words in rule.WHERE.items()
            if scope != "project" or asked.task.project_id
        ],
        until=list(rule.UNTIL.items()),
    )


def _find_context(
    asked: PermissionRequest,
) -> tuple[SafeString | str, list[tuple[str, SafeString]]]:
    """Return the agent's last words before it asked, and the last lines of the log."""
    entries = LogEntry.objects.filter(
        task_id=asked.task_id, recorded_at__lte=asked.created_at
    )
    last = [
        entry
        for entry in entries.order_by("-sequence").only("event_type", "message")[
            :LOOKED_AT
        ]
        if entry.event_type != EventType.PERMISSION_REQUEST
    ]
    said = next((one for one in last if one.event_type == EventType.ASSISTANT), None)
    lines = [
        (one.get_event_type_display(), display.shorten(one.message, 200))
        for one in reversed(last[:LINES])
    ]
    return display.reveal(said.message[-2_000:]) if said else "", lines


def make_fields(asked: PermissionRequest) -> list[Field]:
    """Return what of the input may be edited, as text."""
    if asked.run is None:
        return []
    facts = catalog.runtime(asked.run.runtime)
    if facts and not facts.edits_input:
        return []
    return [
        Field(key, display.written(value)) for key, value in asked.tool_input.items()
    ]

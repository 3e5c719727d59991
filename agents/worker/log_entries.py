"""The log entries that events become, in texts that a database stores."""

import re
from dataclasses import replace
from typing import Any, assert_never

from agents.protocol import events
from tasks.models import EventType, NewEntry
from tasks.observability.credentials import hide_credentials
from tasks.payloads import log_entries as payloads
from tasks.rules.visible_text import make_readable

# What no database stores as text: NUL, and unpaired surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SHOWN_OUTPUT = 2_000  # characters


def make_storable(value: Any) -> Any:
    """Return JSON in which every text is fit for a database and shows no credentials."""
    match value:
        case str():
            return hide_credentials(_UNSTORABLE.sub("\ufffd", value))
        case dict():
            return {
                make_storable(key): make_storable(item) for key, item in value.items()
            }
        case list() | tuple():
            return [make_storable(item) for item in value]
    return value


def make_entry_storable(entry: NewEntry) -> NewEntry:
    """Return the entry with texts that are fit for a database: see `make_storable`."""
    return replace(
        entry, message=make_storable(entry.message), data=make_storable(entry.data)
    )


def make_entry(
    event: events.AssistantText
    | events.Thinking
    | events.ToolUse
    | events.ToolNotRun
    | events.ToolResult
    | events.Retrying
    | events.Notice,
) -> NewEntry:
    """Make the log entry of an event."""
    match event:
        case events.AssistantText(text):
            return NewEntry(EventType.ASSISTANT, text)
        case events.Thinking(text):
            return NewEntry(EventType.THINKING, text)
        case events.ToolUse():
            data = payloads.make_tool_use(
                event.tool_name, event.tool_input, event.call_id
            )
            return NewEntry(EventType.TOOL_USE, make_readable(event.message), data)
        case events.ToolNotRun():
            message = f"Not run: {make_readable(event.message)}"
            data = payloads.make_tool_not_run(
                event.tool_name, event.tool_input, event.call_id
            )
            return NewEntry(EventType.TOOL_USE, message, data)
        case events.ToolResult():
            data = payloads.make_tool_result(
                event.tool_name, event.call_id, is_error=event.is_error
            )
            return NewEntry(EventType.TOOL_RESULT, _shorten(event.output), data)
        case events.Retrying(reason, delay):
            return NewEntry(EventType.RETRY, reason, payloads.make_retry(delay))
        case events.Notice(text):
            return NewEntry(EventType.STATUS, text)
        case _:
            assert_never(event)


def _shorten(output: str) -> str:
    if len(output) <= SHOWN_OUTPUT:
        return output
    return f"{output[:SHOWN_OUTPUT]}\n… {len(output) - SHOWN_OUTPUT:,} more characters"

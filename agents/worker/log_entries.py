"""The log entries that events become, in texts that a database stores."""

import re
from dataclasses import replace
from typing import Any, assert_never

from agents.protocol import events
from tasks.models import EventType, NewEntry
from tasks.observability.credentials import hide_credentials
from tasks.rules.visible_text import readable

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
            return NewEntry(
                EventType.TOOL_USE, readable(event.message), _describe_tool_use(event)
            )
        case events.ToolNotRun():
            message = f"Not run: {readable(event.message)}"
            data = {**_describe_tool_use(event), "isRun": False}
            return NewEntry(EventType.TOOL_USE, message, data)
        case events.ToolResult():
            return NewEntry(
                EventType.TOOL_RESULT,
                _shorten(event.output),
                _describe_tool_result(event),
            )
        case events.Retrying(reason, delay):
            return NewEntry(EventType.RETRY, reason, {"delaySeconds": delay})
        case events.Notice(text):
            return NewEntry(EventType.STATUS, text)
        case _:
            assert_never(event)


def _describe_tool_use(event: events.ToolUse | events.ToolNotRun) -> dict[str, Any]:
    return {
        "toolName": event.tool_name,
        "toolInput": event.tool_input,
        "callId": event.call_id,
    }


def _describe_tool_result(event: events.ToolResult) -> dict[str, Any]:
    return {
        "toolName": event.tool_name,
        "callId": event.call_id,
        "isError": event.is_error,
    }


def _shorten(output: str) -> str:
    if len(output) <= SHOWN_OUTPUT:
        return output
    return f"{output[:SHOWN_OUTPUT]}\n… {len(output) - SHOWN_OUTPUT:,} more characters"

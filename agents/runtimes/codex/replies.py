"""What becomes of a request for approval once it is decided: events, a note, a reply."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress

from agents.protocol import events
from agents.protocol.events import Event
from agents.runtimes.codex import approvals
from agents.runtimes.codex.app_server import CallRefused
from agents.runtimes.codex.approvals import ApprovalRequest, Reply
from agents.runtimes.codex.items import Items
from agents.runtimes.codex.thread import Thread, make_text_item


async def send_reply(
    thread: Thread,
    items: Items,
    request: ApprovalRequest,
    reply: Reply,
    *,
    turn_id: str,
) -> AsyncGenerator[Event, None]:
    """Yield the events of a decision, then send it to Codex, with a note for the model."""
    for event in _take_effect(items, request, reply):
        yield event
    note = f"This was denied: {reply.reason}" if reply.reason else reply.note
    if note:
        # Before the reply, which has no room for it: the model reads both together.
        with suppress(CallRefused):
            await thread.call(
                "turn/steer", expectedTurnId=turn_id, input=[make_text_item(note)]
            )
    thread.server.reply(request.request_id, reply.content, kind=reply.kind)


def _take_effect(
    items: Items, request: ApprovalRequest, reply: Reply
) -> Iterator[Event]:
    tool_name = approvals.get_tool_name(request, reply.calls)
    tool_input, message = approvals.summarize(request, reply.calls)
    if reply.is_allowed:
        items.begin(request.item_id, request.call_id, tool_name)
        yield events.ToolUse(request.call_id, tool_name, tool_input, message)
        return
    items.drop(request.item_id)
    output = f"Denied: {reply.reason}" if reply.reason else "Denied."
    yield events.ToolNotRun(request.call_id, tool_name, tool_input, message)
    yield events.ToolResult(request.call_id, tool_name, output, is_error=True)

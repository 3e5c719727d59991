"""Turns the CLI's messages into events. What is not known here is passed over."""

import time
from collections.abc import Iterator
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    RateLimitEvent,
    StreamEvent,
    SystemMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from agents.protocol import events
from agents.protocol.events import JSON, PARTIAL_TEXT_SECONDS, Event
from agents.protocol.tool_text import clip_output
from agents.runtimes.broken_sandbox import CommandTally
from agents.runtimes.claude_code.options import RESULT_TOOL
from tasks.rules.visible_text import make_readable

PIECES = ("text", "thinking", "partial_json")  # of content
SYNTHETIC = "<synthetic>"  # the model of a message that the CLI made up itself


class Reader:
    """Reads one run's messages in their order."""

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._calls: dict[str, ToolUseBlock] = {}
        # Of calls that the log has, by id: whether they may run.
        self._logged: dict[str, bool] = {}
        self.commands = CommandTally()
        self._partial = ""
        self._shown_at = self._worked_at = float("-inf")
        self.text = ""  # what the agent said last
        self.result: JSON | None = None  # what it gave last as one that fits a schema
        self.thought = ""  # what it thought last, if it said nothing after that
        self.error = ""  # the CLI's word for what failed last
        self.opens_at: float | None = None  # of a rate limit, in seconds since 1970

    def note_logged_call(self, call_id: str, *, runs: bool) -> None:
        """Take note that the log says of a call whether it is run."""
        self._logged[call_id] = runs

    def read(self, message: Any) -> Iterator[Event]:
        match message:
            case StreamEvent() if message.parent_tool_use_id is None:
                yield from self._read_stream_event(message.event)
            case AssistantMessage():
                yield from self._read_assistant_message(message)
            case UserMessage() if isinstance(message.content, list):
                yield from self._read_tool_results(message.content)
            case SystemMessage(subtype="api_retry"):
                yield _make_retrying(message.data)
            case SystemMessage(subtype="init"):
                yield from self._read_init(message.data)
            case RateLimitEvent() if message.rate_limit_info.status == "rejected":
                self.opens_at = message.rate_limit_info.resets_at

    def _read_init(self, data: JSON) -> Iterator[Event]:
        if (model := data.get("model")) and model != self._model:
            yield events.Notice(f"{self._model} is served by {model}.")

    # --- Text, as it streams ------------------------------------------------------------

    def _read_stream_event(self, event: JSON) -> Iterator[Event]:
        match event.get("type"):
            case "message_start":
                self._partial = ""
            case "content_block_delta":
                pieces = (event["delta"].get(name) for name in PIECES)
                if any(pieces):
                    yield from self._show_growth(event["delta"].get("text") or "")

    def _show_growth(self, text: str) -> Iterator[Event]:
        self._partial += text
        now = time.monotonic()
        if text and now - self._shown_at >= PARTIAL_TEXT_SECONDS:
            self._shown_at = now
            yield events.PartialText(self._partial)
        elif not text and now - self._worked_at >= PARTIAL_TEXT_SECONDS:
            self._worked_at = now
            yield events.Working()

    # --- Whole messages ------------------------------------------------------------------

    def _read_assistant_message(self, message: AssistantMessage) -> Iterator[Event]:
        if message.parent_tool_use_id is None:
            self.error = message.error or ""
            self.thought = ""
        for block in message.content:
            match block:
                case ToolUseBlock():
                    self._calls[block.id] = block
                    if block.name == RESULT_TOOL and not message.parent_tool_use_id:
                        self.result = block.input
                case TextBlock() if message.model != SYNTHETIC and block.text.strip():
                    if message.parent_tool_use_id is None:
                        self.text = block.text
                        yield events.AssistantText(block.text)
                case ThinkingBlock() if block.thinking.strip():
                    self.thought = block.thinking
                    yield events.Thinking(block.thinking)

    def _read_tool_results(self, blocks: list[Any]) -> Iterator[Event]:
        for block in blocks:
            if isinstance(block, ToolResultBlock):
                call = self._calls.get(block.tool_use_id)
                if call and call.name == RESULT_TOOL and not block.is_error:
                    continue  # it is the run's result
                if call and call.id not in self._logged:  # refused before we were asked
                    message = f"Using {make_readable(call.name)}"
                    yield events.ToolNotRun(call.id, call.name, call.input, message)
                output = clip_output(_join_content(block.content))
                if call and call.name == "Bash" and self._logged.get(call.id):
                    self.commands.add(output)
                yield events.ToolResult(
                    block.tool_use_id,
                    call.name if call else "",
                    output,
                    bool(block.is_error),
                )


def _make_retrying(data: JSON) -> Event:
    status = data.get("error_status")
    reason = f"{data.get('error') or 'The request failed'} ({status or 'no answer'})"
    delay = (data.get("retry_delay_ms") or 0) / 1_000
    tries = f"try {data.get('attempt')} of {data.get('max_retries')}"
    return events.Retrying(
        f"{reason}; {tries}, next in {delay:.0f} s".replace("_", " "), delay
    )


def _join_content(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text") or f"[{part.get('type')}]") for part in parts)

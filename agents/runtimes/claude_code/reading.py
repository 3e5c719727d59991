"""Turns the CLI's messages into events. What is not known here is passed over."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    RateLimitEvent,
    ResultMessage,
    StreamEvent,
    SystemMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from agents import events, usage
from agents.events import JSON, Event
from agents.runtimes.claude_code.session import KeptSession
from agents.runtimes.direct import PARTIAL_TEXT_SECONDS
from agents.tools.base import clipped
from ledger.pricing import Usage
from tasks.readable import readable

# Of a request, and the CLI's names for the totals.
COUNTS = {
    "input_tokens": "inputTokens",
    "cache_read_tokens": "cacheReadInputTokens",
    "cache_write_tokens": "cacheCreationInputTokens",
    "output_tokens": "outputTokens",
}
SYNTHETIC = "<synthetic>"  # the model of a message that the CLI made up itself


class Reader:
    """Reads one run's messages in their order."""

    def __init__(self, session: KeptSession, *, provider: str, model: str) -> None:
        self._session = session
        self._provider = provider
        self._model = model
        self._requests: dict[str | None, _Request] = {}  # by the agent that makes them
        self._streams: set[str] = set()  # the ids of their answers
        self._seen: Counter[str] = Counter()  # tokens of those requests, by kind
        self._calls: dict[str, ToolUseBlock] = {}
        self._told: set[str] = set()  # the ids of calls that the log has
        self._partial = ""
        self._shown_at = float("-inf")
        # Whether what the agent itself asked last is answered and told: calls come before.
        self.answered = asyncio.Event()
        self.answered.set()
        self.text = ""  # what the agent said last
        self.error = ""  # the CLI's word for what failed last
        self.opens_at: float | None = None  # of a rate limit, in seconds since 1970

    def is_told(self, call_id: str) -> None:
        """Take note that the log says of a call whether it is run."""
        self._told.add(call_id)

    def read(self, message: Any) -> Iterator[Event]:
        match message:
            case StreamEvent():
                yield from self._streamed(message.event, message.parent_tool_use_id)
            case AssistantMessage():
                yield from self._said(message)
            case UserMessage() if isinstance(message.content, list):
                yield from self._answered(message.content)
            case SystemMessage(subtype="api_retry"):
                yield _retrying(message.data)
            case SystemMessage(subtype="init"):
                yield from self._began(message.data)
            case ResultMessage():
                yield from self._rest(message)
            case RateLimitEvent() if message.rate_limit_info.status == "rejected":
                self.opens_at = message.rate_limit_info.resets_at

    def _began(self, data: JSON) -> Iterator[Event]:
        if (model := data.get("model")) and model != self._model:
            yield events.Notice(f"{self._model} is served by {model}.")

    # --- Requests, as they stream --------------------------------------------------------

    def _streamed(self, event: JSON, agent: str | None) -> Iterator[Event]:
        match event.get("type"):
            case "message_start":
                if agent in self._requests:  # it broke off, and is made again
                    yield self._booked(agent)
                self._requests[agent] = _Request(event["message"])
                self._streams.add(self._requests[agent].id)
                request = self._requests[agent]
                yield events.UsageSoFar(request.id, self._used(request))
                if agent is None:
                    self._partial = ""
                    self.answered.clear()
            case "content_block_delta" if agent is None:
                yield from self._grown(event["delta"].get("text") or "")
            case "message_delta" if agent in self._requests:
                self._requests[agent].count(event.get("usage") or {})
                yield self._booked(agent)
                stop = (event.get("delta") or {}).get("stop_reason")
                # Where the agent's next step asks the provider again.
                yield self._session.checkpoint(will_continue=stop == "tool_use")
                if agent is None:
                    self.answered.set()

    def _grown(self, text: str) -> Iterator[Event]:
        self._partial += text
        if text and time.monotonic() - self._shown_at >= PARTIAL_TEXT_SECONDS:
            self._shown_at = time.monotonic()
            yield events.PartialText(self._partial)

    def _booked(self, agent: str | None) -> Event:
        request = self._requests.pop(agent)
        used = self._used(request)
        self._seen.update({kind: getattr(used, kind) for kind in COUNTS})
        self._seen["cache_write_tokens"] += used.cache_write_1h_tokens
        return events.UsageReported(request.id, used)

    def _used(self, request: "_Request") -> Usage:
        return usage.of_messages(
            request.counts, provider=self._provider, model=request.model or self._model
        )

    def _rest(self, result: ResultMessage) -> Iterator[Event]:
        """Book what helper agents used: their requests do not stream, the totals have them.

        The totals are of this process alone, since the next starts in a new folder.
        """
        totals: Any  # what the CLI counts depends on its version
        for model, totals in (result.model_usage or {}).items():
            own = self._seen if model == self._model else Counter[str]()
            rest = {
                kind: max((totals.get(name) or 0) - own[kind], 0)
                for kind, name in COUNTS.items()
            }
            if any(rest.values()):
                used = Usage(provider=self._provider, model=model, **rest)
                yield events.UsageReported(f"{result.uuid}-{model}", used)

    # --- Whole messages ------------------------------------------------------------------

    def _said(self, message: AssistantMessage) -> Iterator[Event]:
        self.error = message.error or self.error
        yield from self._came_whole(message)
        for block in message.content:
            match block:
                case ToolUseBlock():
                    self._calls[block.id] = block
                case TextBlock() if message.model != SYNTHETIC and block.text.strip():
                    if message.parent_tool_use_id is None:
                        self.text = block.text
                        yield events.AssistantText(block.text)
                case ThinkingBlock() if block.thinking.strip():
                    yield events.Thinking(block.thinking)

    def _came_whole(self, message: AssistantMessage) -> Iterator[Event]:
        """Book an answer that did not stream: the CLI asks for it so once a stream failed."""
        is_own = message.parent_tool_use_id is None and message.model != SYNTHETIC
        if not is_own or not message.message_id or message.message_id in self._streams:
            return
        if None in self._requests:
            yield self._booked(None)
        self._streams.add(message.message_id)
        self._requests[None] = _Request(
            {
                "id": message.message_id,
                "model": message.model,
                "usage": message.usage,
            }
        )
        yield self._booked(None)
        yield self._session.checkpoint(will_continue=True)
        self.answered.set()

    def _answered(self, blocks: list[Any]) -> Iterator[Event]:
        for block in blocks:
            if isinstance(block, ToolResultBlock):
                call = self._calls.get(block.tool_use_id)
                if call and call.id not in self._told:  # refused before we were asked
                    message = f"Using {readable(call.name)}"
                    yield events.ToolNotRun(call.id, call.name, call.input, message)
                yield events.ToolResult(
                    block.tool_use_id,
                    call.name if call else "",
                    clipped(_output(block.content)),
                    bool(block.is_error),
                )


class _Request:
    """A request to the provider that is being answered."""

    def __init__(self, message: JSON) -> None:
        self.id = str(message["id"])
        self.model = str(message.get("model") or "")
        self.counts: JSON = {}
        self.count(message.get("usage") or {})

    def count(self, counts: JSON) -> None:
        """Overwrite, not add: the counts are of the whole answer so far."""
        self.counts |= {k: v for k, v in counts.items() if v is not None}


def _retrying(data: JSON) -> Event:
    status = data.get("error_status")
    reason = f"{data.get('error') or 'The request failed'} ({status or 'no answer'})"
    delay = (data.get("retry_delay_ms") or 0) / 1_000
    tries = f"try {data.get('attempt')} of {data.get('max_retries')}"
    return events.Retrying(
        f"{reason}; {tries}, next in {delay:.0f} s".replace("_", " "), delay
    )


def _output(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text") or f"[{part.get('type')}]") for part in parts)

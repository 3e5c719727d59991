"""Makes spans of a run's events: `invoke_agent` around all, `chat` and `execute_tool` within."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace import set_span_in_context as within

from agents.protocol import events
from agents.protocol.runtime import Assignment
from agents.worker.tracing import names
from ledger.pricing import Usage
from tasks.models import Run

Attributes = dict[str, str | int | bool]


async def trace(
    tracer: Tracer,
    run: Run,
    assignment: Assignment,
    performance: AsyncGenerator[events.Event, None],
) -> AsyncGenerator[events.Event, None]:
    """Yield the events as they come, and make spans of them."""
    spans = RunSpans(tracer, run, assignment)
    try:
        async with aclosing(performance):
            async for event in performance:
                spans.see(event)
                yield event
    except asyncio.CancelledError:
        spans.fail(names.CANCELLED)
        raise
    except GeneratorExit:  # after the last event, or where the worker ends the run
        raise
    except BaseException as error:
        spans.fail(type(error).__name__, str(error))
        raise
    finally:
        spans.end()


class RunSpans:
    """The spans of one run."""

    def __init__(self, tracer: Tracer, run: Run, assignment: Assignment) -> None:
        self._tracer = tracer
        self._root = tracer.start_span(
            f"{names.INVOKE_AGENT} {run.profile}",
            kind=SpanKind.INTERNAL,
            attributes=_describe(run, assignment),
        )
        self._within = within(self._root)
        self._chats: dict[str, Span] = {}  # of requests that are being answered
        self._tools: dict[str, Span] = {}  # of calls that go on
        # Since when the next request may be under way, where no event tells of its start.
        self._idle_since = time.time_ns()
        self._used = Usage("", "")

    def see(self, event: events.Event) -> None:
        """Begin or end the spans that an event is of."""
        match event:
            case events.UsageSoFar():
                if event.key not in self._chats:
                    self._chats[event.key] = self._begin_chat(event.usage)
            case events.UsageReported():
                self._end_chat(event)
            case events.NothingUsed(key):
                if chat := self._chats.pop(key, None):
                    _fail(chat, names.BROKEN_OFF)
                    chat.end()
            case events.ToolUse():
                self._tools[event.call_id] = self._begin_tool(event)
            case events.ToolResult():
                self._end_tool(event)

    def fail(self, kind: str, message: str = "") -> None:
        """Say why the run ends early."""
        _fail(self._root, kind, message)

    def end(self) -> None:
        """End the run's span, and what is still under way in it."""
        for span in (*self._chats.values(), *self._tools.values()):
            _fail(span, names.BROKEN_OFF)
            span.end()
        self._root.set_attributes(_count(self._used))
        if self._used.provider:
            self._root.set_attribute(names.PROVIDER, self._used.provider)
        self._root.end()

    def _begin_chat(self, usage: Usage, start: int | None = None) -> Span:
        return self._tracer.start_span(
            f"{names.CHAT} {usage.model}",
            self._within,
            kind=SpanKind.CLIENT,
            attributes={
                names.OPERATION: names.CHAT,
                names.PROVIDER: usage.provider,
                names.REQUEST_MODEL: usage.model,
            },
            start_time=start,
        )

    def _end_chat(self, event: events.UsageReported) -> None:
        usage = event.usage
        chat = self._chats.pop(event.open_key, None)
        chat = chat or self._begin_chat(usage, self._idle_since)
        chat.set_attributes(
            {
                names.RESPONSE_ID: event.key,
                names.RESPONSE_MODEL: usage.model,
                **_count(usage),
            }
        )
        if event.is_estimated:
            chat.set_attribute(names.ESTIMATED, True)
        chat.end()
        self._idle_since = time.time_ns()
        self._used = _add(self._used, usage)

    def _begin_tool(self, event: events.ToolUse) -> Span:
        return self._tracer.start_span(
            f"{names.EXECUTE_TOOL} {event.tool_name}",
            self._within,
            kind=SpanKind.INTERNAL,
            attributes={
                names.OPERATION: names.EXECUTE_TOOL,
                names.TOOL_NAME: event.tool_name,
                names.TOOL_CALL_ID: event.call_id,
                names.TOOL_TYPE: "function",
            },
        )

    def _end_tool(self, event: events.ToolResult) -> None:
        self._idle_since = time.time_ns()
        tool = self._tools.pop(event.call_id, None)
        if tool is None:  # it was not run
            return
        if event.is_error:
            _fail(tool, names.TOOL_ERROR)
        tool.end()


def _describe(run: Run, assignment: Assignment) -> Attributes:
    found: Attributes = {
        names.OPERATION: names.INVOKE_AGENT,
        names.AGENT_NAME: run.profile,
        names.CONVERSATION_ID: str(run.session_id),
        names.TASK_ID: str(run.task_id),
        names.RUN_ID: str(run.pk),
        names.ATTEMPT: run.attempt,
        names.RUNTIME: run.runtime,
        names.WORKER: run.worker,
    }
    return found | ({names.REQUEST_MODEL: assignment.model} if assignment.model else {})


def _count(usage: Usage) -> Attributes:
    written = usage.cache_write_tokens + usage.cache_write_1h_tokens
    return {
        names.INPUT_TOKENS: usage.prompt_tokens,  # those of the cache among them
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.CACHE_READ_TOKENS: usage.cache_read_tokens,
        names.CACHE_CREATION_TOKENS: written,
    }


def _add(one: Usage, other: Usage) -> Usage:
    return Usage(
        other.provider,
        other.model,
        input_tokens=one.input_tokens + other.input_tokens,
        cache_read_tokens=one.cache_read_tokens + other.cache_read_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        cache_write_1h_tokens=one.cache_write_1h_tokens + other.cache_write_1h_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
    )


def _fail(span: Span, kind: str, message: str = "") -> None:
    span.set_attribute(names.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, message or None))

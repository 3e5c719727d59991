"""What the requests of one run use, whichever of its agents makes them, and how many may be made.

The CLI tells what its main agent uses, of its helpers' requests only a sum at the very end,
and of the answers that its own retries get nothing. So they are counted where they pass.
"""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable

from agents.protocol import events
from agents.protocol.events import JSON, Event
from agents.protocol.runtime import Assignment, TurnLimitReached
from agents.providers import usage
from agents.providers.anthropic import AnthropicEndpoint
from ledger.pricing import Usage

# Fewer than in any text, so that what a request may cost is not underrated.
BYTES_PER_TOKEN = 2
COUNTED = (b"message_start", b"message_delta", b"message_stop")


class Request:
    """A request that is being answered: it takes the answer in and keeps what that counts."""

    def __init__(self, agent: str, most: Usage, *, size: int) -> None:
        self.agent = agent  # the CLI's id of a helper, empty for the main agent
        self.most = most  # that it can use
        self.open_key = str(uuid.uuid4())  # ours, until the provider gives one
        self.estimate = Usage(
            most.provider, most.model, input_tokens=size // usage.BYTES_PER_TOKEN
        )
        self.is_abandoned = False  # nobody waits for its answer any more
        self.key = ""
        self.model = most.model
        self.counts: JSON = {}
        self.calls_tools = False
        self.is_whole = False
        self._unread = b""

    def take(self, chunk: bytes) -> None:
        """Take in a piece of a stream."""
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            if any(kind in line for kind in COUNTED):
                self._count(_parse_object(line.removeprefix(b"data:")))

    def take_whole(self, body: bytes) -> None:
        """Take in an answer that did not come as a stream."""
        message = _parse_object(body)
        if message.get("type") == "message":
            self._begin(message)
            self._stop(message)

    def _count(self, event: JSON) -> None:
        match event.get("type"):
            case "message_start":
                self._begin(event.get("message") or {})
            case "message_delta":
                self._add(event.get("usage"))
                self._stop(event.get("delta") or {})
            case "message_stop":
                self.is_whole = True

    def _begin(self, message: JSON) -> None:
        self.key = str(message.get("id") or uuid.uuid4())
        self.model = str(message.get("model") or self.model)
        self._add(message.get("usage"))

    def _add(self, counts: JSON | None) -> None:
        """Overwrite, not add: the counts are of the whole answer so far."""
        self.counts |= {k: v for k, v in (counts or {}).items() if v is not None}

    def _stop(self, message: JSON) -> None:
        self.calls_tools = message.get("stop_reason") == "tool_use"


class Meter:
    """Lets requests pass as the limits of the run allow, and reports what each used."""

    def __init__(
        self,
        assignment: Assignment,
        endpoint: AnthropicEndpoint,
        *,
        report: Callable[[Event], None],
        is_booked: Callable[[], Awaitable[None]],  # waits until all reported is
        checkpoint: Callable[[], Event],
    ) -> None:
        self._max_turns = assignment.max_turns
        self._spending = assignment.spending
        self._provider = endpoint.provider
        self._model = endpoint.model
        self._report = report
        self._is_booked = is_booked
        self._checkpoint = checkpoint
        self._keys: Counter[str] = Counter()  # some servers use an id again
        self._answers = 0
        self._in_flight: list[Request] = []
        self._admission_lock = asyncio.Lock()
        self._ended = asyncio.Event()

    async def enter(self, agent: str, body: bytes) -> Request:
        """Wait until one more request may be made; raise RuntimeFailed where none may.

        Beside others it is made only where the budget would not be used up if each of them
        used the most that it can. So a run oversteps its budget by one request at most.
        """
        request = Request(agent, self._estimate_most(body), size=len(body))
        async with self._admission_lock:  # one looks at a time, in their order
            while not await self._has_room():
                await self._ended.wait()
            self._in_flight.append(request)
        estimate = events.UsageSoFar(
            request.open_key, request.estimate, is_estimated=True
        )
        self._report(estimate)
        try:
            await self._is_booked()  # before it is sent, lest this process dies
        except BaseException:
            # Also when it is cancelled: else those who wait for its room wait for ever.
            self._settle(request)
            raise
        return request

    def take(self, request: Request, chunk: bytes) -> None:
        """Take in a piece of an answer, before the CLI does."""
        was_begun = bool(request.key)
        request.take(chunk)
        if request.key and not was_begun:
            request.key = self._make_unique(request.key)
            self._report(events.UsageSoFar(request.open_key, self._read_usage(request)))
        if request.is_whole:
            self._settle(request)

    def leave(self, request: Request, body: bytes = b"") -> None:
        """Settle a request whose answer has ended, or broken off; `body`: it came in one."""
        if body and not request.key:
            request.take_whole(body)
            request.key = self._make_unique(request.key)
        self._settle(request)

    def _settle(self, request: Request) -> None:
        if request not in self._in_flight:
            return
        self._in_flight.remove(request)
        self._answers += bool(request.key)
        used = self._make_usage_event(request)
        # The run may be ended by another request.
        self._spending.remember_usage(used)
        self._report(used)
        if request.calls_tools:  # where the agent's next step asks the provider again
            self._report(self._checkpoint())
        self._ended.set()

    def _make_usage_event(
        self, request: Request
    ) -> events.UsageReported | events.NothingUsed:
        if request.key:
            return events.UsageReported(
                request.key, self._read_usage(request), request.open_key
            )
        if request.is_abandoned:
            return events.UsageReported(
                request.open_key, request.estimate, is_estimated=True
            )
        return events.NothingUsed(request.open_key)  # it had no answer

    async def wait_until_booked(self, agent: str) -> None:
        """Wait until all that `agent` asked is answered and booked: calls come before."""
        while any(request.agent == agent for request in self._in_flight):
            self._ended.clear()
            await self._ended.wait()
        await self._is_booked()

    async def _has_room(self) -> bool:
        self._ended.clear()  # before looking: an end in between is not to be missed
        await self._is_booked()
        if self._answers >= self._max_turns:
            raise TurnLimitReached(self._max_turns)
        if self._answers + len(self._in_flight) >= self._max_turns:
            return False
        return await self._spending.has_room([one.most for one in self._in_flight])

    def _estimate_most(self, body: bytes) -> Usage:
        asked = _parse_object(body)
        return Usage(
            provider=self._provider,
            model=str(asked.get("model") or self._model),
            cache_write_1h_tokens=len(body) // BYTES_PER_TOKEN,  # the dearest kind
            output_tokens=int(asked.get("max_tokens") or 0),
        )

    def _read_usage(self, request: Request) -> Usage:
        return usage.read_messages_usage(
            request.counts, provider=self._provider, model=request.model
        )

    def _make_unique(self, key: str) -> str:
        if not key:
            return ""
        self._keys[key] += 1
        return key if self._keys[key] == 1 else f"{key}#{self._keys[key]}"


def _parse_object(text: bytes) -> JSON:
    """Read an object; what is none is the CLI's business, which gets it all the same."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

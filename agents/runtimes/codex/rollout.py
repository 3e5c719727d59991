"""The rollout: the file in which Codex keeps a conversation, a line of JSON an item.

It is the one thing in which all of a run can be found as it happens: every item of the
conversation, what each request used, and that before the tools it called are asked about.
So it is read as it grows, kept in checkpoints, and laid down again where a run goes on.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from agents.protocol.events import JSON, UsageReported, UsageSoFar
from agents.protocol.inbox import Message, list_ids
from agents.protocol.runtime import Checkpoint, TurnLimitReached
from agents.providers import usage
from agents.runtimes.codex.rollout_lines import (
    CALLS,
    OUTPUTS,
    Call,
    RolloutUpdates,
    SentMessages,
    check_path,
    is_of_model,
    read_input,
    read_output,
    remove_trailing_reasoning,
)
from ledger.pricing import Usage

VERSION = 1
# What Codex tells the model of itself and of its tools before all else, as measured.
OWN_TOKENS = 7_500


class Rollout:
    """The rollout of one conversation, from its first line to what was read last."""

    def __init__(self, *, provider: str, model: str, skipped: int = 0) -> None:
        self.calls: dict[str, Call] = {}
        self.skipped = skipped  # kept items before ours, of one that cannot be read
        self._provider = provider
        self._model = model
        self._thread_id = ""
        self._home = Path()
        self._path: Path | None = None
        self._read = 0
        self.requests = 0  # of the model's, answered at least in part
        # The key of the request that is being answered, as far as can be seen; or nothing.
        self.open_key = ""
        self._tokens = (
            OWN_TOKENS  # of the conversation, as its provider counted it last
        )
        self._bytes = 0  # that came to it since
        self._awaited: list[Call] = []  # of the last answer: the next one needs them
        self._in_answer: list[Call] = []
        self._is_answer = False
        self._kept: list[JSON] = []
        self._left_open: list[Call] = []  # when it was taken up: nobody answers them
        self._undelivered: dict[str, SentMessages] = {}  # by the ids of their lines

    @classmethod
    def restore(
        cls, checkpoint: Checkpoint, *, provider: str, model: str
    ) -> "Rollout | None":
        """Take up `checkpoint`, or return None if it is none of ours or damaged."""
        state = checkpoint.state
        if state.get("v") != VERSION or state.get("wire") != "codex":
            return None
        try:
            self = cls(provider=provider, model=model, skipped=int(state["skipped"]))
            self._kept = checkpoint.items[self.skipped :]
            self._thread_id = str(state["thread"])
            self._path = Path(check_path(str(state["path"])))
            for line in self._kept:
                self._take(line, RolloutUpdates())
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        return self if self._kept else None

    @property
    def thread_id(self) -> str:
        return self._thread_id

    @property
    def has_begun(self) -> bool:
        return self._path is not None

    @property
    def open_calls(self) -> list[Call]:
        return [call for call in self.calls.values() if call.output is None]

    def find_open_call(self, call_id: str) -> Call | None:
        """Return the call of that id which has no output yet: some models use ids again."""
        call = self.calls.get(call_id)
        return call if call and call.output is None else None

    @property
    def is_in_tools(self) -> bool:
        """Whether the model's answer is whole, and it waits for the tools that it called."""
        waiting = (call for call in self.open_calls if call.is_settled)
        return any(call not in self._left_open for call in waiting)

    def register_messages(
        self, messages: Sequence[Message], texts: Sequence[str]
    ) -> str:
        """Return an id for messages that the model gets in these words."""
        line_id = str(uuid4())
        self._undelivered[line_id] = SentMessages(messages, texts)
        return line_id

    def take_back(self, line_id: str | None = None) -> list[Message]:
        """Return what was handed over, of one line or of all, and is not in the rollout."""
        line_ids = [line_id] if line_id else list(self._undelivered)
        return [one for key in line_ids for one in self._undelivered.pop(key).messages]

    def write_kept(self, home: Path) -> None:
        """Write what was kept where Codex will look for it."""
        assert self._path  # noqa: S101 (for mypy: only of one that was restored)
        self._home = home
        path = home / self._path
        path.parent.mkdir(parents=True)
        kept = remove_trailing_reasoning(self._kept)
        lines = "".join(json.dumps(line) + "\n" for line in kept)
        path.write_text(lines)
        self._read = len(lines.encode())
        self._kept, self.requests = [], 0
        self._left_open = self.open_calls

    def begin(self, home: Path, thread: JSON) -> None:
        """Follow the rollout of a new thread."""
        self._home = home
        self._thread_id = thread["id"]
        self._path = Path(thread["path"]).relative_to(home.resolve())

    @property
    def is_asking_again(self) -> bool:
        """Whether the calls of the last answer have their outputs, and none is known to be sent."""
        calls = self._awaited
        return bool(calls) and all(call.output is not None for call in calls)

    def check_limit(self, max_requests: int) -> None:
        """Raise RuntimeFailed if no more requests may be made in this run."""
        if self.requests >= max_requests:
            raise TurnLimitReached(max_requests)

    def open_request(self, key: str, *, new_bytes: int = 0) -> UsageSoFar:
        """Take it that a request is being made, and return what it uses by estimate."""
        self.open_key, self._awaited = key, []
        tokens = self._tokens + (self._bytes + new_bytes) // usage.BYTES_PER_TOKEN
        used = Usage(self._provider, self._model, input_tokens=tokens)
        return UsageSoFar(key, used, is_estimated=True)

    def read_new(self) -> RolloutUpdates:
        """Read what was added since, up to the last whole line."""
        updates = RolloutUpdates()
        for line in self._read_new_lines():
            self._take(line, updates)
            # What is only for showing is long, and not needed to go on.
            if line["payload"].get("type") != "item_completed":
                updates.lines.append(line)
        return updates

    def make_state(self, *, result: str | None = None, note: str = "") -> JSON:
        return {
            "v": VERSION,
            "wire": "codex",
            "thread": self._thread_id,
            "path": str(self._path),
            "skipped": self.skipped,
            # Only of a run that is cut off before it can hand it over.
            "result": result,
            # What to say to the agent where it goes on; mostly nothing.
            "note": note,
        }

    def _read_new_lines(self) -> list[JSON]:
        assert self._path  # noqa: S101 (for mypy: it has begun)
        try:
            with (self._home / self._path).open("rb") as file:
                file.seek(self._read)
                added = file.read()
        except FileNotFoundError:  # it is made with the first turn
            return []
        whole = added[: added.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.split(b"\n")[:-1]]

    def _take(self, line: JSON, updates: RolloutUpdates) -> None:
        payload = line["payload"]
        if line["type"] == "response_item":
            self._count(payload)
            self._bytes += len(json.dumps(payload))
        match line["type"], payload.get("type"):
            case "response_item", "message" if payload.get("role") == "user":
                self._deliver(self._find_message(payload), updates)
            case "response_item", kind if kind in CALLS:
                self._note_call(payload)
            case "response_item", kind if kind in OUTPUTS:
                self._note_output(payload, updates)
            case "event_msg", "item_completed":
                line_id = str((payload.get("item") or {}).get("client_id"))
                self._deliver(line_id, updates)
            case "token_usage_record", _:
                self._settle(updates)
                self._book(line, updates)

    def _find_message(self, payload: JSON) -> str:
        """Return the id of the messages that this item holds; the item itself does not bear it.

        The line that does comes after it, and the two may be kept at different times.
        """
        parts = [part.get("text") for part in payload.get("content") or []]
        line_ids = (
            line_id
            for line_id, handed_over in self._undelivered.items()
            if all(text in parts for text in handed_over.texts)
        )
        return next(line_ids, "")

    def _deliver(self, line_id: str, updates: RolloutUpdates) -> None:
        if handed_over := self._undelivered.pop(line_id, None):
            updates.delivered += list_ids(handed_over.messages)

    def _count(self, payload: JSON) -> None:
        # The items of one answer follow one another; what its tools say comes after them.
        is_model = is_of_model(payload)
        self.requests += is_model and not self._is_answer
        self._is_answer = is_model

    def _note_call(self, payload: JSON) -> None:
        written = payload.get("arguments", payload.get("input"))
        call = Call(payload["call_id"], payload["name"], read_input(written))
        if any(other.call_id == call.call_id for other in self._in_answer):
            call.tool_input = {}  # it is not known which of them is asked about
        self.calls[call.call_id] = call
        self._in_answer.append(call)

    def _note_output(self, payload: JSON, updates: RolloutUpdates) -> None:
        if call := self.calls.get(payload["call_id"]):
            call.output = read_output(payload["output"])
            updates.answered.append(call)

    def _settle(self, updates: RolloutUpdates) -> None:
        updates.calls_tools = updates.calls_tools or bool(self._in_answer)
        for call in self._in_answer:
            call.is_settled = True
        self._awaited, self._in_answer = self._in_answer, []

    def _book(self, line: JSON, updates: RolloutUpdates) -> None:
        """Report what one response used.

        Not by how much a running total grew: Codex keeps two, which differ once it was killed
        between writing the one and the other.
        """
        payload = line["payload"]
        used = usage.read_codex_usage(
            payload["usage"], provider=self._provider, model=self._model
        )
        if used.prompt_tokens or used.output_tokens:
            key = f"{payload.get('response_id')}@{line.get('ordinal')}"
            updates.used.append(UsageReported(key, used, self.open_key))
            self.open_key = ""
            self._tokens, self._bytes = used.prompt_tokens + used.output_tokens, 0

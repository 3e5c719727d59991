"""A conversation with a model: its history, the calls it waits for, and its checkpoints."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal, Self, get_args
from uuid import UUID

from agents.protocol import events
from agents.protocol.events import JSON
from agents.protocol.runtime import Checkpoint
from agents.providers.wire import StopReason, Turn

MAX_ID_CHARACTERS = 200
NOT_RUN = "This call was not run: your answer ended before it was complete."

Phase = Literal["model", "tools", "done"]


@dataclass
class PendingCall:
    """A call that the model waits for, as a checkpoint keeps it."""

    # Ours, for events and permissions. Some servers begin anew with "call_0" every turn,
    # and what was allowed for one call is not allowed for another.
    call_id: str
    wire_id: str
    tool_name: str
    tool_input: JSON | None
    status: Literal["asked", "running", "done"] = "asked"
    output: str = ""
    is_error: bool = False

    def end(self, output: str, *, is_error: bool) -> None:
        self.status, self.output, self.is_error = "done", output, is_error


class Conversation:
    """The history with a provider, and which step comes next."""

    VERSION = 1

    def __init__(
        self, wire: str, history: list[JSON] | None = None, *, skipped: int = 0
    ) -> None:
        self.wire = wire
        self.history = history or []
        self.phase: Phase = "model"
        self.pending: list[PendingCall] = []
        self.turns = 0
        self.text = ""  # what the model said last
        self._skipped = (
            skipped  # kept items before ours, of a history that cannot be read
        )
        self._kept = 0
        self._model = ""  # that goes on with it
        self._of_others = 0  # items that other models had their part in, the first ones

    @classmethod
    def restore(cls, wire: str, checkpoint: Checkpoint) -> Self | None:
        """Take up `checkpoint`, or return None if it is none of ours or damaged."""
        state = checkpoint.state
        if (state.get("v"), state.get("wire")) != (cls.VERSION, wire):
            return None
        try:
            self = cls(wire, skipped=int(state["skipped"]))
            self.phase = state["phase"]
            self.turns = int(state["turns"])
            self.text = str(state["text"])
            self.pending = [PendingCall(**call) for call in state["pending"]]
            self._model = str(state.get("model", ""))
            self._of_others = int(state.get("of_others", 0))
        except (KeyError, TypeError, ValueError):
            return None
        self.history = checkpoint.items[self._skipped :]
        self._kept = len(self.history)
        return self if self._is_sound() else None

    def _is_sound(self) -> bool:
        is_phase = self.phase in get_args(Phase)
        return (
            is_phase
            and bool(self.history)
            and (self.phase == "tools") == bool(self.pending)
        )

    def set_model(self, model: str) -> None:
        """Go on with this model; what another thought, only that one can read."""
        if self._model not in ("", model):
            self._of_others = len(self.history)
        self._model = model

    def list_readable(self, make_portable: Callable[[JSON], JSON | None]) -> list[JSON]:
        """Return the history as the model may have it: what others made only as portable."""
        if not self._of_others:
            return self.history
        portable = map(make_portable, self.history[: self._of_others])
        return [*filter(None, portable), *self.history[self._of_others :]]

    @property
    def is_kept(self) -> bool:
        """Whether any of it is in a checkpoint."""
        return self._kept > 0

    def make_checkpoint(
        self, *, will_continue: bool, delivered: tuple[UUID, ...] = ()
    ) -> events.CheckpointReached:
        state = {
            "v": self.VERSION,
            "wire": self.wire,
            "phase": self.phase,
            "pending": [asdict(call) for call in self.pending],
            "turns": self.turns,
            "skipped": self._skipped,
            "model": self._model,
            "of_others": self._of_others,
            # Only the result, for a run that is cut off before it can hand it over.
            "text": self.text if self.phase == "done" else "",
        }
        new_items, self._kept = self.history[self._kept :], len(self.history)
        return events.CheckpointReached(state, new_items, will_continue, delivered)

    def add_turn(self, turn: Turn) -> None:
        self.turns += 1
        self.text = turn.text if turn.text.strip() else self.text
        self.history += turn.items
        for place, call in enumerate(turn.calls):
            call_id = f"{self.turns}.{place}-{call.call_id}"[:MAX_ID_CHARACTERS]
            pending = PendingCall(
                call_id, call.call_id, call.tool_name, call.tool_input
            )
            if turn.stop is not StopReason.TOOL_CALLS:
                pending.end(NOT_RUN, is_error=True)
            self.pending.append(pending)
        if self.pending:
            self.phase = "tools"
        elif turn.stop is not StopReason.PAUSED:
            self.phase = "done"

    def ask_again(self, *items: JSON) -> None:
        """Go on, also after the model's last word: something more is said to it."""
        self.history += items
        self.phase = "model"

    def add_results(self, items: list[JSON]) -> None:
        self.history += items
        self.pending, self.phase = [], "model"

"""What Codex says of its work, as events; and which calls have had no result yet."""

import re
import time
from collections.abc import Iterator

from agents.protocol import events
from agents.protocol.events import JSON, PARTIAL_TEXT_SECONDS, Event
from agents.protocol.tool_text import clip_output
from agents.providers.causes import is_blank
from agents.runtimes.broken_sandbox import CommandTally
from agents.runtimes.codex.rollout_lines import Call
from tasks.rules.visible_text import make_readable

# In the output that the model gets of a command that goes on in the background.
STILL_RUNNING = "Process running with session ID"
_EXIT = re.compile("Process exited with code (-?[0-9]+)")
# Items of calls that somebody is asked about.
ASKED_ABOUT = ("commandExecution", "fileChange", "dynamicToolCall")
CONFINED = ("exec_command", "apply_patch")  # tools that work in Codex's sandbox
# How Codex answers a call that it cannot make sense of.
SENSELESS = ("failed to parse function arguments", "unsupported ", "unknown tool call")
UNKNOWN_OUTCOME = "It is not known what came of this: the agent went on without it."


class Items:
    """The items of a conversation: what was shown of them, and the calls without a result."""

    def __init__(self) -> None:
        # What the agent said last, with nothing done after it: the result, once it ends.
        self.text = ""
        self.thought = ""  # the same of its reasoning, as far as it is shown
        # What Codex makes of the calls it asks about, by id, as it was said last.
        self.items: dict[str, JSON] = {}
        self._open: dict[str, tuple[str, str]] = {}  # to call id and tool
        self._ended: set[str] = set()
        self._denied: set[str] = set()
        self.commands = CommandTally()
        self._partial = ""
        self._partial_id = ""
        self._shown_at = float("-inf")

    def begin(self, item_id: str, call_id: str, tool_name: str) -> None:
        """Await the result of a call that may run now."""
        self.text = self.thought = ""
        self._expect(item_id, call_id, tool_name)

    def drop(self, item_id: str) -> None:
        """Expect no more of a call: it was denied."""
        self.text = self.thought = ""
        self._open.pop(item_id, None)
        self._ended.add(item_id)
        self._denied.add(item_id)

    @property
    def has_open(self) -> bool:
        return bool(self._open)

    def note_item(self, item: JSON) -> None:
        if item["type"] in ASKED_ABOUT:
            self.items[item["id"]] = item

    def show_growth(
        self, item_id: str, delta: str, *, is_message: bool
    ) -> Iterator[Event]:
        """Show a message while it is written, a few times a second; thoughts are not shown."""
        if not is_message:
            if delta:
                yield events.Working()
            return
        if item_id != self._partial_id:
            self._partial, self._partial_id = "", item_id
        self._partial += delta
        if time.monotonic() - self._shown_at >= PARTIAL_TEXT_SECONDS:
            self._shown_at = time.monotonic()
            yield events.PartialText(self._partial)

    def complete(self, item: JSON) -> Iterator[Event]:
        self.note_item(item)
        match item["type"]:
            case "agentMessage" if not is_blank(item["text"]):
                self.text, self.thought = item["text"], ""
                yield events.AssistantText(item["text"])
            case "reasoning":
                thought = "\n\n".join(item.get("summary") or [])
                if thought.strip():
                    self.thought = thought
                    yield events.Thinking(thought)
            case "contextCompaction":
                yield events.Notice(
                    "The conversation grew too long; Codex went on with a summary of it."
                )
            case _ if item["id"] in self._open:
                output, is_error = _describe_outcome(item)
                yield self._make_result(item["id"], output, is_error=is_error)

    def take_output(self, call: Call, turn_id: str) -> Iterator[Event]:
        """Take the output that the model got as the result of a call that has no other.

        Such are calls that nobody was asked about, and some that the sandbox refused.
        """
        if call.tool_name in CONFINED and call.call_id not in self._denied:
            self.commands.add(call.output or "")
        if call.call_id in self._ended:
            return
        output, is_error, is_running = _parse_output(call.output or "")
        if call.call_id not in self._open:
            if call.call_id in self.items:
                return
            call_id = f"{turn_id}-{call.call_id}"
            # It may come after what the agent said of it, which stays the last text.
            self._expect(call.call_id, call_id, call.tool_name)
            is_senseless = (call.output or "").startswith(SENSELESS)
            kind = events.ToolNotRun if is_senseless else events.ToolUse
            message = f"Using {make_readable(call.tool_name)}"
            yield kind(call_id, call.tool_name, call.tool_input, message)
            is_running, is_error = False, is_error or is_senseless
        if not is_running:
            yield self._make_result(call.call_id, output, is_error=is_error)

    def close(self) -> Iterator[Event]:
        """End what will have no result any more."""
        for item_id in list(self._open):
            yield self._make_result(item_id, UNKNOWN_OUTCOME, is_error=True)

    def _expect(self, item_id: str, call_id: str, tool_name: str) -> None:
        self._open[item_id] = (call_id, tool_name)
        self._ended.discard(item_id)

    def _make_result(self, item_id: str, output: str, *, is_error: bool) -> Event:
        call_id, tool_name = self._open.pop(item_id)
        self._ended.add(item_id)
        return events.ToolResult(call_id, tool_name, clip_output(output), is_error)


def _parse_output(text: str) -> tuple[str, bool, bool]:
    """Read the output that the model gets of a command: text, is it a failure, does it go on."""
    head, mark, output = text.partition("\nOutput:\n")
    if not mark:
        return text, False, False
    code = _EXIT.search(head)
    failed = code is not None and code[1] != "0"
    note = f"[exit code {code[1]}]" if code and failed else ""
    return f"{output}{note}" or "(No output.)", failed, STILL_RUNNING in head


def _describe_outcome(item: JSON) -> tuple[str, bool]:
    """Say what came of a tool call, and whether that is a failure."""
    is_error = item.get("status") != "completed"
    match item["type"]:
        case "commandExecution":
            output = item.get("aggregatedOutput") or ""
            code = item.get("exitCode")
            end = f"[exit code {code}]" if code else ""
            return f"{output}{end}" or "(No output.)", is_error or bool(code)
        case "fileChange":
            paths = [change["path"] for change in item.get("changes") or []]
            verb = "Not changed" if is_error else "Changed"
            return f"{verb}: {', '.join(paths)}", is_error
        case "dynamicToolCall":
            parts = item.get("contentItems") or []
            return "\n".join(str(part.get("text", "")) for part in parts), is_error
    return str(item.get("status", "")), is_error

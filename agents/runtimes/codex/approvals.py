"""What Codex asks before it does something, in the vocabulary of our permissions.

What it asks about is a command, a patch or a request to a person. A rule may answer only
what it certainly covers, so whatever is more than a command in the workspace, inside of the
sandbox, becomes an action that no rule covers: a person sees it with what is odd about it.
"""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agents.protocol.events import JSON
from agents.protocol.questions import describe_answer, make_question, make_question_call
from agents.protocol.runtime import Decision, ToolCall
from agents.protocol.tool_text import format_path
from agents.runtimes.codex.rollout_lines import Call
from tasks.files.workspace import Workspace, path_action
from tasks.rules.questions import read_answers
from tasks.rules.visible_text import make_readable

ASK_HUMAN = "ask_human"
ASK_HUMAN_TOOL: JSON = {
    "type": "function",
    "name": ASK_HUMAN,
    "description": (
        "Ask the person who gave you this task, and wait for the answer. Only for what you"
        " cannot find out and must not decide by yourself."
    ),
    "inputSchema": {
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "options": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Choices to offer; the person may answer otherwise, too.",
            },
        },
        "required": ["question"],
        "additionalProperties": False,
    },
}
NOT_OUTSIDE = "Commands cannot leave the sandbox on this server."
HOST_TOOL = "item/tool/call"
USER_INPUT = "item/tool/requestUserInput"  # Codex's own tool for questions
_SHELLS = (["/bin/bash", "-lc"], ["/usr/bin/bash", "-lc"], ["/bin/sh", "-lc"])
_VERBS = {"add": "Writing", "update": "Writing", "delete": "Deleting"}


@dataclass(frozen=True)
class ApprovalRequest:
    """A request of Codex for approval, or a question to a person; it waits for the reply."""

    request_id: int | str
    method: str
    params: JSON

    @property
    def item_id(self) -> str:
        return str(self.params.get("itemId") or self.params.get("callId") or "")

    @property
    def call_id(self) -> str:
        """Return an id that no other call has: models may use theirs again, and any text."""
        return f"{self.params.get('turnId')}.{self.request_id}"


@dataclass(frozen=True)
class Reply:
    """The reply to a request of Codex, and what it means for the calls that it was about."""

    kind: Literal["result", "error"]  # of JSON-RPC
    content: JSON
    is_allowed: bool = False
    reason: str = ""  # of a denial, for the model
    note: str = ""  # with what was allowed, for the model
    calls: Sequence[ToolCall] = ()


def make_calls(
    request: ApprovalRequest, *, call: Call | None, item: JSON, workspace: Workspace
) -> list[ToolCall]:
    """Say what is asked for, as calls that must all be allowed; none: it is refused.

    `call` is the model's own, where it is known, `item` what Codex makes of it.
    """
    match request.method:
        case "item/commandExecution/requestApproval":
            return [_make_command_call(request, call, workspace)]
        case "item/fileChange/requestApproval" if not request.params.get("grantRoot"):
            return _make_patch_calls(request, item, workspace)
        case "item/tool/call" if request.params.get("tool") == ASK_HUMAN:
            return [_make_question_call(request)]
        case "item/tool/requestUserInput":
            return [_make_input_call(request)]
    return []


def make_reply(
    request: ApprovalRequest, calls: Sequence[ToolCall], decisions: Sequence[Decision]
) -> Reply:
    """Word the answer: for this call only, never for those to come."""
    denied = [one for one in decisions if not one.is_allowed]
    reason = denied[0].message if denied else ""
    if request.method == HOST_TOOL:
        items = [{"type": "inputText", "text": describe_answer(decisions[0])}]
        content: JSON = {"contentItems": items, "success": not denied}
        return Reply("result", content, is_allowed=not denied, calls=calls)
    if request.method == USER_INPUT:
        content = {"answers": {} if denied else _make_answers(request, decisions[0])}
        return Reply(
            "result", content, is_allowed=not denied, reason=reason, calls=calls
        )
    # The protocol has no edited input: what was allowed must be what is going to run.
    edited = any(
        one.tool_input != call.tool_input
        for one, call in zip(decisions, calls, strict=False)
    )
    if denied or edited:
        content = {"decision": "decline"}
        return Reply("result", content, reason=reason, calls=calls)
    note = "\n".join(filter(None, (one.agent_message for one in decisions)))
    content = {"decision": "accept"}
    return Reply("result", content, is_allowed=True, note=note, calls=calls)


def get_tool_name(request: ApprovalRequest, calls: Sequence[ToolCall]) -> str:
    return calls[0].tool_name if calls else request.method


def summarize(request: ApprovalRequest, calls: Sequence[ToolCall]) -> tuple[JSON, str]:
    """Return the input of calls that are one for the model, and a sentence for people."""
    if not calls:  # what this client does not do
        return request.params, f"Using {make_readable(request.method)}"
    if len(calls) == 1:
        return calls[0].tool_input, calls[0].message
    message = "; ".join(call.message for call in calls)
    return {"changes": [call.tool_input for call in calls]}, make_readable(message)


def leaves_sandbox(call: Call | None) -> bool:
    requested = call.tool_input.get("sandbox_permissions") if call else None
    return requested not in (None, "use_default")


def decline_leaving_sandbox(calls: Sequence[ToolCall]) -> Reply:
    """Decline what wants out of the sandbox: outside of it is no workspace to work in."""
    return Reply("result", {"decision": "decline"}, reason=NOT_OUTSIDE, calls=calls)


def make_refusal() -> Reply:
    return Reply("error", {"code": -32601, "message": "This client does not do that."})


# --- Commands ----------------------------------------------------------------------------


def _make_command_call(
    request: ApprovalRequest, call: Call | None, workspace: Workspace
) -> ToolCall:
    line, remarks = _describe_command(request.params, call, workspace)
    tool_input: JSON = {"command": line}
    if remarks:
        tool_input["remarks"] = remarks
    if reason := request.params.get("reason"):
        tool_input["reason"] = reason
    note = f" ({', '.join(remarks)})" if remarks else ""
    because = f", because: {make_readable(str(reason))}" if reason else ""
    return ToolCall(
        request.call_id,
        "exec_command",
        tool_input,
        # No rule covers a line with brackets.
        action=f"run:[{', '.join(remarks)}] {line}" if remarks else f"run:{line}",
        message=f"Running{note}: {make_readable(line)}{because}",
    )


def _describe_command(
    params: JSON, call: Call | None, workspace: Workspace
) -> tuple[str, list[str]]:
    """Return the command line, and all that makes it more than a command in the workspace."""
    shown = str(params.get("command"))
    inner = _unwrap_shell(shown)
    line = shown if inner is None else inner
    remarks = []
    if inner is None or params.get("kind", "command") != "command":
        remarks.append("not by the usual shell")
    if call is None or call.tool_input.get("cmd") != inner:
        remarks.append("perhaps outside the sandbox")
    elif leaves_sandbox(call):
        remarks.append("outside the sandbox")
    if call and call.tool_input.get("tty"):
        # What is typed into it is asked about by nobody, and may be any command.
        remarks.append("in a terminal that the agent can type into")
    folder = os.path.realpath(str(params.get("cwd")))
    if folder != workspace.root:
        place = path_action(workspace, "run", folder).removeprefix("run:")
        remarks.append(f"in {place}")
    return line, remarks


def _unwrap_shell(shown: str) -> str | None:
    """Unwrap `/bin/bash -lc '…'`; None if it is anything else."""
    try:
        *shell, line = shlex.split(shown)
    except ValueError:
        return None
    return line if shell in _SHELLS else None


# --- Patches and questions ---------------------------------------------------------------


def _make_patch_calls(
    request: ApprovalRequest, item: JSON, workspace: Workspace
) -> list[ToolCall]:
    """Ask for each file by itself, so that a rule for one never lets another pass."""
    calls: list[ToolCall] = []
    for change in item.get("changes") or []:
        kind = change["kind"]
        for path in filter(None, (change["path"], kind.get("move_path"))):
            number = f".{len(calls)}" if calls else ""
            action = path_action(workspace, "write", path)
            verb = _VERBS.get(kind["type"], "Changing")
            calls.append(
                ToolCall(
                    request.call_id + number,
                    "apply_patch",
                    {"path": path, "kind": kind["type"], "diff": change["diff"]},
                    action=action,
                    message=f"{verb} file: {format_path(action.partition(':')[2])}",
                )
            )
    return calls


def _make_question_call(request: ApprovalRequest) -> ToolCall:
    arguments = request.params.get("arguments")
    given = arguments if isinstance(arguments, dict) else {"question": arguments}
    options = given.get("options")
    listed = [{"label": one} for one in options] if isinstance(options, list) else []
    asked = [make_question(str(given.get("question")), listed)]
    return make_question_call(request.call_id, ASK_HUMAN, {"questions": asked})


def _make_input_call(request: ApprovalRequest) -> ToolCall:
    asked = [
        make_question(
            str(one.get("question")),
            one.get("options") or [],
            header=str(one.get("header") or ""),
        )
        for one in request.params.get("questions") or []
    ]
    return make_question_call(
        request.call_id, "request_user_input", {"questions": asked}
    )


def _make_answers(request: ApprovalRequest, decision: Decision) -> JSON:
    """Word the answers by the ids that Codex has for its questions."""
    given = read_answers(decision.tool_input)
    return {
        one["id"]: {"answers": given[str(one.get("question"))]}
        for one in request.params.get("questions") or []
        if str(one.get("question")) in given
    }

"""Questions of an agent to a person, as the call that is asked about."""

from collections.abc import Sequence
from functools import partial

from agents.protocol.events import JSON
from agents.protocol.runtime import Decision, ToolCall
from tasks.rules import questions
from tasks.rules.visible_text import make_readable

NO_ANSWER = "The user did not answer."


def make_question_call(call_id: str, tool_name: str, tool_input: JSON) -> ToolCall:
    """Make the call of questions; `tool_input` has them as `tasks.rules.questions` says."""
    asked = questions.add_answers(tool_input, None)
    texts = " ".join(map(questions.read_text, questions.find_questions(asked)))
    return ToolCall(
        call_id,
        tool_name,
        tool_input,
        action=f"{questions.ACTION}{texts}",
        message=f"The agent asks: {make_readable(texts)}",
        remake=partial(make_question_call, call_id, tool_name),
    )


def make_question(
    text: str, options: Sequence[JSON] = (), *, several: bool = False, header: str = ""
) -> JSON:
    listed = [
        {"label": str(one.get("label")), "description": str(one.get("description", ""))}
        for one in options
        if one.get("label")
    ]
    return {
        "question": text,
        "header": header,
        "options": listed,
        "multiSelect": several,
    }


def describe_answer(decision: Decision) -> str:
    """Say to the agent what was answered."""
    if not decision.is_allowed:
        reason = f" The user said: {decision.message}" if decision.message else ""
        return f"{NO_ANSWER}{reason}"
    return questions.describe_answers(decision.tool_input) or decision.message or "Yes."

"""ask: a question to the person who gave the task."""

from agents.protocol.events import JSON
from agents.protocol.questions import make_question, make_question_call
from agents.protocol.runtime import ToolCall
from agents.tools.base import ToolRefused, check_input, make_schema
from tasks.rules.questions import find_questions

NAME = "ask"
MAX_OPTIONS = 20
SCHEMA = make_schema(
    NAME,
    "Ask the person who gave you this task a question, and wait for the answer. Only for what"
    " you cannot find out and must not decide by yourself.",
    {
        "question": {"type": "string", "description": "What you need to know."},
        "options": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Choices to offer, if any; the person may answer otherwise, too.",
        },
        "several": {
            "type": "boolean",
            "description": "Whether several of the choices may be chosen.",
        },
    },
    required=("question",),
)


def prepare(call_id: str, tool_input: JSON) -> ToolCall:
    """Return the call, of what a model wrote or of what a person has answered."""
    if find_questions(tool_input):
        return make_question_call(call_id, NAME, tool_input)
    given = check_input(SCHEMA, tool_input)
    if not given["question"].strip():
        raise ToolRefused("The question is empty.")
    options = [{"label": label} for label in given.get("options", [])]
    if len(options) > MAX_OPTIONS:
        raise ToolRefused(f"There are more than {MAX_OPTIONS} options.")
    asked = make_question(
        given["question"], options, several=given.get("several", False)
    )
    return make_question_call(call_id, NAME, {"questions": [asked]})

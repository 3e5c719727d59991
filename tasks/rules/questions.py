"""What an agent asks a person that is no permission: questions, with choices or free text.

A question is a permission request whose action begins with `ask:`, which no rule covers. Its
input is the same for all runtimes, `{"questions": [{"question", "header", "options":
[{"label", "description"}], "multiSelect"}]}`, and the answers come beside it:
`{"answers": {"the question": "a label or any text"}}`, a list where several are chosen.
"""

from typing import Any

JSON = dict[str, Any]

ACTION = "ask:"
MAX_ANSWER = 10_000  # characters


def is_question(action: str) -> bool:
    return action.startswith(ACTION)


def find_questions(tool_input: JSON) -> list[JSON]:
    """Return the questions, passing over what is none: an agent has written them."""
    questions = tool_input.get("questions")
    listed = questions if isinstance(questions, list) else []
    return [one for one in listed if isinstance(one, dict) and read_text(one)]


def read_text(question: JSON) -> str:
    return str(question.get("question") or "")


def read_labels(question: JSON) -> list[str]:
    options = question.get("options")
    listed = options if isinstance(options, list) else []
    return [
        str(one["label"])
        for one in listed
        if isinstance(one, dict) and one.get("label")
    ]


def problem_with(tool_input: JSON, answers: object) -> str | None:
    """Say what is wrong with the answers, if anything."""
    if not isinstance(answers, dict) or not answers:
        return 'Expected {"answers": {"the question": "the answer"}}'
    asked = {read_text(question) for question in find_questions(tool_input)}
    for question, answer in answers.items():
        if question not in asked:
            return f"Not asked: {question[:200]}"
        if not all(_is_answer(one) for one in _several(answer)):
            return (
                f"Expected text, or a list of texts, as the answer to: {question[:200]}"
            )
    return None


def _several(answer: object) -> list[object]:
    return answer if isinstance(answer, list) and answer else [answer]


def _is_answer(one: object) -> bool:
    return isinstance(one, str) and len(one.strip()) > 0 and len(one) <= MAX_ANSWER


def add_answers(tool_input: JSON, answers: object) -> JSON:
    """Return the input as it is decided on: nothing of the questions can be changed."""
    asked = {key: value for key, value in tool_input.items() if key != "answers"}
    return {**asked, "answers": answers} if answers else asked


def read_answers(decided: JSON) -> dict[str, list[str]]:
    """Return what was chosen or typed, by question."""
    answers = decided.get("answers")
    given = answers if isinstance(answers, dict) else {}
    return {
        text: [str(one) for one in _several(given[text])]
        for text in map(read_text, find_questions(decided))
        if text in given
    }


def read_message_as_answer(tool_input: JSON, message: str) -> JSON | None:
    """Take the message to an only question for its answer, where no other was given."""
    asked = find_questions(tool_input)
    if len(asked) != 1 or not message.strip():
        return None
    return add_answers(tool_input, {read_text(asked[0]): message})


def describe_answers(decided: JSON) -> str:
    """Put the answers into words, for a log or an agent."""
    answers = read_answers(decided)
    if len(find_questions(decided)) == 1 and answers:
        return ", ".join(*answers.values())
    return "\n".join(f"{text} {', '.join(given)}" for text, given in answers.items())

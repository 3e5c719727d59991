"""What a model says to Codex, in short."""

from tests.servers.openai import patch
from tests.servers.scripted import Call, Reply

DONE = Reply("Done.")


def run(*lines: str, **more) -> Reply:
    """Call for commands; each is waited for, where the model could go on without."""
    return Reply(calls=[Call("exec_command", {"cmd": line, **more}) for line in lines])


def change(*changes: str) -> Reply:
    return Reply(blocks=[patch("\n".join(changes))])


def ask(question: str) -> Reply:
    return Reply(calls=[Call("ask_human", {"question": question})])


def outputs(performance) -> list[str]:
    """What the model was told of its calls."""
    return [item["output"] for item in performance.server.history if "output" in item]

"""A server with its example, and a model that plays the agents of the samples' tasks."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import pytest

from tests import live
from tests.contract.playing import ANALYSIS
from tests.servers.anthropic import Call, MessagesServer, Reply, Request
from tests.servers.threaded import threaded

LIST = Reply("Analyzing quarterly trends...", calls=[Call("Glob", {"pattern": "*"})])
REFUSED = Reply(status=403, error={"type": "permission_error", "message": "No."})


def writing(path: str) -> Reply:
    return Reply(calls=[Call("Write", {"file_path": path, "content": "# Q4"})])


# What the model says to a task of this title, request by request; the last is repeated.
SCRIPTS = {
    "Analyze Q4 revenue trends": [LIST, Reply(ANALYSIS)],
    "Costs": [
        Reply(
            "Done.",
            usage={"input_tokens": 12450},
            final_usage={"output_tokens": 3200},
        )
    ],
    "Fails once": [LIST, REFUSED, Reply("Done.")],
    "Fails": [LIST, REFUSED],
    "Runs away": [Reply("On and on", fault="stall")],
    "Writes": [
        writing("reports/q4-analysis.md"),
        writing("reports/q4-summary.md"),
        Reply("Written."),
    ],
    "Writes elsewhere": [writing("reports/q4.md"), Reply("Written.")],
    "Writes again": [writing("reports/q5.md"), Reply("Written.")],
}


class Model(MessagesServer):
    """Tells tasks apart by their prompts, which begin with the title."""

    def __init__(self) -> None:
        super().__init__([])
        self._numbers = defaultdict[str, count](count)

    def _reply(self, request: Request) -> Reply:
        prompt = next(text for text in _texts(request) if text.startswith("# "))
        title = prompt.splitlines()[0].removeprefix("# ")
        replies = SCRIPTS.get(title, [Reply("Done.")])
        return replies[min(next(self._numbers[prompt]), len(replies) - 1)]


def _texts(request: Request) -> list[str]:
    """List the texts of the first message: the agent puts what it knows before the prompt."""
    content = request.body["messages"][0]["content"]
    return [content] if isinstance(content, str) else [part["text"] for part in content]


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with threaded(Model()) as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory, model, packages) -> Iterator[live.Site]:
    environment = {
        "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_MODEL": "claude-sonnet-4-6",
        "STAGENT_DEFAULT_RUNTIME": "",
    }
    with live.site(tmp_path_factory.mktemp("site"), **environment) as running:
        # With the example, whose project and documents the samples name.
        server = running.start("manage.py", "serve", "--port", str(running.port))
        running.wait_until_up(server)
        yield running

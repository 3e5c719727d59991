"""A server with its example, and a model that plays the agents of the samples' tasks."""

import fcntl
import json
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import pytest

from tests import live
from tests.contract.playing import ANALYSIS, HERE
from tests.servers.anthropic import Call, MessagesServer, Reply, Request
from tests.servers.threaded import threaded

NODE = shutil.which("node") and shutil.which("npm")

LIST = Reply("Analyzing quarterly trends...", calls=[Call("list")])
REFUSED = Reply(status=400, error={"type": "invalid_request_error", "message": "No."})


def writing(path: str) -> Reply:
    return Reply(calls=[Call("write", {"path": path, "content": "# Q4"})])


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
        prompt = request.body["messages"][0]["content"]
        title = prompt.splitlines()[0].removeprefix("# ")
        replies = SCRIPTS.get(title, [Reply("Done.")])
        return replies[min(next(self._numbers[prompt]), len(replies) - 1)]


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with threaded(Model()) as server:
        yield server


@pytest.fixture(scope="module")
def packages() -> None:
    """Install the samples' one package at first use."""
    if not NODE:
        _unavailable("Node and npm are not installed.")
    with (HERE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one installs
        if not _is_installed():
            _install()


def _is_installed() -> bool:
    wanted = json.loads((HERE / "package.json").read_text())["devDependencies"]
    manifest = HERE / "node_modules" / "eventsource" / "package.json"
    return (
        manifest.exists()
        and json.loads(manifest.read_text())["version"] == wanted["eventsource"]
    )


def _install() -> None:
    # No lock file: it would hold the addresses of whatever registry was used here.
    command = ["npm", "install", "--no-audit", "--no-fund", "--package-lock=false"]
    try:
        subprocess.run(
            [*command, "--fetch-retries=1"],
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or ""
        _unavailable(f"npm could not install eventsource: {error} {said}")


def _unavailable(reason: str) -> None:
    if os.environ.get("STAGENT_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)


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

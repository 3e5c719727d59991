from pathlib import Path

import pytest

pytest.importorskip(
    "codex_cli_bin", reason="Codex is not installed: pip install '.[codex]'"
)

from agents.providers.retries import RetryPolicy
from agents.runtimes.codex import Codex
from agents.workspaces import probes
from tests.agents.runtimes.direct.performing import Performance, Person, assignment
from tests.servers.openai import ResponsesServer


@pytest.fixture(autouse=True)
def _sandbox():
    reason, fix = probes.CODEX.find_obstacle()
    if reason:
        pytest.fail(f"{reason} {fix}")


@pytest.fixture
def workspace(tmp_path) -> Path:
    folder = tmp_path / "workspaces" / "task"
    folder.mkdir(parents=True)
    return folder.resolve()


@pytest.fixture
def play(workspace, monkeypatch):
    """Perform one run of the real Codex against a script; return what came of it."""

    async def perform(*replies, ask=None, kept=None, policy=None, **changes):
        async with ResponsesServer(list(replies)) as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-test-of-codex")
            runtime = Codex(policy=policy or RetryPolicy(first_delay=0.0))
            performance = Performance(runtime, ask or Person())
            if kept:
                changes["checkpoint"] = kept.checkpoint
            await performance.run(assignment(**{"workspace": workspace} | changes))
            performance.server = server
        return performance

    return perform

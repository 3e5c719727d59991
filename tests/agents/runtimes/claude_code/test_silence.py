"""The CLI waits as long as we do: its own clocks end no request, which would be paid twice."""

import pytest

from agents.runtimes import claude_environment
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.runtimes.drivers import CLAUDE_CODE
from tests.agents.runtimes.drivers.base import Turn

pytestmark = pytest.mark.slow

# The shortest that they can be set to; minutes unless set.
CLOCKS = {
    "BUN_CONFIG_HTTP_IDLE_TIMEOUT": "10",
    "CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS": "10000",
    "CLAUDE_STREAM_FIRST_BYTE_TIMEOUT_MS": "10000",
}


@pytest.mark.parametrize("fault", ["stall", "dumb"])
async def test_a_request_without_an_answer_is_not_sent_again(
    fault, monkeypatch, settings, tmp_path
):
    settings.STAGENT_PROVIDER_TIMEOUT_SECONDS = 30
    monkeypatch.setattr(
        claude_environment, "SETTINGS", claude_environment.SETTINGS | CLOCKS
    )
    async with (
        CLAUDE_CODE.server(Turn("Half of it", fault=fault)) as server,
        CLAUDE_CODE.runtime() as runtime,
    ):
        for name, value in CLAUDE_CODE.environment(server.url).items():
            monkeypatch.setenv(name, value)
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert "sent nothing" in performance.failure
    assert len(server.requests) == 1

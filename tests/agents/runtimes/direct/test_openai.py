"""What the Responses API says in ways of its own."""

from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.runtimes.drivers.direct import OPENAI
from tests.servers.openai import ResponsesServer
from tests.servers.scripted import Reply


async def perform(reply, workspace, monkeypatch):
    async with ResponsesServer([reply]) as server, OPENAI.runtime() as runtime:
        for name, value in OPENAI.environment(server.url).items():
            monkeypatch.setenv(name, value)
        performance = Performance(runtime)
        await performance.run(assignment(workspace))
    assert len(server.requests) == 1
    return performance


async def test_a_usage_limit_in_the_middle_of_an_answer_rests_the_run_until_it_resets(
    tmp_path, monkeypatch
):
    error = {
        "code": "usage_limit_reached",
        "message": "limit",
        "resets_in_seconds": 7200,
    }
    reply = Reply(stop="failed", error=error)
    performance = await perform(reply, tmp_path, monkeypatch)
    assert performance.parked.seconds == 7200
    assert performance.parked.reason == (
        "The usage limit of the account's plan is reached (limit)"
    )


async def test_a_usage_limit_that_says_no_end_rests_the_run_at_once(
    tmp_path, monkeypatch
):
    error = {"code": "usage_limit_reached", "message": "limit"}
    reply = Reply(stop="failed", error=error)
    performance = await perform(reply, tmp_path, monkeypatch)
    assert performance.parked.seconds == 900

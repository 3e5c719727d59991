"""What is booked is what was answered, wherever a run is cut off and taken up again."""

from dataclasses import replace

import pytest

from agents.protocol.events import UsageReported
from agents.protocol.runtime import Spending
from agents.runtimes.codex import Codex
from tests.agents.runtimes.codex.script import DONE, run
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.servers.openai import ResponsesServer


class Counting(ResponsesServer):
    """Its answers use different numbers of tokens, ever more of them cached."""

    def _reply(self, request):
        number = len(self.requests)
        usage = {
            "input_tokens": 1_000 + 7 * number,
            "input_tokens_details": {"cached_tokens": 11 * number},
            "output_tokens": 20,
        }
        self.tokens += usage["input_tokens"] + usage["output_tokens"]
        return replace(super()._reply(request), usage=usage)

    tokens = 0


class Kept(Spending):
    def __init__(self):
        self.used = {}

    def remember_usage(self, event):
        self.used[event.key] = event.usage


# Cut off here, of what one answer used one place in Codex's file has told, and another not.
@pytest.mark.parametrize("events", [5, 9, 12])
async def test_a_run_that_is_taken_up_again_books_each_answer_once(
    workspace, monkeypatch, events
):
    kept = Kept()
    script = [run("echo one"), run("echo two"), DONE]
    async with Counting(script, by_turn=True) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        performance = Performance(Codex())
        await performance.run(assignment(workspace, spending=kept), until=events)
        again = assignment(workspace, checkpoint=performance.checkpoint)
        await performance.run(again)
    booked = [event.usage for event in performance.of(UsageReported)]
    booked += kept.used.values()
    total = sum(usage.prompt_tokens + usage.output_tokens for usage in booked)
    assert total == server.tokens

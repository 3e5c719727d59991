"""The limits of a run hold for all of its agents together, and each request is booked."""

import pytest
from asgiref.sync import sync_to_async

from ledger.models import LedgerEntry, Reservation
from tasks import lifecycle
from tasks.models import PermissionRequest, PermissionRule, Task
from tasks.models.permission import Decision
from tests.agents.worker.test_loop import working
from tests.factories import TaskFactory
from tests.servers.anthropic import Call, MessagesServer, Reply
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

HELPERS = 4
# 0.006 USD for each request of claude-sonnet-4-5.
USAGE = {"input_tokens": 1_900}
BRIEF = {
    "description": "Look",
    "prompt": "Look round.",
    "subagent_type": "general-purpose",
}
START = Reply(calls=[Call("Agent", BRIEF)] * HELPERS, usage=USAGE)


class Helpers(MessagesServer):
    """Serves a main agent that starts helpers, and helpers that do as `replies` say, for ever."""

    def __init__(self, *replies):
        super().__init__(list(replies))
        self.by_agent = {}
        self.most_at_once = self._at_once = 0

    async def _answer(self, *given):
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await super()._answer(*given)
        finally:
            self._at_once -= 1

    def _reply(self, request):
        agent = request.headers.get("x-claude-code-agent-id", "")
        self.by_agent[agent] = turn = self.by_agent.get(agent, -1) + 1
        if not agent:
            return START if turn == 0 else Reply("Done.", usage=USAGE)
        return self._replies[min(turn, len(self._replies) - 1)]


LOOK = Reply(calls=[Call("Glob", {"pattern": "*"})], usage=USAGE)


@pytest.fixture
async def perform(monkeypatch):
    """Let a task run to its end; return it and the server that it asked."""

    async def run(*replies, **fields):
        async with Helpers(*replies) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
            monkeypatch.setenv("ANTHROPIC_MODEL", "claude-sonnet-4-5")
            async with working():
                task = await execute(**fields)
                return await until(lambda: step(task)), server

    return run


@sync_to_async
def execute(**fields):
    PermissionRule.objects.create(pattern="read")
    task = TaskFactory(
        status=Task.Status.QUEUED, assigned_agent="claude-code", **fields
    )
    lifecycle.start_run(task, by="a test")
    return task


@sync_to_async
def step(task):
    """Allow what is asked, which is to start a helper; return the task once it has ended."""
    for request in PermissionRequest.objects.pending():
        request.decide(Decision(is_allowed=True, by="Ada"))
    task.refresh_from_db()
    return task if task.is_finished else None


async def booked(task):
    return [entry async for entry in LedgerEntry.objects.filter(task_id=task.pk)]


async def test_helpers_that_never_end_overstep_the_budget_by_one_request(perform):
    task, server = await perform(LOOK, max_budget_microdollars=50_000)
    assert task.status == Task.Status.FAILED
    entries = await booked(task)
    assert len(entries) == len(server.requests)
    assert len(server.by_agent) == HELPERS + 1
    spent = sum(entry.cost_microdollars for entry in entries)
    assert 50_000 <= spent <= 50_000 + max(e.cost_microdollars for e in entries)
    assert not await Reservation.objects.aexists()


async def test_helpers_that_never_end_make_no_more_requests_than_the_turn_limit(
    perform,
):
    task, server = await perform(LOOK, max_turns=7)
    assert task.status == Task.Status.FAILED
    assert len(server.requests) == len(await booked(task)) == 7


async def test_what_the_retry_of_a_helper_gets_is_booked(perform):
    broken = Reply("Half of it", fault="error", usage=USAGE)
    task, server = await perform(broken, Reply("Helped.", usage=USAGE))
    assert (task.status, task.result) == (Task.Status.COMPLETED, "Done.")
    entries = await booked(task)
    assert len(entries) == len(server.requests) == 2 + 2 * HELPERS
    assert sum(e.input_tokens for e in entries) == 1_900 * len(server.requests)


async def test_helpers_are_served_side_by_side_where_the_budget_has_room(perform):
    slow = Reply("Helped.", usage=USAGE, pace=0.1)
    task, server = await perform(slow, max_budget_microdollars=100_000_000)
    assert task.status == Task.Status.COMPLETED
    assert server.most_at_once == HELPERS

"""A person's "this one time" is one time, though the provider uses a call's id again."""

import asyncio

import pytest
from asgiref.sync import sync_to_async

from tasks.models import PermissionRequest, Run
from tasks.models.permission import Decision
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.worker.gates import gate_of
from tests.factories import RunFactory
from tests.servers.anthropic import Call, Reply
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

AGAIN = Reply(calls=[Call("Bash", {"command": "echo >> ran"}, id="toolu_same")])


async def test_five_turns_with_one_id_are_five_questions(runtime, serving, tmp_path):
    run = await sync_to_async(RunFactory)(status=Run.Status.RUNNING)
    gate = gate_of(run)
    decisions = []

    async def ask(call):
        answering = sync_to_async(answer_next)
        decisions.append(call)
        asking = asyncio.ensure_future(gate.ask(call))
        await until(lambda: answering(is_allowed=len(decisions) in (1, 4)))
        await gate.wake()
        return await asking

    async with serving(*[AGAIN] * 5, Reply("Done.")):
        performance = Performance(runtime, ask)
        await performance.run(assignment(tmp_path))
    assert len(decisions) == 5, performance.failure
    assert await PermissionRequest.objects.acount() == 5
    assert (tmp_path / "ran").read_text() == "\n\n"


def answer_next(*, is_allowed):
    if request := PermissionRequest.objects.pending().first():
        request.decide(Decision(is_allowed, by="ada"))
    return request

"""What an agent asks anew after a restart, and who hears the answer."""

import asyncio

import pytest
from asgiref.sync import sync_to_async

from agents.protocol.events import ToolUse
from agents.protocol.runtime import ToolCall
from tasks.exceptions import LeaseLost
from tasks.models import PermissionRequest, Run
from tests.agents.worker.gates import answer, asked, asked_and_answered, gate_of
from tests.factories import PermissionRuleFactory, RunFactory
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(db):
    return RunFactory(status=Run.Status.RUNNING)


@pytest.fixture
def gate(run):
    return gate_of(run)


@pytest.fixture
def successor(run):
    """A run that goes on in the session of `run`, which its worker has left."""

    @sync_to_async
    def make():
        Run.objects.filter(pk=run.pk).update(status=Run.Status.HANDED_OVER)
        return RunFactory(
            task=run.task,
            session=run.session,
            attempt=run.attempt + 1,
            status=Run.Status.RUNNING,
        )

    return make


def call_of(number, line="make"):
    action = f"run:{line}"
    return ToolCall(f"call-{number}", "Bash", {"command": line}, action, line)


async def stopped(gate, asking):
    gate.is_stopping = True
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_an_answer_that_no_agent_heard_is_for_the_same_question(
    gate, run, successor
):
    await stopped(gate, await asked(gate, call_of(1)))
    await answer(message="Go on.")
    later = gate_of(await successor())
    decision = await later.ask(call_of(2))
    assert (decision.is_allowed, decision.message) == (True, "Go on.")


async def test_a_question_that_still_waits_is_taken_over(gate, successor):
    await stopped(gate, await asked(gate, call_of(1)))
    later = gate_of(await successor())
    asking = await asked(later, call_of(2))
    await answer()  # the only one
    await later.wake()
    assert (await asking).is_allowed


async def test_an_answer_is_for_one_call(gate, successor):
    assert (await asked_and_answered(gate, call_of(1))).is_allowed
    again = await asked_and_answered(
        gate_of(await successor()), call_of(2), is_allowed=False
    )
    assert not again.is_allowed
    assert await PermissionRequest.objects.acount() == 2


async def test_of_two_like_questions_each_takes_an_answer_of_its_own(gate, successor):
    both = [asyncio.create_task(gate.ask(call_of(number))) for number in (1, 2)]
    await until(lambda: len(gate.waiting_for) == 2)
    for asking in both:
        await stopped(gate, asking)
    later = gate_of(await successor())
    again = [asyncio.create_task(later.ask(call_of(number))) for number in (3, 4)]
    await until(lambda: len(later.waiting_for) == 2)
    assert await PermissionRequest.objects.acount() == 2
    for asking in again:
        await stopped(later, asking)


async def test_a_run_that_is_gone_takes_nothing_over(gate, successor):
    live = await successor()
    asking = await asked(gate_of(live), call_of(1))
    with pytest.raises(LeaseLost):
        await gate.ask(call_of(2))
    request = await PermissionRequest.objects.aget()
    assert (request.run_id, request.status) == (live.pk, "pending")
    asking.cancel()


async def test_another_question_withdraws_what_was_left(gate, successor):
    await stopped(gate, await asked(gate, call_of(1)))
    later = gate_of(await successor())
    await stopped(later, await asked(later, call_of(2, "make test")))
    statuses = PermissionRequest.objects.order_by("created_at")
    assert [one.status async for one in statuses] == ["withdrawn", "pending"]


async def test_an_answer_that_was_not_heard_lapses_with_another_question(
    gate, successor
):
    await stopped(gate, await asked(gate, call_of(1)))
    await answer()
    later = gate_of(await successor())
    await asked_and_answered(later, call_of(2, "make test"))
    again = await asked_and_answered(later, call_of(3), is_allowed=False)
    assert not again.is_allowed


async def test_a_late_worker_hears_no_answer_to_what_another_run_took_over(
    gate, successor
):
    late = await asked(gate, call_of(1))
    later = gate_of(await successor())
    asking = await asked(later, call_of(1))
    await answer()
    await gate.wake()
    with pytest.raises(LeaseLost):
        await late
    await later.wake()
    assert (await asking).is_allowed


async def test_a_late_worker_withdraws_nothing_of_another_run(gate, successor):
    late = await asked(gate, call_of(1))
    later = gate_of(await successor())
    asking = await asked(later, call_of(2))
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    await answer()
    await later.wake()
    assert (await asking).is_allowed


async def test_an_answer_to_what_the_agent_took_back_lapses(gate, successor):
    asking = await asked(gate, call_of(1))
    await answer()
    asking.cancel()  # before it looks
    await asyncio.gather(asking, return_exceptions=True)
    later = gate_of(await successor())
    assert not (
        await asked_and_answered(later, call_of(2), is_allowed=False)
    ).is_allowed


async def test_a_question_that_the_agent_takes_back_is_withdrawn(gate):
    asking = await asked(gate, call_of(1))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert (await PermissionRequest.objects.aget()).status == "withdrawn"


async def test_a_rule_made_since_withdraws_the_question(gate, successor):
    await stopped(gate, await asked(gate, call_of(1)))
    await sync_to_async(PermissionRuleFactory)(pattern="run:make")
    assert (await gate_of(await successor()).ask(call_of(2))).is_allowed
    assert (await PermissionRequest.objects.aget()).status == "withdrawn"


async def test_what_was_allowed_and_not_begun_is_not_asked_again(gate, successor):
    assert (await asked_and_answered(gate, call_of(1))).is_allowed
    later = gate_of(await successor())
    assert (await later.ask(call_of(1))).is_allowed
    assert await PermissionRequest.objects.acount() == 1


async def test_what_was_allowed_and_begun_is_asked_again(gate, successor):
    call = call_of(1)
    assert (await asked_and_answered(gate, call)).is_allowed
    begun = ToolUse(call.call_id, call.tool_name, call.tool_input, call.message)
    await sync_to_async(gate.recorder.record)(begun)
    later = gate_of(await successor())
    assert not (await asked_and_answered(later, call, is_allowed=False)).is_allowed
    assert await PermissionRequest.objects.acount() == 2

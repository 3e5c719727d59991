"""A run that meets a budget which asks: it waits for a person, and nothing is redone."""

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from ledger.models import Budget, LedgerEntry, Reservation
from tasks.access import roles
from tasks.models import ApiToken, PermissionRequest, PermissionRule, Run, Task
from tasks.models.permission import Decision
from tests.agents.worker.test_loop import (
    answer,
    execute,
    finished,
    messages,
    pending,
    until,
    working,
)
from tests.conftest import Client
from tests.factories import PermissionRequestFactory, UserFactory
from tests.ledger.factories import USD

pytestmark = pytest.mark.django_db(transaction=True)

SPEND = "use: input=1000000 output=0 model=claude-sonnet-4-6"  # three dollars
SCRIPT = ["say: first", SPEND, "turn", SPEND, "turn", "say: after", "finish: done"]
LIMIT = 4 * USD


@sync_to_async
def make_budget(**fields):
    return Budget.objects.create(
        scope="overall",
        period="daily",
        limit_microdollars=LIMIT,
        **{"on_exceed": "ask", **fields},
    )


def start():
    return execute(*SCRIPT, max_budget_microdollars=50 * USD)


async def limit():
    return (await Budget.objects.aget()).limit_microdollars


async def check_nothing_redone(task):
    said = await messages(task)
    assert (said.count("first"), said.count("after")) == (1, 1)
    assert await LedgerEntry.objects.filter(task_id=task.pk).acount() == 2


async def test_allowing_raises_the_limit_and_the_run_goes_on():
    await make_budget()
    async with working():
        task = await start()
        asked = await pending(task)
        assert (asked.tool_name, asked.action) == (
            "BudgetLimit",
            f"budget:{(await Budget.objects.aget()).pk}",
        )
        assert asked.tool_input["limitUsd"] == 4
        assert asked.tool_input["raiseToUsd"] == 7.5
        assert "is used up (6.00 USD spent)" in asked.message
        await answer(asked, Decision(is_allowed=True, by="ada"))
        task = await finished(task)
    assert (task.status, task.result) == (Task.Status.COMPLETED, "done")
    assert await limit() == 7.5 * USD
    await check_nothing_redone(task)
    assert await Run.objects.filter(task=task).acount() == 1
    assert not await PermissionRule.objects.filter(pattern__startswith="b").aexists()


async def test_a_person_says_how_far_and_is_asked_again_where_that_is_too_little():
    await make_budget()
    async with working():
        task = await start()
        first = await pending(task)
        edited = {**first.tool_input, "raiseToUsd": 5}
        await answer(first, Decision(is_allowed=True, by="ada", edited_input=edited))
        pks = PermissionRequest.objects.pending().exclude(pk=first.pk)
        second = await until(lambda: pks.filter(task=task).first())
        assert second.tool_input["limitUsd"] == 5
        edited = {**second.tool_input, "raiseToUsd": 20}
        await answer(second, Decision(is_allowed=True, by="ada", edited_input=edited))
        task = await finished(task)
    assert task.status == Task.Status.COMPLETED
    assert await limit() == 20 * USD
    await check_nothing_redone(task)


async def test_a_raise_to_less_raises_nothing_and_asks_again():
    await make_budget()
    async with working():
        task = await start()
        first = await pending(task)
        edited = {**first.tool_input, "raiseToUsd": 1}
        await answer(first, Decision(is_allowed=True, by="ada", edited_input=edited))
        again = PermissionRequest.objects.pending().exclude(pk=first.pk)
        second = await until(lambda: again.filter(task=task).first())
        assert await limit() == LIMIT
        await answer(second, Decision(is_allowed=False, by="ada"))
        assert (await finished(task)).status == Task.Status.FAILED


async def test_denying_ends_the_run_and_leaves_the_limit():
    await make_budget()
    async with working():
        task = await start()
        await answer(await pending(task), Decision(is_allowed=False, by="ada"))
        task = await finished(task)
    said = await messages(task)
    assert task.status == Task.Status.FAILED
    assert "after" not in said
    assert said[-1].startswith("The daily budget of 4.00 USD is used up")
    assert await limit() == LIMIT
    assert await Reservation.objects.acount() == 0


async def test_a_restart_waits_on_and_redoes_nothing():
    await make_budget()
    async with working():
        task = await start()
        asked = await pending(task)
    async with working():
        await until(lambda: Run.objects.filter(task=task, status="running").exists())
        still = await until(
            lambda: PermissionRequest.objects.pending().filter(run__attempt=2).first()
        )
        assert still.pk == asked.pk
        await answer(still, Decision(is_allowed=True, by="ada"))
        task = await finished(task)
    assert task.status == Task.Status.COMPLETED
    assert await PermissionRequest.objects.acount() == 1
    await check_nothing_redone(task)


async def test_what_was_decided_while_no_worker_ran_counts():
    await make_budget()
    async with working():
        task = await start()
        asked = await pending(task)
    await answer(asked, Decision(is_allowed=True, by="ada"))
    async with working():
        task = await finished(task)
    assert task.status == Task.Status.COMPLETED
    assert await PermissionRequest.objects.acount() == 1
    await check_nothing_redone(task)


async def test_where_somebody_made_room_meanwhile_nobody_is_asked_any_more():
    budget = await make_budget()
    async with working():
        task = await start()
        asked = await pending(task)
    await Budget.objects.filter(pk=budget.pk).aupdate(limit_microdollars=50 * USD)
    async with working():
        task = await finished(task)
    assert task.status == Task.Status.COMPLETED
    await asked.arefresh_from_db()
    assert asked.status == "withdrawn"
    await check_nothing_redone(task)


async def test_a_budget_that_does_not_ask_stops_a_run_that_another_worker_took_up():
    await make_budget(on_exceed="stop")
    script = ["turn", "ask: write:/a", SPEND, SPEND, "turn", "say: after"]
    async with working():
        task = await execute(*script, max_budget_microdollars=50 * USD)
        asked = await pending(task)
    async with working():
        await answer(asked, Decision(is_allowed=True, by="ada"))
        task = await finished(task)
    assert task.status == Task.Status.FAILED
    assert "after" not in await messages(task)
    assert await Run.objects.filter(task=task).acount() == 2


def test_who_may_answer_may_end_it_and_who_may_change_budgets_may_raise_it(settings):
    settings.STAGENT_REQUIRE_AUTH = True
    roles.make_groups(apps)
    asked = PermissionRequestFactory(action="budget:1", tool_name="BudgetLimit")
    user = UserFactory()
    user.groups.add(Group.objects.get(name="Operator"))
    _, text = ApiToken.objects.issue(name="ci", user=user)
    client = Client(HTTP_HOST="localhost:3000", HTTP_AUTHORIZATION=f"Bearer {text}")
    path = f"/api/tasks/{asked.task_id}/respond"
    body = {"notificationId": asked.pk, "behavior": "allow"}
    refused = client.post(path, body)
    assert refused.status_code == 403
    assert "ledger.change_budget" in refused.json()["error"]
    user.user_permissions.add(
        *Permission.objects.filter(codename__in=["change_budget", "add_permissionrule"])
    )
    always = client.post(path, {**body, "alwaysAllow": True})
    assert always.status_code == 400
    assert "No rule raises a budget" in str(always.json())
    assert client.post(path, body).status_code == 200
    other = PermissionRequestFactory(action="budget:1", tool_name="BudgetLimit")
    user.user_permissions.clear()
    denied = client.post(
        f"/api/tasks/{other.task_id}/respond",
        {"notificationId": other.pk, "behavior": "deny"},
    )
    assert denied.status_code == 200

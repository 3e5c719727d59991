"""Who decides on a tool call: deny rules, then allow rules, then a person, of just that call."""

import asyncio
import os
from importlib import import_module

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import connection

from agents.protocol.runtime import ToolCall
from agents.tools import Toolbox
from tasks.models import LogEntry, PermissionRequest, PermissionRule, Run
from tasks.models.permission import Decision
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
def toolbox(tmp_path):
    return Toolbox(tmp_path)


def command(toolbox, line):
    return toolbox.prepare("call-1", "run", {"command": line})


async def test_what_no_rule_covers_a_person_decides(gate, toolbox):
    call = command(toolbox, "git status; id")
    await sync_to_async(PermissionRuleFactory)(pattern="run:git status *")
    decision = await asked_and_answered(gate, call)
    assert decision.permits(call)


async def test_a_rule_decides_without_asking_and_is_counted(gate, toolbox):
    rule = await sync_to_async(PermissionRuleFactory)(pattern="run:git status *")
    decision = await gate.ask(command(toolbox, "git status -s"))
    assert decision.is_allowed
    await rule.arefresh_from_db()
    assert rule.use_count == 1
    assert rule.last_used_at is not None
    assert not await PermissionRequest.objects.aexists()


@pytest.mark.parametrize("line", ["rm x", "cd y && rm x", "sudo rm x"])
async def test_a_deny_rule_beats_every_allow(run, toolbox, line):
    await sync_to_async(PermissionRuleFactory)(pattern=f"run:{line}")
    await sync_to_async(PermissionRuleFactory)(pattern="run:rm *", effect="deny")
    gate = gate_of(run, allowed=("run:rm *",))
    decision = await gate.ask(command(toolbox, line))
    assert not decision.is_allowed
    assert decision.message == "The rule run:rm * denies this."


async def test_a_profiles_denial_errs_on_its_side_too(run, toolbox):
    await sync_to_async(PermissionRuleFactory)(pattern="run:git *")
    gate = gate_of(run, denied=("run:git push *",))
    decision = await gate.ask(command(toolbox, "ls && git -C x push"))
    assert decision.message == "The rule run:git push * denies this."


# --- Edited input ----------------------------------------------------------------------


async def test_edited_input_is_what_is_allowed(gate, toolbox):
    edited = {"command": "ls -la; id"}
    decision = await asked_and_answered(
        gate, command(toolbox, "ls; id"), edited_input=edited
    )
    assert decision.is_allowed
    assert decision.permits(command(toolbox, "ls -la; id"))
    assert not decision.permits(command(toolbox, "ls; id"))


async def test_edited_input_does_not_dodge_a_deny_rule(gate, toolbox):
    await sync_to_async(PermissionRuleFactory)(pattern="run:rm *", effect="deny")
    decision = await asked_and_answered(
        gate, command(toolbox, "ls; id"), edited_input={"command": "ls; rm x"}
    )
    assert not decision.is_allowed
    entry = await LogEntry.objects.alast()
    assert entry.message == (
        "Not done, though it was allowed. The rule run:rm * denies this."
    )


async def test_a_deny_rule_made_while_a_person_thinks_holds(gate, toolbox):
    asking = await asked(gate, command(toolbox, "ls; rm x"))
    await sync_to_async(PermissionRuleFactory)(pattern="run:rm *", effect="deny")
    await answer()
    await gate.wake()
    assert not (await asking).is_allowed


async def test_edited_input_that_is_none_of_the_tool_is_refused(gate, toolbox):
    call = toolbox.prepare("call-1", "write", {"path": "a", "content": "x"})
    decision = await asked_and_answered(
        gate, call, edited_input={"path": "../b", "content": "x"}
    )
    assert not decision.is_allowed
    assert "outside of the workspace" in decision.agent_message
    assert "denied" not in decision.agent_message  # by nobody


async def test_an_agent_that_cannot_remake_its_call_gets_no_edited_input(gate):
    call = ToolCall("call-1", "apply_patch", {"path": "a"}, "write:/a", "Writing a")
    decision = await asked_and_answered(gate, call, edited_input={"path": "b"})
    assert not decision.is_allowed
    assert decision.message == "This agent takes no edited input."


# --- Just that call --------------------------------------------------------------------


async def test_an_answer_is_for_what_a_link_led_to_when_it_was_asked(
    run, toolbox, tmp_path
):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    os.symlink("a", tmp_path / "link")
    tool_input = {"path": "link/x", "content": "x"}
    asked = toolbox.prepare("call-1", "write", tool_input)
    decision = await asked_and_answered(gate_of(run), asked)
    os.unlink(tmp_path / "link")
    os.symlink("b", tmp_path / "link")
    moved = toolbox.prepare("call-1", "write", tool_input)
    assert decision.permits(asked)
    assert not decision.permits(moved)
    # It is another question, though the input is the same.
    assert not (
        await asked_and_answered(gate_of(run), moved, is_allowed=False)
    ).is_allowed


async def test_a_decision_is_for_one_call_though_its_id_comes_again(gate, toolbox):
    call = command(toolbox, "git push; id")
    for number in range(1, 4):
        decision = await asked_and_answered(gate, call, is_allowed=number != 2)
        assert decision.is_allowed == (number != 2)
        assert await PermissionRequest.objects.acount() == number
    ids = [
        one.call_id async for one in PermissionRequest.objects.order_by("created_at")
    ]
    assert ids == ["call-1", "call-1#2", "call-1#3"]


async def test_each_of_several_calls_with_one_id_is_a_question_of_its_own(
    gate, toolbox
):
    call = command(toolbox, "git push; id")
    asking = [asyncio.create_task(gate.ask(call)) for _ in range(5)]
    await until(lambda: len(set(gate.waiting_for)) == 5)
    first = await PermissionRequest.objects.order_by("created_at").afirst()
    await sync_to_async(first.decide)(Decision(is_allowed=True, by="ada"))
    await gate.wake()
    done, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(waiting)) == (1, 4)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_what_a_person_reads_hides_nothing(gate):
    line = "ls" + " " * 3_000 + "; rm x\u202e\u200b\x1b[2K" + "a" * 4_990 + "; end"
    call = ToolCall(
        "call-1", "run", {"command": line}, f"run:{line}", f"Running: {line}"
    )
    await asked_and_answered(gate, call, is_allowed=False)
    asked = await PermissionRequest.objects.aget()
    logged = await LogEntry.objects.aget(event_type="permission_request")
    for text in (asked.message, logged.message.removeprefix("Permission needed: ")):
        assert len(text) <= 500
        assert text.startswith("Running: ls[3,000 spaces]; rm x\\u202e\\u200b\\x1b[2K")
        assert text.endswith("aaa; end")
    assert asked.tool_input == {"command": line}


# --- The rule that is there from the start ----------------------------------------------


async def test_reading_in_the_workspace_is_allowed_by_a_rule_that_can_be_removed(
    run, toolbox, migrated_rules
):
    rule = await PermissionRule.objects.aget()
    assert (rule.pattern, rule.effect, rule.scope) == (
        "read:/**",
        "allow",
        "everywhere",
    )
    assert rule.created_by == "Stagent"
    for name, tool_input in (
        ("read", {"path": ".env"}),
        ("list", {}),
        ("search", {"pattern": "x"}),
    ):
        call = toolbox.prepare("call-1", name, tool_input)
        assert (await gate_of(run).ask(call)).is_allowed
    await rule.adelete()
    call = toolbox.prepare("call-1", "read", {"path": ".env"})
    assert not (
        await asked_and_answered(gate_of(run), call, is_allowed=False)
    ).is_allowed


async def test_reading_outside_of_it_is_not(run, migrated_rules):
    action = "read:outside:/etc/hosts"
    call = ToolCall("call-1", "Read", {"file_path": "/etc/hosts"}, action, "Reading")
    assert not (
        await asked_and_answered(gate_of(run), call, is_allowed=False)
    ).is_allowed


@pytest.fixture
def migrated_rules(db):
    """The rules as the migrations leave them."""
    migration = import_module("tasks.migrations.0005_allow_reads_by_a_rule")
    with connection.schema_editor() as editor:
        migration.add_rule(apps, editor)

"""What Codex wants to do is put to a person in our words, for this once."""

import pytest

from agents.protocol.events import ToolResult, ToolUse
from agents.protocol.runtime import Decision
from agents.runtimes.codex.approvals import ApprovalRequest, make_calls
from agents.runtimes.codex.rollout_lines import Call as ModelsCall
from tasks.files.workspace import Workspace
from tasks.rules.patterns import covers
from tests.agents.runtimes.codex.script import DONE, ask, change, outputs, run
from tests.agents.runtimes.direct.performing import Person
from tests.servers.scripted import Call, Reply


def actions(performance):
    return [call.action for call in performance.ask.asked]


def command(shown, workspace, arguments, **params):
    asked = {"command": shown, "cwd": str(workspace), **params}
    made = (
        arguments if arguments is None else ModelsCall("c", "exec_command", arguments)
    )
    [call] = make_calls(
        ApprovalRequest(1, "item/commandExecution/requestApproval", asked),
        call=made,
        item={},
        workspace=Workspace(workspace),
    )
    return call


async def test_the_same_command_is_asked_about_each_time(play):
    performance = await play(run("echo a"), run("echo a"), DONE)
    assert actions(performance) == ["run:echo a", "run:echo a"]
    assert len({call.call_id for call in performance.ask.asked}) == 2


async def test_a_line_with_quotes_is_shown_as_it_runs(play):
    line = 'echo "it\'s $HOME" \\$x\nls'
    performance = await play(run(line), DONE)
    [asked] = performance.ask.asked
    assert asked.action == f"run:{line}"
    assert asked.tool_input == {"command": line}


@pytest.mark.parametrize(
    ("shown", "arguments", "remark"),
    [
        ("/bin/bash -lc ls", {"cmd": "ls", "sandbox_permissions": "require_escalated"}, "outside"),
        ("/bin/bash -lc ls", {"cmd": "pwd"}, "perhaps outside"),
        ("/bin/bash -lc ls", None, "perhaps outside"),
        ("/bin/bash -lc ls", {"cmd": "ls", "tty": True}, "type into"),
        ("./bash -lc ls", {"cmd": "ls"}, "not by the usual shell"),
        ("python3 -lc ls", {"cmd": "ls", "shell": "python3"}, "not by the usual shell"),
        ("/bin/bash -lc 'ls", {"cmd": "ls"}, "not by the usual shell"),
    ],
)  # fmt: skip
def test_no_rule_covers_what_is_more_than_a_command(shown, arguments, remark, tmp_path):
    call = command(shown, tmp_path, arguments)
    assert remark in call.message
    assert not covers("run:ls", call.action)
    assert not covers(call.action, call.action)


def test_a_rule_covers_a_plain_command_in_the_workspace_alone(tmp_path):
    plain = command("/bin/bash -lc ls", tmp_path, {"cmd": "ls"})
    assert covers("run:ls", plain.action)
    (tmp_path / "sub").mkdir()
    beneath = command(
        "/bin/bash -lc ls", tmp_path, {"cmd": "ls"}, cwd=f"{tmp_path}/sub"
    )
    assert beneath.action == "run:[in /sub] ls"
    away = command("/bin/bash -lc ls", tmp_path, {"cmd": "ls"}, cwd="/etc")
    assert away.action == "run:[in outside:/etc] ls"


async def test_a_command_that_wants_out_of_the_sandbox_never_runs(play, workspace):
    wish = {"sandbox_permissions": "require_escalated", "justification": "to look"}
    performance = await play(run("touch a", **wish), DONE)
    assert performance.ask.asked == []
    assert performance.of(ToolUse) == []
    [result] = performance.of(ToolResult)
    assert "cannot leave the sandbox" in result.output
    assert "cannot leave the sandbox" in str(performance.server.history)
    assert list(workspace.iterdir()) == []


async def test_of_calls_with_one_id_it_is_not_pretended_which_is_asked_about(play):
    twice = Reply(
        calls=[
            Call("exec_command", {"cmd": "true", **more}, id="same")
            for more in ({"sandbox_permissions": "require_escalated"}, {})
        ]
    )
    performance = await play(twice, DONE, ask=Person(denies="no"))
    assert set(actions(performance)) == {"run:[perhaps outside the sandbox] true"}


async def test_an_id_that_is_used_again_is_another_call(play):
    again = Reply(calls=[Call("exec_command", {"cmd": "true"}, id="call_0")])
    performance = await play(again, again, DONE)
    assert actions(performance) == ["run:true", "run:true"]
    assert len(performance.of(ToolUse)) == len(performance.of(ToolResult)) == 2


async def test_every_file_of_a_patch_is_asked_about(play, workspace):
    files = [f"*** Add File: {name}\n+x" for name in ("a.txt", "b/c.txt")]
    performance = await play(change(*files), DONE)
    assert sorted(actions(performance)) == ["write:/a.txt", "write:/b/c.txt"]
    assert (workspace / "b/c.txt").read_text() == "x\n"
    [use] = performance.of(ToolUse)
    assert "Writing file: a.txt" in use.message
    assert "Writing file: b/c.txt" in use.message


async def test_a_patch_with_one_denied_file_changes_none(play, workspace):
    class Careful(Person):
        async def __call__(self, call):
            self.asked.append(call)
            return Decision("b.txt" not in call.action, call.tool_input, "not b")

    files = [f"*** Add File: {name}\n+x" for name in ("a.txt", "b.txt")]
    performance = await play(change(*files), DONE, ask=Careful())
    assert list(workspace.iterdir()) == []
    assert "not b" in str(performance.server.history)
    assert performance.of(ToolResult)[0].is_error


async def test_moving_and_deleting_are_asked_about_by_every_path(play, workspace):
    (workspace / "a.txt").write_text("one\n")
    (workspace / "old.txt").write_text("one\n")
    move = "*** Update File: a.txt\n*** Move to: b.txt\n@@\n-one\n+two"
    performance = await play(change(move, "*** Delete File: old.txt"), DONE)
    assert sorted(actions(performance)) == [
        "write:/a.txt",
        "write:/b.txt",
        "write:/old.txt",
    ]
    assert [file.name for file in workspace.iterdir()] == ["b.txt"]


async def test_a_patch_of_a_file_elsewhere_is_no_rules_business(play, tmp_path):
    target = tmp_path / "elsewhere.txt"
    performance = await play(
        change(f"*** Add File: {target}\n+x"), DONE, ask=Person(denies="no")
    )
    assert actions(performance) == [f"write:outside:{target}"]
    assert not target.exists()


async def test_an_edited_input_is_not_run_as_if_it_were(play, workspace):
    performance = await play(
        run("touch a"), DONE, ask=Person(edits={"command": "touch b"})
    )
    assert list(workspace.iterdir()) == []
    assert performance.of(ToolUse) == []


async def test_the_agent_asks_a_person_and_hears_the_answer(play):
    class Answering(Person):
        async def __call__(self, call):
            self.asked.append(call)
            return Decision(True, call.tool_input, "Staging only.")

    performance = await play(ask("Which one?"), DONE, ask=Answering())
    assert performance.ask.asked[0].message == "The agent asks: Which one?"
    assert not covers("run:*", performance.ask.asked[0].action)
    assert "Staging only." in str(outputs(performance))
    assert [result.output for result in performance.of(ToolResult)] == ["Staging only."]

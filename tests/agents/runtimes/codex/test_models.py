"""Models for which Codex has other tools than for the one it was measured on."""

from agents.protocol.events import Notice, ToolUse
from tests.agents.runtimes.codex.script import DONE, run
from tests.servers.scripted import Reply

SCRIPT = (
    "await tools.exec_command({cmd: 'echo hi > x'});"
    "await tools.apply_patch('*** Begin Patch\\n*** Add File: y\\n+q\\n*** End Patch\\n');"
)


async def test_a_model_that_writes_scripts_is_asked_about_what_they_do(
    play, workspace, monkeypatch
):
    monkeypatch.setenv("OPENAI_MODEL", "gpt-6.1-sol")
    script = {
        "type": "custom_tool_call",
        "id": "ctc_1",
        "call_id": "call_1",
        "name": "exec",
        "status": "completed",
        "input": SCRIPT,
    }
    performance = await play(Reply(blocks=[script]), DONE)
    # What the script gives a command besides its line, Codex does not tell.
    assert [call.action for call in performance.ask.asked] == [
        "run:[perhaps outside the sandbox] echo hi > x",
        "write:/y",
    ]
    assert (workspace / "x").exists()
    assert (workspace / "y").exists()
    names = [use.tool_name for use in performance.of(ToolUse)]
    assert names == ["exec_command", "apply_patch", "exec"]


async def test_a_model_that_codex_does_not_know_works_and_is_warned_of(
    play, workspace, monkeypatch
):
    monkeypatch.setenv("OPENAI_MODEL", "llama-local")
    performance = await play(run("touch x"), DONE)
    assert "llama-local" in performance.of(Notice)[0].text
    assert (workspace / "x").exists()

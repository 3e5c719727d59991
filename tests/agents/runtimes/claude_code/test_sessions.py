"""The agent's session is in our database alone, and goes on wherever it is taken up."""

import asyncio
import json
import os
import signal
import uuid

import psutil
import pytest

from agents.protocol.events import (
    CheckpointReached,
    Finished,
    Notice,
    ToolUse,
    UsageReported,
)
from agents.protocol.runtime import Checkpoint
from agents.runtimes import claude_cli
from agents.runtimes.claude_code.session import KeptSession
from agents.workspaces import processes
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.servers.anthropic import Call, Reply
from tests.waiting import until

pytestmark = pytest.mark.slow

# Of all errors one that the CLI does not try again.
REFUSED = Reply(status=403, error={"type": "permission_error", "message": "No"})
WRITE = Call("Write", {"file_path": "a.txt", "content": "hello"})


async def test_the_session_is_known_before_the_process_is(runtime, serving, tmp_path):
    async with serving(Reply("Done.")) as server:
        seen = await Performance(runtime).run(assignment(tmp_path), until=1)
        assert server.requests == []
    assert isinstance(seen[0], CheckpointReached)
    assert seen[0].state["session_id"]


def test_a_line_of_the_transcript_ends_at_a_line_feed_alone(tmp_path):
    session = KeptSession()
    line = {"uuid": str(uuid.uuid4()), "text": "one\x85two\u2028three\u2029four"}
    session.lines = [line]
    session.write_transcript(tmp_path, "/workspace")
    [file] = tmp_path.rglob("*.jsonl")
    # As the CLI writes it, which escapes nothing that JSON allows.
    file.write_text(json.dumps(line, ensure_ascii=False) + "\n")
    assert session.read_transcript(tmp_path, "/workspace") == [line]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder behind a link"])
def test_what_lies_in_place_of_the_transcript_is_not_read(tmp_path, kind):
    """The CLI's commands are the agent's, and reading is done as the worker: as root, maybe."""
    session = KeptSession()
    session.lines = [{"uuid": "of another run", "text": "secret"}]
    session.write_transcript(tmp_path / "config", "/workspace")
    [file] = tmp_path.rglob("*.jsonl")
    moved = tmp_path / "elsewhere"
    if kind == "folder behind a link":
        file.parent.rename(moved)
        file.parent.symlink_to(moved)
    else:
        file.rename(moved)
        file.symlink_to(moved) if kind == "link" else os.mkfifo(file)
    assert session.read_transcript(tmp_path / "config", "/workspace") == []


async def test_a_session_goes_on_under_its_id_with_what_was_said(
    runtime, serving, tmp_path
):
    async with serving(
        Reply("First.", calls=[WRITE]), REFUSED, Reply("Last.")
    ) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        await performance.run(resumed)
    ids = {r.headers["x-claude-code-session-id"] for r in server.requests}
    assert ids == {performance.checkpoint.state["session_id"]}
    assert "First." in str(server.history)
    assert len(performance.of(ToolUse)) == 1
    lines = [item.get("uuid") for item in performance.checkpoint.items]
    known = [line for line in lines if line]
    assert len(known) == len(set(known))


async def test_a_profile_that_was_changed_holds_for_a_resumed_session(
    runtime, serving, tmp_path
):
    async with serving(
        Reply("First.", calls=[WRITE]), REFUSED, Reply("Last.")
    ) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path, instructions="Be brief."))
        await performance.run(
            assignment(
                tmp_path, instructions="Be long.", checkpoint=performance.checkpoint
            )
        )
    assert "Be long." in str(server.requests[-1].body["system"])


@pytest.mark.parametrize(
    "lines",
    [[], [{"type": "nonsense", "uuid": "x"}]],
    ids=["nothing kept", "nothing it can read"],
)
async def test_a_session_that_is_not_there_starts_afresh_and_says_so(
    runtime, serving, tmp_path, lines
):
    state = {
        "format": "claude-code-transcript",
        "session_id": "3e4b7f0a-5f0e-4f7e-9b0a-0d3f4c2b1a00",
        "skipped": 0,
        "result": None,
    }
    async with serving(Reply("Done.")) as server:
        performance = Performance(runtime)
        given = assignment(tmp_path, "Do it.", checkpoint=Checkpoint(state, lines))
        seen = await performance.run(given)
    assert any("starting afresh" in e.text for e in seen if isinstance(e, Notice))
    assert "Do it." in str(server.history)
    assert seen[-1] == Finished("Done.")
    # What could not be read stays out of it ever after.
    assert performance.checkpoint.state["skipped"] == len(lines)


async def test_a_killed_cli_is_told_from_one_that_fails_and_a_resume_goes_on(
    runtime, serving, tmp_path
):
    slow = Reply(calls=[Call("Bash", {"command": "echo >> started; sleep 64"})])
    async with serving(slow, Reply("Done.")):
        performance = Performance(runtime)
        task = asyncio.create_task(performance.run(assignment(tmp_path)))
        await until((tmp_path / "started").exists)
        found = list(_clis(tmp_path))
        assert found
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        await task
        assert "ended unexpectedly" in performance.failure
        assert performance.was_killed
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        assert (await performance.run(resumed))[-1] == Finished("Done.")


def _clis(folder):
    for process, _ in processes.find_marked():
        try:
            if process.exe() == str(claude_cli.find_program()) and process.cwd() == str(
                folder
            ):
                yield process.pid
        except psutil.Error:
            continue


async def test_a_resume_books_no_request_twice(runtime, serving, tmp_path):
    async with serving(Reply("First.", calls=[WRITE]), REFUSED, Reply("Last.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        await performance.run(resumed)
    keys = [event.key for event in performance.of(UsageReported)]
    assert len(keys) == len(set(keys)) == 2


def test_what_was_only_written_down_at_the_end_is_kept_too(tmp_path):
    known, new = {"uuid": "1", "type": "user"}, {"uuid": "2", "type": "assistant"}
    session, told = KeptSession(), []
    session.lines, session._known = [known], {"1"}
    session.write_transcript(tmp_path, "/workspace")
    (file,) = tmp_path.rglob("*.jsonl")
    with file.open("a") as lines:
        # The last but one has no identity, the last is torn.
        lines.write(f'{json.dumps(new)}\n{{"type": "mode"}}\n{{"uuid": "3", "ty')
    session.set_listener(told.append)
    for _ in range(2):
        session.keep(session.read_transcript(tmp_path, "/workspace"))
    assert [checkpoint.items for checkpoint in told] == [[new]]
    assert session.lines == [known, new]


def test_nothing_is_read_where_it_never_wrote(tmp_path):
    assert KeptSession().read_transcript(tmp_path, "/workspace") == []

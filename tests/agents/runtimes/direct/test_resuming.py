"""A run that was stopped anywhere goes on from there, and does nothing twice."""

import asyncio
from dataclasses import replace

import pytest

from agents.protocol.events import (
    AssistantText,
    CheckpointReached,
    Finished,
    Notice,
    ToolResult,
)
from agents.protocol.runtime import Checkpoint
from agents.runtimes.direct.conversation import Conversation
from agents.runtimes.direct.tool_calls import INTERRUPTED
from tests.agents.runtimes.direct.performing import (
    Performance,
    Person,
    anthropic_runtime,
    assignment,
    serving,
)
from tests.servers.anthropic import Call, Reply
from tests.waiting import until


@pytest.fixture
async def runtime():
    async with anthropic_runtime() as runtime:
        yield runtime


def results(history):
    """What the model was told in the last message."""
    return [block["content"] for block in history[-1]["content"]]


LONG_SCRIPT = (
    Reply(
        "First.",
        thinking="Two at once.",
        calls=[
            Call("run", {"command": f"echo {n} >> ran"}, id=f"id{n}") for n in (1, 2)
        ],
    ),
    Reply("Then.", calls=[Call("run", {"command": "echo 3 >> ran"}, id="id3")]),
    Reply("The end."),
)


async def test_a_run_cut_anywhere_goes_on_from_there(runtime, tmp_path):
    async with serving(*LONG_SCRIPT, by_turn=True):
        whole = await Performance(runtime).run(assignment(tmp_path))
    for cut in range(1, len(whole)):
        workspace = tmp_path / str(cut)
        workspace.mkdir()
        # The server refuses a history in which a call is not answered exactly once.
        async with serving(*LONG_SCRIPT, by_turn=True):
            performance = Performance(runtime)
            await performance.run(assignment(workspace), until=cut)
            resumed = assignment(workspace, checkpoint=performance.checkpoint)
            assert (await performance.run(resumed))[-1] == Finished("The end."), cut
        ran = (workspace / "ran").read_text().split()
        assert len(set(ran)) == len(ran), f"run twice after {cut}"
        unknown = [
            result
            for result in performance.of(ToolResult)
            if result.output == INTERRUPTED
        ]
        assert len(ran) + len(unknown) in (3, 4), cut
        assert len(performance.checkpoint.items) == 6, cut


@pytest.mark.parametrize("stride", [7, 8, 9, 10])
async def test_a_run_cut_again_and_again_goes_on(runtime, tmp_path, stride):
    async with serving(*LONG_SCRIPT, by_turn=True):
        performance = Performance(runtime)
        while Finished("The end.") not in performance.events:
            given = assignment(tmp_path, checkpoint=performance.checkpoint)
            await performance.run(given, until=stride)
    ran = (tmp_path / "ran").read_text().split()
    assert len(set(ran)) == len(ran)


async def test_a_tool_that_is_cancelled_is_killed_and_never_repeated(runtime, tmp_path):
    calls = [Call("run", {"command": "echo >> started; sleep 60; echo >> ended"})]
    async with serving(Reply(calls=calls), Reply("I will look.")) as server:
        performance = Performance(runtime)
        task = asyncio.create_task(performance.run(assignment(tmp_path)))
        await until((tmp_path / "started").exists)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        await performance.run(resumed)
    assert results(server.history) == [INTERRUPTED]
    assert (tmp_path / "started").read_text() == "\n"
    assert len(performance.ask.asked) == 1


async def test_a_run_that_waits_for_a_person_can_be_stopped_and_asks_again(
    runtime, tmp_path
):
    waits = asyncio.Event()

    async def nobody(call):
        waits.set()
        await asyncio.Event().wait()

    async with serving(Reply(calls=[Call("list")]), Reply("Done.")):
        performance = Performance(runtime, nobody)
        task = asyncio.create_task(performance.run(assignment(tmp_path)))
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        performance.ask = Person()
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        assert (await performance.run(resumed))[-1] == Finished("Done.")


async def test_a_finished_conversation_hands_its_result_over_again(runtime, tmp_path):
    async with serving(Reply("Done.")) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        assert await performance.run(resumed) == [Finished("Done.")]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        {"wire": "ollama-chat"},
        {"v": 2},
        {"phase": "dreaming"},
        {"phase": "tools"},
        {"pending": [{"unknown": 1}]},
        {"pending": 7},
        {"turns": "many"},
        {"skipped": 99},
        {"text": None, "turns": None},
    ],
)
async def test_a_checkpoint_that_cannot_be_read_starts_afresh(runtime, tmp_path, spoil):
    async with serving(Reply("Done.")) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
        kept = performance.checkpoint
        spoiled = replace(kept, state=kept.state | spoil)
        events = await performance.run(
            assignment(tmp_path, "Anew.", checkpoint=spoiled)
        )
        assert events[0] == Notice(
            "The kept conversation cannot be read: starting afresh."
        )
        assert server.history == [{"role": "user", "content": "Anew."}]
    # What could not be read stays out of it ever after.
    afresh = performance.checkpoint
    assert len(afresh.items) == 4
    assert Conversation.restore("anthropic-messages", afresh).history == [
        {"role": "user", "content": "Anew."},
        {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
    ]


async def test_a_checkpoint_without_its_items_starts_afresh(runtime, tmp_path):
    state = {
        "v": 1,
        "wire": "anthropic-messages",
        "phase": "model",
        "pending": [],
        "turns": 1,
    }
    kept = Checkpoint({**state, "skipped": 0, "text": ""}, [])
    async with serving(Reply("Done.")):
        events = await Performance(runtime).run(assignment(tmp_path, checkpoint=kept))
    assert isinstance(events[0], Notice)
    assert events[-1] == Finished("Done.")


async def test_every_item_is_kept_once_and_in_order(runtime, tmp_path):
    async with serving(*LONG_SCRIPT) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    items = [
        item for event in performance.of(CheckpointReached) for item in event.items
    ]
    assert items[:-1] == server.history
    assert items == performance.checkpoint.items
    assert performance.of(AssistantText)[-1].text == items[-1]["content"][0]["text"]

"""A run goes on from what the database kept, wherever the one before it was."""

from dataclasses import replace

from agents.protocol.events import Finished, Notice, ToolUse, UsageReported
from agents.protocol.runtime import Checkpoint
from tests.agents.runtimes.codex.script import DONE, change, run
from tests.agents.runtimes.direct.performing import Performance
from tests.servers.scripted import Reply

BAD_KEY = Reply(status=401, error={"code": "invalid_api_key", "message": "no"})
COUNTED = {"input_tokens": 1_000, "output_tokens": 50, "total_tokens": 1_050}


def tokens(performance):
    return [
        (event.usage.input_tokens, event.usage.output_tokens)
        for event in performance.of(UsageReported)
    ]


async def test_a_resumed_run_books_what_it_used_itself_and_no_more(play):
    first = await play(replace(run("true"), usage=COUNTED), BAD_KEY)
    assert tokens(first) == [(1_000, 50)]
    second = await play(replace(DONE, usage=COUNTED), kept=first)
    assert tokens(second) == [(1_000, 50)]


async def test_what_was_denied_and_done_is_still_known(play):
    first = await play(run("echo ten"), BAD_KEY)
    second = await play(DONE, kept=first, prompt="Never said.")
    sent = str(second.server.history)
    assert "echo ten" in sent
    assert "Never said." not in sent
    assert second.of(ToolUse) == []


async def test_a_resumed_run_asks_as_the_first_one_did(play, workspace):
    first = await play(run("true"), BAD_KEY)
    second = await play(change("*** Add File: a.txt\n+x"), DONE, kept=first)
    assert [call.action for call in second.ask.asked] == ["write:/a.txt"]
    assert (workspace / "a.txt").exists()


async def test_a_call_that_was_cut_off_is_of_unknown_outcome(play, workspace):
    first = await play(run("true"), max_turns=1)
    assert "The turn limit of 1 is reached" in first.failure
    second = await play(DONE, kept=first)
    assert "Look before you repeat it" in str(second.server.history)


async def test_a_rollout_that_codex_cannot_read_starts_afresh_and_says_so(play):
    first = await play(run("true"), BAD_KEY)
    kept = first.checkpoint
    spoilt = Checkpoint(kept.state, [kept.items[-1]])
    second = await play(DONE, checkpoint=spoilt, prompt="Again.")
    assert "starting afresh" in second.of(Notice)[0].text
    assert "Again." in str(second.server.history)
    assert second.events[-1] == Finished("Done.")


async def test_a_start_afresh_can_be_gone_on_from(play):
    spoilt = Checkpoint({"v": 1, "wire": "another"}, [{"no": "line"}])
    first = await play(run("true"), BAD_KEY, checkpoint=spoilt)
    everything = Checkpoint(
        first.checkpoint.state, [*spoilt.items, *first.checkpoint.items]
    )
    second = await play(DONE, checkpoint=everything)
    assert second.of(Notice) == []
    assert second.events[-1] == Finished("Done.")


async def test_a_path_that_leads_out_of_the_home_is_not_written(play, tmp_path):
    first = await play(run("true"), BAD_KEY)
    state = {**first.checkpoint.state, "path": "sessions/../../../out.jsonl"}
    second = await play(DONE, checkpoint=Checkpoint(state, first.checkpoint.items))
    assert "starting afresh" in second.of(Notice)[0].text
    assert not (tmp_path / "out.jsonl").exists()


async def test_what_was_finished_is_not_paid_for_again(play):
    first: Performance = await play(DONE)
    second = await play(DONE, kept=first)
    assert second.events == [Finished("Done.")]
    assert second.server.requests == []

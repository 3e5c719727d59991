"""What Codex had written down when its worker was killed is booked, to the token."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async

from agents.worker.unanswered import book_left_behind
from agents.workspaces import sandbox
from ledger.models import LedgerEntry, OpenRequest
from ledger.models.open_request import COUNTS
from tasks.models import LogEntry
from tests.agents.runtimes.codex.script import DONE, run
from tests.agents.runtimes.direct.performing import Person
from tests.factories import RunFactory

pytestmark = pytest.mark.django_db(transaction=True)

NAME_OF_A_DEAD_WORKER = (
    "from agents.workspaces import processes; print(processes.make_marker())"
)
ANSWERED = replace(run("true"), usage={"input_tokens": 1_234, "output_tokens": 56})


def opened(marker, number, task_id=None):
    """Write down a request of a run that was still live when its worker died."""
    live = RunFactory(runtime="openai-codex-app-server", status="running")
    OpenRequest.objects.create(
        run_id=live.pk,
        task_id=task_id or live.task_id,
        key=f"{marker}/{number}",
        runtime=live.runtime,
        provider="openai",
        model="gpt-5.5",
        **dict.fromkeys(COUNTS, 1),
        is_estimated=True,
    )
    return live


@pytest.fixture
def dead_worker():
    command = [sys.executable, "-c", NAME_OF_A_DEAD_WORKER]
    return subprocess.check_output(command, text=True).strip()


@pytest.fixture
async def marker(play, dead_worker, tmp_path):
    """Leave what a Codex has written when it asks for its first command, as a dead worker's."""
    left = sandbox.get_agent_homes() / dead_worker

    class Copying(Person):
        async def __call__(self, call):
            (home,) = (tmp_path / "agents").iterdir()
            shutil.copytree(home / "sessions", left / "sessions")
            return await super().__call__(call)

    await play(ANSWERED, DONE, ask=Copying())
    yield dead_worker
    shutil.rmtree(left)


async def test_an_answer_that_was_written_down_and_not_booked(marker):
    live = await sync_to_async(opened)(marker, 1)
    for _ in range(2):
        await sync_to_async(book_left_behind)()
    totals = await sync_to_async(LedgerEntry.objects.for_task(live.task_id).totals)()
    assert (totals.input_tokens, totals.output_tokens) == (1_234, 56)
    assert not (await LedgerEntry.objects.aget()).is_estimated
    assert not await OpenRequest.objects.aexists()
    told = await LogEntry.objects.aget(task_id=live.task_id, event_type="usage")
    assert "before it was booked" in told.message


async def test_one_that_an_earlier_run_of_the_task_has_booked_is_not_booked_again(
    marker,
):
    live = await sync_to_async(opened)(marker, 1)
    await sync_to_async(book_left_behind)()
    await sync_to_async(opened)(marker, 2, live.task_id)
    await sync_to_async(book_left_behind)()
    assert await LedgerEntry.objects.acount() == 1
    assert await OpenRequest.objects.aexists()  # whose answer is not written down

"""A server that is killed in the middle of an answer: what is known of it by then is booked."""

import pytest

from tests import live
from tests.agents.runtimes.drivers import DRIVERS
from tests.agents.runtimes.drivers.base import Tokens, Turn
from tests.agents.runtimes.drivers.claude_code import CLAUDE_CODE
from tests.agents.runtimes.drivers.direct import ANTHROPIC
from tests.servers.threaded import threaded

pytestmark = pytest.mark.slow

STALLS = Turn("Revenue grew.", tokens=Tokens(3_000, 0, 0, 20), fault="stall")
TELL_AT_ONCE = (ANTHROPIC, CLAUDE_CODE)
# What is booked, less what was corrected.
REQUESTS = """
    SELECT coalesce(sum(CASE WHEN corrects_id IS NULL THEN 1 ELSE -1 END), 0)
    FROM ledger_ledgerentry
"""


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.name)
def driver(request):
    return request.param


def test_a_crash_costs_at_most_the_output(driver, tmp_path):
    is_told = driver in TELL_AT_ONCE
    with (
        threaded(driver.server(STALLS)) as model,
        live.site(tmp_path, **driver.environment(model.url)) as site,
    ):
        server = site.serve()
        task_id = site.execute(title="A task", assignedAgent=driver.name)
        live.wait_for(lambda: model.requests)
        opened = "SELECT is_estimated FROM ledger_openrequest"
        live.wait_for(lambda: [bool(x) for (x,) in site.rows(opened)] == [not is_told])
        live.kill(server)

        site.serve()
        told = "SELECT message FROM tasks_logentry WHERE event_type = 'usage'"
        live.wait_for(lambda: site.rows(told))
        ((message,),) = site.rows(told)
        usage = site.client.get(f"/api/tasks/{task_id}").json()["usage"]
    assert "its worker was gone before the answer was whole" in message
    if is_told:
        assert (usage["inputTokens"], usage["outputTokens"]) == (3_000, 1)
        assert "estimatedRequests" not in usage
    else:
        assert usage["inputTokens"] > 100
        assert (usage["outputTokens"], usage["estimatedRequests"]) == (0, 1)
        assert "estimated, without the output" in message


def test_what_is_answered_is_booked_if_the_end_is_all_that_was_heard(driver, tmp_path):
    """Killed at the very moment at which the provider is done with its answer."""
    whole = Turn("Revenue grew.", tokens=Tokens(3_000, 0, 0, 20))
    with (
        threaded(driver.server(whole)) as model,
        live.site(tmp_path, **driver.environment(model.url)) as site,
    ):
        server = site.serve()
        model.when_answered = server.kill
        task_id = site.execute(title="A task", assignedAgent=driver.name)
        server.wait(timeout=60)
        model.when_answered = lambda: None
        site.serve()
        task = site.wait_for_status(task_id, "completed", "failed")
        assert task["status"] == "completed", task["error"]
        live.wait_for(lambda: site.rows("SELECT 1 FROM ledger_openrequest") == [])
        assert model.answered in (1, 2)  # once, if all was written before the kill
        assert site.rows(REQUESTS) == [(model.answered,)]

"""A server that is killed in the middle of an answer: what the answer's start told is booked."""

import pytest

from tests import live
from tests.agents.runtimes.drivers.base import Tokens, Turn
from tests.agents.runtimes.drivers.claude_code import CLAUDE_CODE
from tests.agents.runtimes.drivers.direct import ANTHROPIC
from tests.servers.threaded import threaded

STALLS = Turn("Revenue grew.", tokens=Tokens(3_000, 0, 0, 20), fault="stall")


@pytest.fixture(params=[ANTHROPIC, CLAUDE_CODE], ids=lambda driver: driver.name)
def driver(request):
    return request.param


@pytest.fixture
def site(driver, tmp_path):
    with (
        threaded(driver.server(STALLS)) as server,
        live.site(tmp_path, **driver.environment(server.url)) as running,
    ):
        yield running


def test_a_crash_costs_at_most_the_output(driver, site):
    server = site.serve()
    site.execute(title="A task", assignedAgent=driver.name)
    live.wait_for(lambda: site.rows("SELECT 1 FROM ledger_openrequest"))
    live.kill(server)

    site.serve()
    told = "SELECT message FROM tasks_logentry WHERE event_type = 'usage'"
    live.wait_for(lambda: site.rows(told))
    ((message,),) = site.rows(told)
    assert "its worker was gone before the answer was whole" in message
    entries = site.rows("SELECT input_tokens, output_tokens FROM ledger_ledgerentry")
    assert entries == [(3_000, 1)]

"""Gates of runs, and the person who answers what is asked at them."""

import asyncio

from asgiref.sync import sync_to_async

from agents.worker.permissions import Gate
from agents.worker.recorder import Recorder
from tasks.catalog import Profile
from tasks.models import PermissionRequest
from tasks.models.permission import Decision
from tests.waiting import until


def gate_of(run, **profile):
    given = {"id": "p", "name": "P", "description": "", "instructions": ""}
    return Gate(Recorder(run), Profile(**given | profile))


@sync_to_async
def answer(*, is_allowed=True, **fields):
    PermissionRequest.objects.pending().get().decide(
        Decision(is_allowed, by="ada", **fields)
    )


async def asked(gate, call):
    """Ask, and return the question once a person is asked."""
    asking = asyncio.create_task(gate.ask(call))
    await until(lambda: gate.waiting_for or asking.done())
    assert not asking.done(), await asking
    return asking


async def asked_and_answered(gate, call, **fields):
    """Ask; once a person is asked, let them answer."""
    asking = await asked(gate, call)
    await answer(**fields)
    await gate.wake()
    return await asking

import asyncio

import anthropic
import httpx2
import pytest

from agents.providers.connections import Connections
from tests.servers.anthropic import MessagesServer
from tests.servers.scripted import Reply
from tests.waiting import until

MANY = 120  # more than aiohttp opens unless it is told


@pytest.fixture(params=[httpx2.AsyncClient, anthropic.DefaultAioHttpClient])
async def connections(request):
    made = Connections(request.param)
    yield made
    await made.close()


async def test_all_runs_share_a_client(connections):
    assert connections.get_client() is connections.get_client()


async def test_after_closing_there_is_another(connections):
    client = connections.get_client()
    await connections.close()
    assert client.is_closed
    assert not connections.get_client().is_closed


async def test_nobody_waits_for_a_connection(connections):
    async with MessagesServer([Reply(is_silent=True)]) as server:
        waiting = [
            asyncio.create_task(connections.get_client().post(server.url, json={}))
            for _ in range(MANY)
        ]
        await until(lambda: len(server.requests) == MANY)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

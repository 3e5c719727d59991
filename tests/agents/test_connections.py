from contextlib import ExitStack

import httpx2
import pytest

from agents.runtimes.connections import USERS_OF_A_CLIENT, Connections


@pytest.fixture
async def connections():
    made = Connections(httpx2.AsyncClient)
    yield made
    await made.close()


async def test_a_client_is_lent_to_few_at_once(connections):
    with ExitStack() as lent:
        clients = [
            lent.enter_context(connections.client())
            for _ in range(2 * USERS_OF_A_CLIENT)
        ]
    assert [clients.count(client) for client in set(clients)] == [USERS_OF_A_CLIENT] * 2


async def test_who_comes_later_gets_the_client_whose_connections_are_warm(connections):
    with connections.client() as first:
        pass
    with connections.client() as second:
        pass
    assert second is first


async def test_closing_ends_every_client(connections):
    with connections.client() as client:
        await connections.close()
    assert client.is_closed
    with connections.client() as another:
        assert not another.is_closed

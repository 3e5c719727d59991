"""No command reaches the network, this server's own included, unless the profile says so."""

import socket
import threading

import pytest

from agents.tools import Toolbox
from agents.workspaces import sandbox

KNOCK = "exec 3<>/dev/tcp/127.0.0.1/{port} && echo x >&3 && echo reached"


@pytest.fixture
def port():
    """A server on loopback, as our own, PostgreSQL and Redis are."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=[server], daemon=True).start()
        yield server.getsockname()[1]


def _accept(server):
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


@pytest.fixture(params=["bubblewrap", "bare"])
def kind(request, monkeypatch):
    if request.param == "bare":
        monkeypatch.setattr(sandbox, "find_bubblewrap", lambda: None)
    elif not sandbox.find_bubblewrap():
        pytest.skip(sandbox.describe())
    return request.param


@pytest.fixture
def run(tmp_path, kind):
    (tmp_path / "workspace").mkdir()

    async def run(command, *, network):
        toolbox = Toolbox(tmp_path / "workspace", network=network)
        call = toolbox.prepare("call-1", "run", {"command": command})
        return await toolbox.execute(call)

    return run


async def test_a_command_has_no_network(run, port):
    assert "reached" not in await run(KNOCK.format(port=port), network=False)


async def test_a_profile_gives_it_one(run, port):
    assert "reached" in await run(KNOCK.format(port=port), network=True)


async def test_a_command_has_a_loopback_of_its_own(run):
    """A server that it starts itself can be tried out."""
    assert "127.0.0.1" in await run("cat /proc/net/fib_trie", network=False)

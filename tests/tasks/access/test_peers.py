"""No process of a run is served where people need no login: it would answer for them."""

import fcntl
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from agents.workspaces import supervision
from tasks.access import agent_user, peers
from tests import live
from tests.agents.workspaces.as_user import as_user

pytestmark = pytest.mark.once

# One request, by a process with a session of its own and nothing in its environment.
ASK = (
    "exec 3<>/dev/tcp/127.0.0.1/{port};"
    r" printf 'GET /api/tasks HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n' >&3; head -1 <&3"
)
HIDING = ("env", "-i", "setsid", "-w", "/bin/bash", "-c")


@pytest.fixture(scope="module", params=["as we are", "as a user"])
def site(request, tmp_path_factory):
    """A server, and in `become` what it and its agents start with."""
    home = tmp_path_factory.mktemp("site")
    if request.param == "as a user" and os.geteuid() != 0:
        pytest.skip("The tests run as an ordinary user: as we are is as a user.")
    with live.site(home) as running:
        running.become = as_user(home) if request.param == "as a user" else []
        log = (home.parent / f"{home.name}.log").open("wb")
        command = ["manage.py", "serve", "--port", str(running.port), "--no-example"]
        process = subprocess.Popen(
            [*running.become, sys.executable, *command],
            cwd=live.ROOT,
            env=running.environment,
            stdout=log,
            stderr=log,
        )
        try:
            running.wait_until_up(process)
            yield running
        finally:
            process.terminate()
            process.wait()
            log.close()


@contextmanager
def agent(site, settings, *command):
    """Run a command as an agent's processes are run, on the network of the machine."""
    settings.STAGENT_HOME = site.home
    *python, options = supervision.make_argv(folders=[])
    options = json.dumps({**json.loads(options), "parent": 0})
    become = []
    if not site.become and os.geteuid() == 0:
        user = agent_user.find_user(str(site.home))
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    argv = [*site.become, *python, options, *become, *command]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


def test_an_agents_process_is_refused_however_it_hides(site, settings):
    ask = ASK.format(port=site.port)
    with agent(site, settings, *HIDING, ask) as process:
        assert "401" in process.stdout.read()


def test_everybody_else_is_served_meanwhile(site, settings):
    sleep = ("/bin/sh", "-c", "echo up; exec sleep 60")
    with agent(site, settings, *sleep) as process:
        assert process.stdout.readline() == "up\n"
        ask = [*site.become, "/bin/bash", "-c", ASK.format(port=site.port)]
        assert "200" in subprocess.check_output(ask, text=True)
    assert site.client.get("/api/tasks").status_code == 200


def test_without_agents_a_request_does_not_look_through_the_locks(home, monkeypatch):
    monkeypatch.setattr(peers, "_supervisors", lambda: pytest.fail("looked"))
    assert not peers.is_of_a_run(1, 2)
    peers.lock_file().touch()
    assert not peers.is_of_a_run(1, 2)


def test_the_lock_of_a_request_that_looks_is_nobodys(home):
    """Two requests that look at the same moment find each other's lock."""
    peers.lock_file().touch()
    with peers.lock_file().open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not peers.is_of_a_run(1, 2)
        fcntl.flock(other, fcntl.LOCK_SH)
        assert peers.is_of_a_run(1, 2)  # a supervisor's, and a client not found

"""The list of processes is whole, or it is asked for again."""

import os

import psutil

from agents.workspaces import processes


def test_a_list_that_came_empty_once_is_asked_for_again(monkeypatch):
    """As seen under load: then psutil looks for the first of none."""
    pids, empty = psutil._psplatform.pids, [[], []]
    monkeypatch.setattr(
        psutil._psplatform, "pids", lambda: empty.pop() if empty else pids()
    )
    assert os.getpid() in {process.pid for process in processes.list_processes()}
    assert empty == []

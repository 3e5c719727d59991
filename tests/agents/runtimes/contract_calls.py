"""Calls of tools, and what is done with a performance, in the contract tests."""

from tests.agents.runtimes.drivers.base import Use

WRITE = Use("write", path="a.txt", content="hello")


def select(events_seen, kind):
    return [event for event in events_seen if isinstance(event, kind)]

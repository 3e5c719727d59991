from contextlib import asynccontextmanager

import pytest

from agents.runtimes.claude_code import ClaudeCode
from agents.runtimes.claude_code.options import CLI
from agents.runtimes.wire import RetryPolicy
from tests.servers.anthropic import MessagesServer


@pytest.fixture(autouse=True, scope="session")
def _binary():
    if not CLI.exists():
        pytest.skip(f"The SDK of this platform carries no binary: {CLI} is missing.")


@pytest.fixture
def runtime():
    return ClaudeCode(policy=RetryPolicy(tries=3))


@pytest.fixture
def serving(monkeypatch):
    @asynccontextmanager
    async def serve(*replies, **options):
        async with MessagesServer(list(replies), **options) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
            yield server

    return serve

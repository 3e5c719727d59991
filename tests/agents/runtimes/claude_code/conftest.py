from contextlib import asynccontextmanager

import pytest

from agents.providers.retries import RetryPolicy
from agents.runtimes import claude_cli
from agents.runtimes.claude_code import ClaudeCode
from tests.servers.anthropic import MessagesServer


@pytest.fixture(autouse=True, scope="session")
def _binary():
    try:
        claude_cli.find_program()
    except FileNotFoundError as error:
        pytest.skip(str(error))


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

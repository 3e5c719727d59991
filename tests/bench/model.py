"""A model server in a process of its own, whose model takes a while for each turn."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.anthropic import MessagesServer
from tests.servers.scripted import Reply, Request

TURN_SECONDS = 2
ANSWER = "Revenue grew in three of four quarters; the fourth fell by two percent."


@contextmanager
def started() -> Iterator[str]:
    """Give the address of a server that speaks the Messages API."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


async def serve() -> None:
    asked = Request("/v1/messages", {}, {"model": "slow"})
    pieces = len(MessagesServer([]).events(asked, Reply(ANSWER)))
    reply = Reply(ANSWER, pace=TURN_SECONDS / pieces)
    async with MessagesServer([reply]) as server:
        print(server.url, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())

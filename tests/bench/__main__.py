"""Measures a server: `python -m tests.bench`, or `… --url http://localhost:3000`."""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import live
from tests.bench import model, report, runs, streams
from tests.bench.client import Target
from tests.bench.load import (
    CONCURRENCIES,
    Data,
    Operation,
    listing,
    measure,
    operations,
)
from tests.bench.process import ServerProcess


def main() -> None:
    options = _options()
    _allow_many_connections()
    begun = time.monotonic()
    with _server(options) as (url, pid):
        bench = Bench(Target.of(url, options.token), ServerProcess.of(pid), options)
        asyncio.run(bench.run())
    report.say(f"\nMeasured in {time.monotonic() - begun:.0f} s.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--url", help="a server that is up; without it, one is started")
    parser.add_argument("--token", help="an API token, where the server wants one")
    parser.add_argument(
        "--pid", type=int, help="the process behind --url, if it is on this machine"
    )
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="for each figure (%(default)s)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="half a second a figure, no list of 10,000"
    )
    return parser.parse_args()


def _allow_many_connections() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _server(options: argparse.Namespace) -> Iterator[tuple[str, int | None]]:
    """Give the address of the server to measure, and its process where it is known."""
    if options.url:
        yield options.url, options.pid
        return
    with (
        model.started() as model_url,
        tempfile.TemporaryDirectory(prefix="stagent-bench-") as home,
        live.site(
            Path(home),
            is_new=True,
            ANTHROPIC_BASE_URL=model_url,
            ANTHROPIC_API_KEY="of-the-bench",
        ) as site,
    ):
        process = site.serve()
        yield site.url, process.pid


class Bench:
    def __init__(
        self, target: Target, server: ServerProcess | None, options: argparse.Namespace
    ) -> None:
        self.target = target
        self.server = server
        self.is_ours = not options.url
        self.is_quick = options.quick
        self.seconds = min(options.seconds, 0.5) if options.quick else options.seconds
        self.data = Data(target)

    async def run(self) -> None:
        try:
            await self._requests()
            await self._streams()
            if (
                self.server and self.is_ours
            ):  # others need not have the scripted runtime
                await self._runs(self.server)
        finally:
            if not self.is_ours:
                await self.data.remove()

    async def _requests(self) -> None:
        table = report.Cells()
        for operation in await operations(self.data):
            await self._measure(operation, table)
        for size in (100, 1_000) if self.is_quick else (100, 1_000, 10_000):
            await self._measure(await listing(self.data, size), table)

    async def _measure(self, operation: Operation, table: report.Cells) -> None:
        for concurrency in CONCURRENCIES:
            cell = await measure(
                self.target,
                operation,
                concurrency=concurrency,
                seconds=self.seconds,
                server=self.server,
            )
            table.add(cell)

    async def _runs(self, server: ServerProcess) -> None:
        report.runs(
            [await runs.at_once(self.data, server, name) for name in runs.RUNTIMES]
        )

    async def _streams(self) -> None:
        figures = []
        for readers in streams.READERS:
            figures += await streams.lateness(
                self.data, readers=readers, seconds=self.seconds
            )
            if self.is_ours:  # others need not have the scripted runtime
                figures.append(await streams.agent_lateness(self.data, readers=readers))
        report.lateness(figures)
        if self.server:
            count = 200 if self.is_quick else 1_000
            report.idle(await streams.idle(self.data, self.server, streams=count))


if __name__ == "__main__":
    main()

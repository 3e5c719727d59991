"""Compares servers: `python -m tests.bench.compare before=http://localhost:3000 after=http://…`.

Rounds alternate between them, so that what else the machine does hits all alike, and what
counts is the ratio: absolute figures differ threefold between machines and hours. Without
addresses it compares `serve` on daphne with `serve` on uvicorn.
"""

import argparse
import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from stagent.serving import http_servers
from tests import live
from tests.bench import report
from tests.bench.client import Target
from tests.bench.load import Cell, Data, Operation, listing, measure, operations
from tests.bench.process import ServerProcess


class Contestant:
    """A server that is up, with data of its own."""

    def __init__(self, name: str, url: str, pid: int | None) -> None:
        self.name = name
        self.target = Target.of(url)
        self.process = ServerProcess.of(pid)
        self.data = Data(self.target)
        self.operations: list[Operation] = []

    async def prepare(self) -> None:
        lists = [await listing(self.data, size) for size in (20, 100)]
        self.operations = [*await operations(self.data), *lists]

    async def measure(self, number: int, clients: int, seconds: float) -> Cell:
        return await measure(
            self.target,
            self.operations[number],
            concurrency=clients,
            seconds=seconds,
            server=self.process,
        )


async def compare(
    contestants: list[Contestant], *, rounds: int, clients: int, seconds: float
) -> None:
    """Measure each operation in rounds that alternate, and print medians and ratios."""
    try:
        for contestant in contestants:
            await contestant.prepare()
        table = report.Comparison(contestants[0].name)
        for number, operation in enumerate(contestants[0].operations):
            cells = defaultdict(list)
            for _ in range(rounds):
                for one in contestants:
                    cell = await one.measure(number, clients, seconds)
                    cells[one.name].append(cell)
            first = _middle(cells[contestants[0].name])
            for one in contestants:
                middle = _middle(cells[one.name])
                table.add(operation.name, one.name, middle, first)
    finally:
        for contestant in contestants:
            await contestant.data.remove()


def _middle(cells: list[Cell]) -> Cell:
    cpu = [c.cpu_per_request for c in cells if c.cpu_per_request is not None]
    return Cell(
        cells[0].operation,
        cells[0].concurrency,
        per_second=median(cell.per_second for cell in cells),
        p50=median(cell.p50 for cell in cells),
        p99=median(cell.p99 for cell in cells),
        cpu_per_request=median(cpu) if cpu else None,
    )


@contextmanager
def _our_servers() -> Iterator[list[Contestant]]:
    with ExitStack() as stack:
        contestants = []
        for name in http_servers.NAMES:
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
            site = stack.enter_context(live.site(Path(home), is_new=True))
            process = site.serve("--server", name)
            contestants.append(Contestant(name, site.url, process.pid))
        yield contestants


def _parse(text: str) -> Contestant:
    name, _, url = text.partition("=")
    if "://" not in url:
        raise argparse.ArgumentTypeError("NAME=URL, such as before=http://localhost:80")
    return Contestant(name, url, None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.compare", description=__doc__)
    parser.add_argument("servers", nargs="*", type=_parse, metavar="NAME=URL")
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--clients", type=int, default=8, help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="(%(default)s)")
    options = parser.parse_args()
    how = {key: getattr(options, key) for key in ("rounds", "clients", "seconds")}
    if options.servers:
        asyncio.run(compare(options.servers, **how))
        return
    with _our_servers() as contestants:
        asyncio.run(compare(contestants, **how))


if __name__ == "__main__":
    main()

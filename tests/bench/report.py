"""The figures as tables."""

import sys
from collections.abc import Sequence

from tests.bench.load import Cell
from tests.bench.runs import Runs
from tests.bench.streams import Idle, Lateness


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Table:
    """Rows under a head: the first column to the left, figures to the right."""

    def __init__(self, first: str, *others: str) -> None:
        self.width = max(28, len(first))
        self.others = others
        say("")
        self.row(first, *others)

    def row(self, first: str, *others: str) -> None:
        figures = [
            f"{text:>{max(len(head), 8)}}"
            for text, head in zip(others, self.others, strict=True)
        ]
        say("  ".join([f"{first:<{self.width}}", *figures]).rstrip())


class Cells(Table):
    def __init__(self) -> None:
        super().__init__(
            "operation",
            *("clients", "requests/s", "p50 ms", "p99 ms", "CPU ms/request"),
        )

    def add(self, cell: Cell) -> None:
        self.row(cell.operation, str(cell.concurrency), *_figures(cell))


class Comparison(Table):
    """Servers beside each other, as multiples of the first."""

    def __init__(self, first: str) -> None:
        super().__init__(
            "operation",
            *("server", f"x {first}", "requests/s", "p50 ms", "p99 ms"),
            "CPU ms/request",
        )

    def add(self, operation: str, server: str, cell: Cell, first: Cell) -> None:
        ratio = f"{cell.per_second / first.per_second:.2f}"
        self.row(operation, server, ratio, *_figures(cell))


def lateness(figures: Sequence[Lateness]) -> None:
    table = Table("log stream: late after", "readers", "p50 ms", "p99 ms")
    for late in figures:
        table.row(
            late.since,
            str(late.readers),
            *_milliseconds(late.p50, late.p99),
        )


def runs(measured: list[Runs]) -> None:
    table = Table("runs at once", "a turn s", "executed s", "completed s", "CPU ms/run")
    for figures in measured:
        table.row(
            f"{figures.count} of {figures.runtime}",
            f"{figures.turn_seconds:.1f}",
            f"{figures.executed_after:.2f}",
            f"{figures.completed_after:.2f}",
            f"{figures.cpu_per_run:.1f}",
        )


def idle(figures: Idle) -> None:
    table = Table("idle log streams", "memory MB", "threads", "descriptors", "CPU %")
    for name, footprint, cpu in (
        ("none", figures.before, ""),
        (f"{figures.streams:,}", figures.after, f"{figures.cpu_percent:.1f}"),
    ):
        table.row(
            name,
            f"{footprint.memory_megabytes:.1f}",
            str(footprint.threads),
            str(footprint.descriptors),
            cpu,
        )


def _figures(cell: Cell) -> list[str]:
    cpu = cell.cpu_per_request
    return [
        f"{cell.per_second:,.{0 if cell.per_second >= 100 else 1}f}",
        *_milliseconds(cell.p50, cell.p99),
        "" if cpu is None else f"{cpu:,.2f}",
    ]


def _milliseconds(*values: float) -> list[str]:
    return [f"{value:,.2f}" for value in values]

"""How long requests take and how many clients follow a stream: known to each process alone.

So the processes of one machine write them into files of one folder, and whichever is asked sums
up all of them (prometheus-client's multiprocess mode; the settings name the folder).
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from django.http import HttpResponseBase
from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
NO_ROUTE = "none"

# More than the labels of all routes need: what a file grows by is not reserved.
RESERVED_BYTES = 4 * 2**20

_PROCESS = re.compile(r"_(\d+)\.db$")


def _begin_folder() -> None:
    """Make it; empty it if no process that wrote there lives, so that it does not only grow.

    While one does, the numbers of the dead stay: counters that went back would be misread.
    """
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = list(FOLDER.glob("*.db"))
    if not any(psutil.pid_exists(pid) for pid in _processes(files)):
        for file in files:
            with suppress(FileNotFoundError):  # another one starts, too
                file.unlink()


def _reserve_files() -> None:
    """Have a place on the disk for what this process counts.

    The files are mapped into memory: where the disk is full, to write to a part that has no
    place yet ends the process by a signal (SIGBUS).
    """
    for kind in ("histogram", "gauge_livesum"):
        with (FOLDER / f"{kind}_{os.getpid()}.db").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVED_BYTES)


def _processes(files: list[Path]) -> set[int]:
    return {int(match[1]) for file in files if (match := _PROCESS.search(file.name))}


_begin_folder()
_reserve_files()
_own = CollectorRegistry()  # only so that they are in no other
_SECONDS = Histogram(
    "stagent_http_request_seconds",
    "Time from a request's body to its response, by route.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
    registry=_own,
)
_STREAMS = Gauge(
    "stagent_stream_clients",
    "Clients that follow a stream.",
    multiprocess_mode="livesum",
    registry=_own,
)


def observe(method: str, response: HttpResponseBase, seconds: float) -> None:
    """Count a response. Its labels are bounded: who asks cannot make new ones."""
    route = getattr(response, "route_name", "") or NO_ROUTE
    method = method if method in METHODS else "other"
    status = f"{response.status_code // 100}xx"
    _SECONDS.labels(method, route, status).observe(seconds)


@contextmanager
def stream_client() -> Iterator[None]:
    _STREAMS.inc()
    try:
        yield
    finally:
        _STREAMS.dec()


def register(registry: CollectorRegistry) -> None:
    """Have `registry` collect what all processes of this machine wrote."""
    for pid in _processes(list(FOLDER.glob("gauge_live*.db"))):
        if not psutil.pid_exists(pid):
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]

"""Arguments and signals; the work is in agents.worker.loop."""

import asyncio
import logging
import signal
import time
from argparse import SUPPRESS, ArgumentParser
from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer
from channels.management.commands.runworker import Command as RunWorker
from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from agents.worker import ending
from agents.worker.loop import GRACE_SECONDS, Worker
from agents.worker.single_run_worker import SingleRunWorker
from stagent.database import schema

AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)


class Command(RunWorker):
    help = "Perform queued runs. Any number of these may work on one database."
    worker_class = Worker

    def add_arguments(self, parser: ArgumentParser) -> None:
        # Not the parent's: it listens on channels, this on the table.
        parser.add_argument(
            "--concurrency",
            type=int,
            default=settings.STAGENT_WORKER_CONCURRENCY,
            help="runs performed at once (default: %(default)s)",
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE_SECONDS,
            help="seconds that runs get to end by themselves at a stop (default: %(default)s)",
        )
        # What a worker starts for a run that may be what killed others.
        parser.add_argument("--run", type=UUID, help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["run"]:  # else the worker that starts this one has looked
            _refuse_another_schema()
        layer = get_channel_layer()
        worker = (
            SingleRunWorker(options["run"], channel_layer=layer)
            if options["run"]
            else Worker(channel_layer=layer, concurrency=options["concurrency"])
        )
        asyncio.run(_work_until_stopped(worker, grace=options["grace"]))


def _refuse_another_schema() -> None:
    """Raise CommandError unless the database has the schema of this code; wait for its answer."""
    last_reason = ""
    while True:
        try:
            mismatch = schema.mismatch()
        except OperationalError as error:
            reason = " ".join(str(error).split())
            if reason != last_reason:
                log.warning("Waiting for the database: %s", reason)
            last_reason = reason
            time.sleep(AGAIN_SECONDS)
        else:
            break
        finally:
            connection.close()
    if mismatch:
        raise CommandError(mismatch)


async def _work_until_stopped(worker: Worker, *, grace: float) -> None:
    """Work until SIGTERM or SIGINT; a second one leaves no grace."""
    loop = asyncio.get_running_loop()
    stops: list[asyncio.Task[None]] = []

    def stop() -> None:
        ending.end_by_force(after_seconds=grace + ending.MARGIN_SECONDS)
        stops.append(loop.create_task(worker.stop(grace=0 if stops else grace)))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await worker.handle()
    await asyncio.gather(*stops)

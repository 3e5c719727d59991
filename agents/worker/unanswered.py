"""Requests that were being answered when their worker went: what they used is booked."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from django.db.models.functions import Now

from agents import runtimes
from agents.protocol import events
from agents.worker.usage_entries import make_usage_entry
from agents.workspaces import processes
from ledger.models import LedgerEntry, OpenRequest
from ledger.unanswered import record_unanswered
from tasks.exceptions import LeaseLost
from tasks.models import LogEntry, Run

GONE = "its worker was gone before the answer was whole"
NOT_BOOKED = "its worker was gone before it was booked"


def book_unanswered() -> None:
    """Book the beginnings of requests whose runs no worker holds any more.

    Should one be answered all the same, the whole takes the place of its beginning.
    """
    run_ids = set(OpenRequest.objects.values_list("run_id", flat=True).distinct())
    if not run_ids:
        return
    held = Run.objects.filter(pk__in=run_ids, lease_expires_at__gt=Now())
    left = run_ids - set(held.values_list("pk", flat=True))
    _book_written_down(OpenRequest.objects.filter(run_id__in=left))
    for entry in record_unanswered(left):
        _tell(entry, GONE)


def book_left_behind() -> None:
    """Book what agents of this machine's dead workers wrote down, before that is removed."""
    _book_written_down(
        request
        for request in OpenRequest.objects.filter(
            runtime__in=runtimes.list_writing_usage()
        )
        if processes.is_stray(request.key.partition("/")[0])
    )


def _book_written_down(requests: Iterable[OpenRequest]) -> None:
    for request in requests:
        written = runtimes.read_left_behind(
            request.runtime,
            request.key,
            provider=request.provider,
            model=request.model,
        )
        booked = LedgerEntry.objects.for_task(request.task_id)
        keys = set(booked.values_list("key", flat=True)) if written else set()
        new = [used for used in written if used.key not in keys]
        for used in new[:-1]:
            _book(request, used)
        for used in new[-1:]:  # the answer to this very request
            _book(request, replace(used, opened_as=request.key))


def _book(request: OpenRequest, used: events.UsageReported) -> None:
    entry = LedgerEntry.objects.record(
        task_id=request.task_id,
        run_id=request.run_id,
        key=used.key,
        usage=used.usage,
        runtime=request.runtime,
        project_id=request.project_id,
        profile=request.profile,
        created_by=request.created_by,
        open_key=used.opened_as or None,
    )
    _tell(entry, NOT_BOOKED)


def _tell(entry: LedgerEntry, end: str) -> None:
    told = make_usage_entry(
        entry.usage,
        entry.cost_microdollars,
        is_estimated=entry.is_estimated,
        is_whole=end is NOT_BOOKED,
        end=end,
    )
    with suppress(
        LeaseLost
    ):  # only the log of a run that is not closed yet tells of it
        LogEntry.objects.append(entry.task_id, told, lease=entry.run_id)

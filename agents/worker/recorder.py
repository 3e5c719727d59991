"""The only way from a runtime to the database: each event becomes rows, in one transaction."""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django import db
from django.db import transaction
from django.utils import timezone

from agents.protocol import events
from agents.worker.log_entries import make_entry, make_entry_storable, make_storable
from agents.worker.usage_entries import make_usage_entry
from ledger.models import LedgerEntry, OpenRequest
from ledger.models.entry import MAX_KEY
from ledger.models.open_request import COUNTS
from stagent.database.compiled import CompiledQuery
from tasks import pubsub
from tasks.exceptions import LeaseLost
from tasks.lifecycle import budget_notes, messages
from tasks.models import LogEntry, NewEntry, Run, Task, session
from tasks.observability import log_context

# Errors of counts and names that a provider made up and no database stores.
UNBOOKABLE = (ValueError, TypeError, ArithmeticError, db.DataError)

log = logging.getLogger(__name__)


_task_facts = CompiledQuery(
    lambda task_id: (
        Task.objects.filter(pk=task_id)
        .order_by()
        .values_list("project_id", "created_by")
    ),
    task_id=UUID,
)
_live_task_lock = CompiledQuery(
    lambda task_id, run_id: (
        Task.objects.select_for_update()
        .filter(pk=task_id, live_run=run_id)
        .order_by()
        .values_list("pk")
    ),
    task_id=UUID,
    run_id=UUID,
)


@dataclass(frozen=True)
class _Try:
    """One try to write an event, which must be written exactly once."""

    # Of the first try: the event's row is recognised by it.
    began_at: datetime
    # An earlier try may have been committed although this process saw it fail.
    is_again: bool


class Recorder:
    """Writes the events of one run. Raises LeaseLost once the run is no longer live."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.run_id: UUID = run.pk
        self.task_id: UUID = run.task_id
        self.session_id: UUID = run.session_id
        self.runtime, self.profile = run.runtime, run.profile
        self._unbooked: dict[str, events.UsageReported] = {}  # by their open keys
        self._complete: set[str] = set()  # requests whose whole usage is known
        self._begun_requests: set[str] = set()
        self._unused: set[str] = set()  # of those, what the provider did not take
        self._event: events.Recorded | None = None
        self._began_at = timezone.now()

    def record(self, event: events.Recorded) -> None:
        """Write `event`. After a failure, call again with the same object."""
        this_try = self._find_try(event)
        match event:
            case events.PartialText(text):
                pubsub.publish_partial(self.task_id, make_storable(text))
            case events.UsageReported():
                self._book(event, this_try)
            case events.NothingUsed(key):
                self._delete_open_request(key)
            case events.CheckpointReached():
                self._save_checkpoint(event, this_try)
            case _:
                self._append_once(make_entry(event), this_try)

    def remember_usage(self, event: events.UsageEvent) -> None:
        """Remember it in memory until it is booked: mostly the whole follows soon."""
        match event:
            case events.NothingUsed():
                self._complete.add(event.key)
                self._unbooked.pop(event.key, None)
                self._unused.add(event.key)
            case events.UsageReported():
                self._complete.add(event.open_key)
                self._unbooked[event.open_key] = event
            case _ if event.key not in self._complete:
                self._unbooked[event.key] = events.UsageReported(
                    event.key, event.usage, is_estimated=event.is_estimated
                )

    def begin_request(self, event: events.UsageSoFar) -> None:
        """Write what a request has used so far, in case this process dies before its end."""
        if event.key in self._complete:
            return
        request = OpenRequest(
            run_id=self.run_id,
            key=_fit_key(event.key),
            task_id=self.task_id,
            runtime=self.runtime,
            profile=self.profile,
            **self._find_task_facts(),
            provider=event.usage.provider,
            model=event.usage.model,
            is_estimated=event.is_estimated,
            **{count: getattr(event.usage, count) for count in COUNTS},
        )
        if event.key in self._begun_requests:
            OpenRequest.objects.recount(request)
        else:
            self._begun_requests.add(event.key)
            OpenRequest.objects.begin(request)

    @property
    def unbooked(self) -> list[events.UsageReported]:
        """The usage that is remembered and not booked yet."""
        return list(self._unbooked.values())

    def book_unfinished(self) -> None:
        """Book the usage of requests that broke off before their end."""
        for key in list(self._unused):
            self._delete_open_request(key)
        for event in self.unbooked:
            try:
                self._book(event, self._find_try(event))
            except LeaseLost:
                # It is booked; only the log entry is missing.
                self._unbooked.pop(event.open_key, None)
            except UNBOOKABLE:
                # The run must come to its end all the same.
                self._unbooked.pop(event.open_key, None)
                log.exception(
                    "Usage of run %s is not booked: %s",
                    self.run_id,
                    event,
                    extra=log_context.make_extra("book"),
                )

    def _delete_open_request(self, key: str) -> None:
        OpenRequest.objects.end(run_id=self.run_id, key=_fit_key(key))
        self._unused.discard(key)

    def append(self, *entries: NewEntry) -> None:
        """Append `entries` to the task's log, or raise LeaseLost."""
        storable = map(make_entry_storable, entries)
        LogEntry.objects.append(self.task_id, *storable, lease=self.run_id)

    def _find_try(self, event: events.Recorded) -> _Try:
        is_again = self._event is event
        if not is_again:
            self._event, self._began_at = event, timezone.now()
        return _Try(self._began_at, is_again)

    def _append_once(self, entry: NewEntry, this_try: _Try) -> None:
        entry = make_entry_storable(entry)
        with transaction.atomic(savepoint=False):
            if this_try.is_again:
                self.lock_task()  # an earlier try may still hold the lock: wait for it
                entries = LogEntry.objects.filter(task_id=self.task_id)
                if entries.like(entry, at=this_try.began_at).exists():
                    return
            LogEntry.objects.append(
                self.task_id, entry, lease=self.run_id, at=this_try.began_at
            )

    def _book(self, event: events.UsageReported, this_try: _Try) -> None:
        # Booked even if the lease is lost, for the provider bills it. The log entry may then
        # not be written, so it gets a transaction of its own.
        facts = self._find_task_facts()
        entry = LedgerEntry.objects.record(
            task_id=self.task_id,
            run_id=self.run_id,
            key=_fit_key(event.key),
            usage=event.usage,
            runtime=self.runtime,
            profile=self.profile,
            **facts,
            is_estimated=event.is_estimated,
            open_key=_fit_key(event.open_key)
            if event.open_key in self._begun_requests
            else None,
        )
        if entry.cost_microdollars:
            budget_notes.write_due(
                task_id=self.task_id,
                runtime=self.runtime,
                project_id=facts.get("project_id", ""),
            )
        told = make_usage_entry(
            event.usage, entry.cost_microdollars, is_estimated=event.is_estimated
        )
        self._append_once(told, this_try)
        self._unbooked.pop(event.open_key, None)

    def _find_task_facts(self) -> dict[str, str]:
        """Return what a ledger entry keeps of its task, which it outlives."""
        found = _task_facts.first(task_id=self.task_id)
        if found is None:
            return {}
        project_id, created_by = found
        return {"project_id": project_id or "", "created_by": created_by}

    def lock_task(self) -> None:
        """Lock the task's row in the caller's transaction, or raise LeaseLost."""
        if _live_task_lock.first(task_id=self.task_id, run_id=self.run_id) is None:
            raise LeaseLost(f"Run {self.run_id} is no longer live.")

    def _save_checkpoint(self, event: events.CheckpointReached, this_try: _Try) -> None:
        with transaction.atomic():
            self.lock_task()  # the items get their positions under this lock
            kept = (self.session_id, event.state, event.items)
            if not (this_try.is_again and session.has_kept(*kept)):
                session.keep(*kept)
            if event.delivered:
                messages.deliver(self.task_id, event.delivered, run_id=self.run_id)


def _fit_key(key: str) -> str:
    storable: str = make_storable(key)
    return storable[:MAX_KEY]

"""What people say to a task's agent: sent, delivered, and where a run has ended, followed up.

Like the verbs in `tasks.lifecycle`, each is one transaction that takes the task's row first.
So of a message and the end of a run one comes first: the run goes on with the message, or the
message starts a new run in the same session.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ledger.budgets import BudgetExceeded
from tasks import exceptions, pubsub
from tasks.exceptions import NotResumable, Refused
from tasks.lifecycle.starting import choose_runtime_and_profile, queue_run
from tasks.lifecycle.status import log_status, wake_workflow
from tasks.models import EventType, LogEntry, Message, NewEntry, Run, Session, Task
from tasks.models.ids import new_id
from tasks.models.message import find_last_undelivered
from tasks.models.task_status import FINAL
from tasks.models.task_updates import change
from tasks.payloads.log_entries import make_message

MAX_TEXT = 10_000  # characters of one message, in UTF-16 units
MAX_UNDELIVERED = 50  # of one task: the agent gets them all at once


def send(
    task: Task, text: str, *, by: str, document_ids: Sequence[str] = ()
) -> tuple[Message, Run | None]:
    """Keep a message for the task's agent, and return it with the run that it started, if any.

    A live run gets it as soon as its runtime can take it, a task that has not started with
    its start; one that is finished goes on with it in a new run of the same session.

    Raises NotResumable, Refused or BudgetExceeded where it cannot go on: nothing is kept then.
    """
    with transaction.atomic():
        locked = Task.objects.select_for_update().get(pk=task.pk)
        undelivered = Message.objects.undelivered().filter(task=locked)
        if undelivered.count() >= MAX_UNDELIVERED:
            raise Refused(
                f"{MAX_UNDELIVERED} messages wait for the agent already; it must read them first."
            )
        message = _write(locked, text, by=by, document_ids=document_ids)
        run = follow_up(locked, by=by) if locked.is_finished else None
        if run is None and (live_run := locked.live_run):
            transaction.on_commit(lambda: pubsub.wake_workers(told=live_run))
        return message, run


def _write(
    task: Task, text: str, *, by: str, document_ids: Sequence[str] = ()
) -> Message:
    """Write a message and its log entry, under the number that the task's lock gives it."""
    message = Message(
        task=task,
        sequence=task.log_sequence + 1,
        text=text,
        document_ids=list(document_ids),
        by=by,
    )
    Message.objects.insert(message)
    data = make_message(
        str(message.pk), by=by, is_delivered=False, document_ids=document_ids
    )
    entry = NewEntry(EventType.MESSAGE, text, data)
    LogEntry.objects.append(task.pk, entry, run_id=task.live_run, at=message.created_at)
    return message


def follow_up(task: Task, *, by: str) -> Run:
    """Start a run that goes on with a finished task's session, for what its agent was told.

    The caller's transaction holds the task's row. Raises NotResumable, Refused or
    BudgetExceeded.
    """
    session = _last_session(task)
    _, profile = choose_runtime_and_profile(task, runtime=session.runtime)
    run_id = new_id()
    change(task.pk, sources=tuple(FINAL), status=Task.Status.RUNNING, live_run=run_id)
    task.refresh_from_db()
    wake_workflow(task)
    return queue_run(
        task, session, run_id=run_id, profile=profile, by=by, is_follow_up=True
    )


def _last_session(task: Task) -> Session:
    session = task.sessions.first()  # the last fresh start's
    if session is None or not session.has_checkpoint:
        raise NotResumable(
            f"There is no conversation to go on with: the task is {task.status}, and no run"
            " of it has reached a checkpoint.",
            exceptions.START_AFRESH,
        )
    if task.assigned_agent not in {"", session.runtime}:
        raise NotResumable(
            f"The session belongs to {session.runtime}, not to {task.assigned_agent}.",
            exceptions.START_AFRESH,
        )
    return session


def follow_up_missed(run: Run) -> None:
    """Go on with what came too late for `run`, which has just completed.

    The caller's transaction holds the task's row. What was said before the run began it had
    its whole life to read: that starts no further run, lest it goes on for ever.
    """
    last = find_last_undelivered(run.task_id)
    if last is None or not _arrived_during(run, last):
        return
    task = Task.objects.get(pk=run.task_id)
    missed = Message.objects.get(task=task, sequence=last)
    try:
        with transaction.atomic():
            follow_up(task, by=missed.by)
    except (Refused, BudgetExceeded) as refusal:
        why = f"A message came too late for this run, and waits for the next one: {refusal}"
        log_status(task, why, run)


def _arrived_during(run: Run, sequence: int) -> bool:
    earlier = LogEntry.objects.filter(task_id=run.task_id, sequence__lt=sequence)
    return earlier.filter(run_id=run.pk).exists()


def deliver(task_id: UUID, message_ids: Collection[UUID], *, run_id: UUID) -> None:
    """Write down that the agent of `run_id` has these messages, each once.

    The caller's transaction holds the task's row, and keeps the checkpoint that contains them.
    """
    undelivered = Message.objects.undelivered().filter(pk__in=message_ids)
    messages = list(undelivered.filter(task_id=task_id))
    if not messages:
        return
    now = timezone.now()
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        delivered_at=now, run_id=run_id
    )
    entries = (_delivery_entry(message) for message in messages)
    LogEntry.objects.append(task_id, *entries, lease=run_id, at=now)


def _delivery_entry(message: Message) -> NewEntry:
    data = make_message(str(message.pk), by=message.by, is_delivered=True)
    return NewEntry(
        EventType.MESSAGE, f"The agent has the message of {message.by}.", data
    )

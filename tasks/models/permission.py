"""What agents ask of people, and what they are answered."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.db import models, transaction
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils import timezone

from tasks import pubsub
from tasks.exceptions import AlreadyDecided
from tasks.models.ids import new_text_id
from tasks.models.log import EventType, LogEntry, NewEntry
from tasks.models.outbox import OutboxType
from tasks.models.permission_rule import PermissionRule
from tasks.models.task import Task
from tasks.models.workflow import mark_due
from tasks.payloads.log_entries import make_decision
from tasks.rules import questions
from tasks.rules.budget_questions import is_of_budget

JSON = dict[str, Any]


def make_digest(tool_input: JSON, action: str) -> str:
    """Return what tells one question from another, whatever the order of the input's keys."""
    canonical = json.dumps([action, tool_input], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Decision:
    """What a person says to a permission request."""

    is_allowed: bool
    by: str
    message: str = ""
    edited_input: JSON | None = None
    always_allow: str | None = None  # the pattern of the rule to save
    # Where that rule holds; None: in the project, or everywhere if there is none.
    rule_scope: str | None = None
    rule_expires_at: datetime | None = None  # None: it holds for good


# What the API calls them.
PERMISSION_REQUEST, QUESTION = TYPES = ("permission_request", "question")

AGAIN = "#"  # between a call's id and how often it was asked about

LONGEST_CALL_ID = 190  # so that both fit


class PermissionRequestQuerySet(models.QuerySet["PermissionRequest"]):
    """Permission requests by what became of them."""

    def pending(self) -> Self:
        return self.filter(status=PermissionRequest.Status.PENDING)

    def count_tasks(self) -> int:
        """Count the tasks that these belong to.

        Of a count of distinct rows SQLite reads all requests, in the order of their tasks.
        """
        counted = self.aggregate(number=Count("task_id", distinct=True))
        number: int = counted["number"]
        return number

    def undelivered(self) -> Self:
        """Return what an agent may still come back to: it has had no answer yet."""
        withdrawn = PermissionRequest.Status.WITHDRAWN
        return self.exclude(status=withdrawn).filter(delivered_at=None)

    def of_type(self, kind: str) -> Self:
        """Return the questions, or what is none, as the API calls them."""
        return self.filter(is_question=kind == QUESTION)

    def of_call(self, call_id: str) -> Self:
        """Return each time that this call was asked about: some agents use an id again."""
        again = f"{call_id[:LONGEST_CALL_ID]}{AGAIN}"
        return self.filter(Q(call_id=call_id) | Q(call_id__startswith=again))

    def next_call_id(self, call_id: str) -> str:
        """Return what a further request of this call in the session is told from others by."""
        times = self.of_call(call_id).count()
        again = f"{call_id[:LONGEST_CALL_ID]}{AGAIN}{times + 1}"
        return again if times else call_id

    def withdraw(self) -> int:
        """Take back what is asked here, as nobody waits for it any more; return how many."""
        withdrawn = PermissionRequest.Status.WITHDRAWN
        return self.update(status=withdrawn, decided_at=Now())


class PermissionRequest(models.Model):
    """An agent asks a person: may I use this tool? It waits as long as it takes."""

    class Status(models.TextChoices):
        """What became of a permission request."""

        PENDING = "pending"
        ALLOWED = "allowed"
        DENIED = "denied"
        WITHDRAWN = "withdrawn"  # the agent no longer waits

    # Text: the contract calls it notificationId, and one of any shape is just not there.
    id = models.CharField(
        primary_key=True, max_length=36, default=new_text_id, editable=False
    )
    task = models.ForeignKey(
        "tasks.Task",
        on_delete=models.CASCADE,
        related_name="permission_requests",
        db_index=False,
    )
    # Without either, it asks before a step of a workflow, whose task waits for it as planned.
    run = models.ForeignKey(
        "tasks.Run", null=True, on_delete=models.CASCADE, related_name="+"
    )
    session = models.ForeignKey(
        "tasks.Session", null=True, on_delete=models.CASCADE, related_name="+"
    )
    call_id = models.CharField(max_length=200)
    tool_name = models.CharField(max_length=200)
    tool_input = models.JSONField()
    input_digest = models.CharField(max_length=64)
    action = models.TextField(help_text="In the words that rules are matched with.")
    message = models.TextField()
    is_question = models.BooleanField(
        default=False, help_text="It asks for an answer, not for leave: `ask:`."
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    decided_input = models.JSONField(null=True, blank=True)
    decision_message = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(
        null=True, blank=True, help_text="When the agent heard the answer."
    )
    read_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = PermissionRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "call_id", "input_digest"],
                condition=~Q(status="withdrawn"),
                name="one_request_per_call",
            )
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="permission_pending",
                condition=Q(status="pending"),
            ),
            models.Index(fields=["-created_at", "-id"], name="permission_newest"),
            models.Index(
                fields=["-created_at", "-id"],
                name="permission_questions",
                condition=Q(is_question=True),
            ),
            models.Index(
                fields=["status", "-created_at", "-id"],
                name="permission_newest_by_status",
            ),
            models.Index(
                fields=["task", "-created_at", "-id"], name="permission_newest_by_task"
            ),
        ]

    def __str__(self) -> str:
        return self.message

    @property
    def is_checkpoint(self) -> bool:
        """Whether it asks before a step of a workflow, and no agent asks."""
        return self.run_id is None

    @property
    def is_of_budget(self) -> bool:
        """Whether allowing it raises a budget, for which the right to change one is needed."""
        return is_of_budget(self.action)

    def why_no_rule(self) -> str | None:
        """Say why no rule can decide what is asked here; None if one can."""
        if self.is_checkpoint:
            return "No rule answers for a person before a step of a workflow"
        if self.is_of_budget:
            return "No rule raises a budget"
        return "No rule answers a question" if self.is_question else None

    def is_of_call(self, call_id: str) -> bool:
        again = f"{call_id[:LONGEST_CALL_ID]}{AGAIN}"
        return self.call_id == call_id or self.call_id.startswith(again)

    def decide(self, decision: Decision) -> None:
        """Decide, or raise AlreadyDecided: the UPDATE lets the first one win."""
        with transaction.atomic():
            # The task's row first, as everywhere: else an answer and an end deadlock.
            task = Task.objects.select_for_update().get(pk=self.task_id)
            decided = (
                PermissionRequest.objects.pending()
                .filter(pk=self.pk)
                .update(
                    status=self.Status.ALLOWED
                    if decision.is_allowed
                    else self.Status.DENIED,
                    decided_input=self._decided_input(decision),
                    decision_message=decision.message,
                    decided_by=decision.by,
                    decided_at=timezone.now(),
                )
            )
            self.refresh_from_db()
            if not decided:
                raise AlreadyDecided(self._why_not())
            if self.is_checkpoint:
                mark_due(task.workflow_run)
            if decision.is_allowed and decision.always_allow:
                self._save_rule(decision)
            self._log(decision)
            transaction.on_commit(pubsub.wake_workers)

    def _decided_input(self, decision: Decision) -> JSON:
        if decision.edited_input:
            return decision.edited_input
        if self.is_question and decision.is_allowed:
            by_message = questions.read_message_as_answer(
                self.tool_input, decision.message
            )
            if by_message:
                return by_message
        asked: JSON = self.tool_input
        return asked

    def _why_not(self) -> str:
        if self.status == self.Status.WITHDRAWN:
            return "The agent no longer waits for this permission request."
        return f"Already responded: {self.status} by {self.decided_by}."

    def _save_rule(self, decision: Decision) -> None:
        # For the project where there is one: the narrowest that still serves future runs.
        scopes = PermissionRule.Scope
        scope = decision.rule_scope or scopes.PROJECT
        rule = {
            "pattern": decision.always_allow,
            "effect": PermissionRule.Effect.ALLOW,
            "project_id": self.task.project_id if scope == scopes.PROJECT else None,
            "task_id": self.task_id if scope == scopes.TASK else None,
            "expires_at": decision.rule_expires_at,
        }
        if not PermissionRule.objects.valid().filter(**rule).exists():
            PermissionRule.objects.create(**rule, created_by=decision.by)

    def _log(self, decision: Decision) -> None:
        verb = "Allowed" if decision.is_allowed else "Denied"
        is_edited = decision.edited_input not in (None, self.tool_input)
        edited = " with edited input" if is_edited else ""
        note = f": {decision.message}" if decision.message else ""
        data = make_decision(
            self.pk, is_allowed=decision.is_allowed, tool_name=self.tool_name
        )
        if self.is_question:
            verb, edited = "Answered" if decision.is_allowed else "Not answered", ""
            answers = questions.describe_answers(self.decided_input or {})
            note = f": {answers}" if answers else note
        message = f"{verb} by {decision.by}{edited}{note} ({self.message})"
        announces = (
            OutboxType.QUESTION_ANSWERED
            if self.is_question
            else OutboxType.PERMISSION_DECIDED
        )
        entry = NewEntry(EventType.PERMISSION_RESPONSE, message, data, announces)
        LogEntry.objects.append(self.task_id, entry, run_id=self.run_id)

"""The permission requests of one run: written for a person, and read for the decision."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from agents.protocol.runtime import Decision, ToolCall
from agents.tools.base import ToolRefused
from agents.worker.log_entries import make_storable
from agents.worker.recorder import Recorder
from agents.worker.tool_rules import ToolRules
from tasks.exceptions import LeaseLost
from tasks.models import EventType, LogEntry, NewEntry, OutboxType, PermissionRequest
from tasks.models.ids import new_text_id
from tasks.models.permission import PermissionRequestQuerySet, make_digest
from tasks.payloads.log_entries import make_decision, make_permission_request
from tasks.rules import questions
from tasks.rules.visible_text import make_readable

Status = PermissionRequest.Status


@dataclass
class Question:
    """One tool call that an agent asks about. Some agents reuse a call's id for another call."""

    call: ToolCall
    # The id of its permission request, should a person be asked.
    request_id: str = field(default_factory=new_text_id)


class RunRequests:
    """Writes and reads the permission requests of one run, a transaction at a time."""

    def __init__(self, recorder: Recorder, rules: ToolRules) -> None:
        self._recorder = recorder
        self._rules = rules

    def decide_or_request(self, question: Question) -> Decision | None:
        """Return the decision if there is one; else make sure that a person is asked.

        It may be called again after a commit whose result got lost.
        """
        call = question.call
        earlier = self._find_earlier(question)
        if earlier and earlier.status != Status.PENDING:
            return self.read_decision(earlier.pk, call)
        # Rules are read for a pending request too: one may have been made since it was asked.
        if decision := self._rules.decide(call):
            if earlier and not self._get_own(earlier.pk).pending().withdraw():
                # A person decided it meanwhile.
                return self.read_decision(earlier.pk, call)
            return decision
        if earlier is None:
            self._request(question)
        return None

    def read_decision(self, request_id: str, call: ToolCall) -> Decision | None:
        """Return what was decided and mark it as delivered, or None while it is pending."""
        request = PermissionRequest.objects.filter(pk=request_id).first()
        if request is None or request.status == Status.WITHDRAWN:
            return Decision(False, call.tool_input, "The request was withdrawn.")
        if request.status == Status.PENDING:
            return None
        if not self._get_own(request_id).update(delivered_at=Now()):
            raise LeaseLost(f"Run {self._recorder.run_id} is no longer live.")
        if request.status == Status.DENIED:
            message = request.decision_message
            return Decision(False, call.tool_input, message, by_person=True)
        return self._apply_allowed(request, call)

    def withdraw(self, request_id: str) -> None:
        """Withdraw a pending request; mark a decided one as delivered, for nobody will read it."""
        request = self._get_own(request_id)
        if not request.pending().withdraw():
            request.undelivered().update(delivered_at=Now())

    def _get_own(self, request_id: str) -> PermissionRequestQuerySet:
        """Match the request if it still belongs to this run: a later run may have adopted it."""
        own = PermissionRequest.objects.filter(run_id=self._recorder.run_id)
        return own.filter(pk=request_id)

    # --- Requests of earlier runs --------------------------------------------------------

    def _find_earlier(self, question: Question) -> PermissionRequest | None:
        """Find the request that an earlier run made for this call, and make it this run's.

        Some agents ask the same again after a restart. A request that is still pending, or
        whose decision was not delivered or not used, then counts for the new call. A request
        of this run never counts for another call: a decision holds for one.
        """
        alike = PermissionRequest.objects.exclude(status=Status.WITHDRAWN).filter(
            session=self._recorder.session_id,
            tool_name=question.call.tool_name,
            input_digest=_digest(question.call),
        )
        if not alike.exists():  # the usual case: it saves locking the task's row
            return None
        with transaction.atomic():
            self._recorder.lock_task()
            own = alike.filter(run_id=self._recorder.run_id)
            if written := own.filter(pk=question.request_id).first():
                return written  # by an earlier try of this very question
            others = alike.exclude(run_id=self._recorder.run_id).order_by("created_at")
            if earlier := self._choose_earlier(question.call, others):
                self._adopt(earlier, question)
        return earlier

    def _choose_earlier(
        self, call: ToolCall, requests: PermissionRequestQuerySet
    ) -> PermissionRequest | None:
        undelivered = requests.undelivered()
        usable = requests if self._is_allowed_but_unused(call) else undelivered
        return usable.of_call(call.call_id).last() or undelivered.first()

    def _is_allowed_but_unused(self, call: ToolCall) -> bool:
        """Tell whether the call was allowed, and its worker ended before the tool started."""
        requests = PermissionRequest.objects.filter(session=self._recorder.session_id)
        allowed = requests.of_call(call.call_id).filter(
            status=Status.ALLOWED, delivered_at__isnull=False
        )
        entries = LogEntry.objects.filter(task_id=self._recorder.task_id)
        started = entries.tool_uses(make_storable(call.call_id))
        return started.count() < allowed.count()

    def _adopt(self, request: PermissionRequest, question: Question) -> None:
        request.run_id = self._recorder.run_id
        if not request.is_of_call(question.call.call_id):
            request.call_id = self._make_unique_call_id(question.call)
        request.save(update_fields=["run_id", "call_id"])
        question.request_id = request.pk

    def _make_unique_call_id(self, call: ToolCall) -> str:
        requests = PermissionRequest.objects.filter(session=self._recorder.session_id)
        return requests.next_call_id(make_storable(call.call_id))

    # --- New requests --------------------------------------------------------------------

    def _request(self, question: Question) -> None:
        with transaction.atomic():
            # The lock also keeps two calls from getting the same unique call id.
            self._recorder.lock_task()
            request = self._create_request(question)
            self._recorder.append(_make_request_entry(request))
            self._drop_requests_of_earlier_runs()

    def _create_request(self, question: Question) -> PermissionRequest:
        call = question.call
        return PermissionRequest.objects.create(
            pk=question.request_id,
            task_id=self._recorder.task_id,
            run_id=self._recorder.run_id,
            session_id=self._recorder.session_id,
            call_id=self._make_unique_call_id(call),
            tool_name=call.tool_name,
            tool_input=make_storable(call.tool_input),
            input_digest=_digest(call),
            action=make_storable(call.action),
            message=make_storable(make_readable(call.message)),
            is_question=questions.is_question(call.action),
        )

    def _drop_requests_of_earlier_runs(self) -> None:
        """Withdraw what earlier runs asked: the agent now asks for something else."""
        requests = PermissionRequest.objects.filter(task_id=self._recorder.task_id)
        earlier = requests.exclude(run_id=self._recorder.run_id)
        earlier.pending().withdraw()
        earlier.undelivered().update(delivered_at=Now())

    # --- Decisions -----------------------------------------------------------------------

    def _apply_allowed(self, request: PermissionRequest, call: ToolCall) -> Decision:
        """Return the decision for what a person allowed, with the input as they edited it."""
        decided: dict[str, Any] = request.decided_input or {}
        if decided == request.tool_input:
            # The call's own input, not the stored copy: secrets in that are hidden.
            return self._check_denials(request, call)
        if call.remake is None:
            return Decision(False, decided, "This agent takes no edited input.")
        try:
            return self._check_denials(request, call.remake(decided))
        except ToolRefused as refused:
            return Decision(False, decided, str(refused))

    def _check_denials(self, request: PermissionRequest, call: ToolCall) -> Decision:
        """Allow `call` unless a rule denies it: one made since, or one that the edit meets."""
        if denial := self._rules.find_denial(call):
            self._recorder.append(_make_overruled_entry(request, denial.message))
            return denial
        return Decision(
            True,
            call.tool_input,
            request.decision_message,
            action=call.action,
            by_person=True,
        )


def _digest(call: ToolCall) -> str:
    """Return the digest of the question; the action is part of it, for links may change."""
    return make_digest(make_storable(call.tool_input), make_storable(call.action))


def _make_request_entry(request: PermissionRequest) -> NewEntry:
    data = make_permission_request(
        request.pk,
        tool_name=request.tool_name,
        tool_input=request.tool_input,
        action=request.action,
        is_question=request.is_question,
    )
    if request.is_question:
        return NewEntry(
            EventType.PERMISSION_REQUEST,
            request.message,
            data,
            OutboxType.QUESTION_ASKED,
        )
    message = f"Permission needed: {request.message}"
    return NewEntry(
        EventType.PERMISSION_REQUEST, message, data, OutboxType.PERMISSION_REQUESTED
    )


def _make_overruled_entry(request: PermissionRequest, reason: str) -> NewEntry:
    data = make_decision(request.pk, is_allowed=False, tool_name=request.tool_name)
    message = f"Not done, though it was allowed. {reason}"
    return NewEntry(EventType.PERMISSION_RESPONSE, message, data)

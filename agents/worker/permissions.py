"""Asks: by rule where one certainly fits, else a person, and waits as long as it takes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from agents.runtime import JSON, Decision, ToolCall
from agents.tools.base import ToolRefused
from agents.worker.database import until_written
from agents.worker.recorder import Recorder, storable
from tasks.catalog import Profile
from tasks.exceptions import LeaseLost
from tasks.models import (
    EventType,
    LogEntry,
    NewEntry,
    PermissionRequest,
    PermissionRule,
    Task,
)
from tasks.models.ids import new_text_id
from tasks.models.permission import PermissionRequestQuerySet, digest_of
from tasks.rules.patterns import covers, denies
from tasks.rules.visible_text import readable

Status = PermissionRequest.Status
ALLOW, DENY = PermissionRule.Effect.ALLOW, PermissionRule.Effect.DENY


@dataclass
class Asking:
    """One time that an agent asks. Some agents use a call's id again: that is another time."""

    call: ToolCall
    request_id: str = field(default_factory=new_text_id)  # of what a person is asked


class Gate:
    """Decides what the agent of one run may do."""

    def __init__(self, recorder: Recorder, profile: Profile) -> None:
        self.recorder = recorder
        self.profile = profile
        # Whether the whole run is being stopped: who goes on with it will ask the same.
        self.is_stopping = False
        self._waiting: Counter[str] = Counter()
        self._rung = asyncio.Event()

    @property
    def waiting_for(self) -> list[str]:
        """The ids of the pending requests: an agent may make several calls at once."""
        return list(self._waiting)

    def ring(self) -> None:
        """Look again: what this run waits for may have been answered."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def ask(self, call: ToolCall) -> Decision:
        """Return the decision for `call`: a rule's, or a person's, however long it takes."""
        asking = Asking(call)
        decision = await until_written(self._decide_or_request, asking)
        if decision:
            return decision
        request_id = asking.request_id
        self._waiting[request_id] += 1
        try:
            while True:
                rung = (
                    self._rung
                )  # before looking: a ring in between is not to be missed
                if decision := await until_written(self._answer, request_id, call):
                    return decision
                await rung.wait()
        except asyncio.CancelledError:
            if not self.is_stopping:  # the agent took its question back
                await until_written(self._take_back, request_id)
            raise
        finally:
            self._waiting[request_id] -= 1
            self._waiting += Counter()  # drops what nobody waits for any more

    def _of_this_run(self, request_id: str) -> PermissionRequestQuerySet:
        """Match a request that is still this run's: a late worker finds none."""
        mine = PermissionRequest.objects.filter(run_id=self.recorder.run_id)
        return mine.filter(pk=request_id)

    def _take_back(self, request_id: str) -> None:
        """Withdraw a request, or let its answer lapse: nobody is left to hear it."""
        request = self._of_this_run(request_id)
        if not request.pending().withdraw():
            request.undelivered().update(delivered_at=Now())

    def _decide_or_request(self, asking: Asking) -> Decision | None:
        call = asking.call
        asked = self._asked_before(asking)
        if asked and asked.status != Status.PENDING:
            return self._answer(asked.pk, call)
        # Before a pending request too: a rule may have been made since.
        if decision := self._by_rule(call):
            if asked and not self._of_this_run(asked.pk).pending().withdraw():
                return self._answer(asked.pk, call)  # with that rule
            return decision
        if asked is None:
            self._request(asking)
        return None

    def _asked_before(self, asking: Asking) -> PermissionRequest | None:
        """Find the request that is for this call, and make it one of this run.

        Some agents ask the same anew after a restart. An answer that none has heard or used,
        or that is still to come, is then for the new call. What this run has asked itself is
        for no other call: a decision holds for one.
        """
        alike = PermissionRequest.objects.exclude(status=Status.WITHDRAWN).filter(
            session=self.recorder.session_id,
            tool_name=asking.call.tool_name,
            input_digest=_digest(asking.call),
        )
        if not alike.exists():  # as mostly: then without the task's row
            return None
        with transaction.atomic():
            self.recorder.hold_task()
            own = alike.filter(run_id=self.recorder.run_id)
            if mine := own.filter(pk=asking.request_id).first():
                return mine  # by an earlier try of this
            left = alike.exclude(run_id=self.recorder.run_id).order_by("created_at")
            if asked := self._left_for(asking.call, left):
                self._take_over(asked, asking)
        return asked

    def _left_for(
        self, call: ToolCall, left: PermissionRequestQuerySet
    ) -> PermissionRequest | None:
        unused = left if self._is_unused(call) else left.undelivered()
        return unused.of_call(call.call_id).last() or left.undelivered().first()

    def _is_unused(self, call: ToolCall) -> bool:
        """Tell whether a call was allowed, and ended with its worker before it was begun."""
        asked = PermissionRequest.objects.filter(session=self.recorder.session_id)
        heard = asked.of_call(call.call_id).filter(
            status=Status.ALLOWED, delivered_at__isnull=False
        )
        begun = LogEntry.objects.filter(
            task_id=self.recorder.task_id,
            event_type=EventType.TOOL_USE,
            data__callId=storable(call.call_id),
        )
        return begun.count() < heard.count()

    def _take_over(self, asked: PermissionRequest, asking: Asking) -> None:
        asked.run_id = self.recorder.run_id
        if not asked.is_of_call(asking.call.call_id):
            asked.call_id = self._unique_id(asking.call)
        asked.save(update_fields=["run_id", "call_id"])
        asking.request_id = asked.pk

    def _unique_id(self, call: ToolCall) -> str:
        asked = PermissionRequest.objects.filter(session=self.recorder.session_id)
        return asked.next_call_id(storable(call.call_id))

    def _by_rule(self, call: ToolCall) -> Decision | None:
        rules = self._rules()
        if pattern := self._denying(call.action, rules):
            return _denied(call.tool_input, pattern)
        for rule in rules:
            if rule.effect == ALLOW and covers(rule.pattern, call.action):
                PermissionRule.objects.count_use(rule.pk)
                return _allowed(call, rule.pattern)
        if pattern := _first(covers, self.profile.allowed, call.action):
            return _allowed(call, pattern)
        return None

    def _rules(self) -> list[PermissionRule]:
        project_id = Task.objects.values_list("project_id", flat=True).get(
            pk=self.recorder.task_id
        )
        return list(PermissionRule.objects.for_task(self.recorder.task_id, project_id))

    def _denying(self, action: str, rules: list[PermissionRule]) -> str | None:
        """Return the pattern that denies, whatever allows: a rule's or the profile's."""
        for rule in rules:
            if rule.effect == DENY and denies(rule.pattern, action):
                PermissionRule.objects.count_use(rule.pk)
                return rule.pattern
        return _first(denies, self.profile.denied, action)

    def _request(self, asking: Asking) -> None:
        call = asking.call
        tool_input = storable(call.tool_input)
        data = {
            "toolName": call.tool_name,
            "toolInput": tool_input,
            "action": call.action,
        }
        with transaction.atomic():
            self.recorder.hold_task()  # under which a call gets its id
            request = PermissionRequest.objects.create(
                pk=asking.request_id,
                task_id=self.recorder.task_id,
                run_id=self.recorder.run_id,
                session_id=self.recorder.session_id,
                call_id=self._unique_id(call),
                tool_name=call.tool_name,
                tool_input=tool_input,
                input_digest=_digest(call),
                action=storable(call.action),
                message=storable(readable(call.message)),
            )
            message = f"Permission needed: {request.message}"
            entry = NewEntry(
                EventType.PERMISSION_REQUEST,
                message,
                {**data, "notificationId": request.pk},
            )
            self.recorder.append(entry)
            # The agent asks for something else now than before a restart: what was asked
            # then is withdrawn, and an answer that it did not hear lapses.
            asked = PermissionRequest.objects.filter(task_id=self.recorder.task_id)
            left = asked.exclude(run_id=self.recorder.run_id)
            left.pending().withdraw()
            left.undelivered().update(delivered_at=Now())

    def _answer(self, request_id: str, call: ToolCall) -> Decision | None:
        request = PermissionRequest.objects.filter(pk=request_id).first()
        if request is None or request.status == Status.WITHDRAWN:
            return Decision(False, call.tool_input, "The request was withdrawn.")
        if request.status == Status.PENDING:
            return None
        if not self._of_this_run(request_id).update(delivered_at=Now()):
            raise LeaseLost(f"Run {self.recorder.run_id} is no longer live.")
        if request.status == Status.DENIED:
            message = request.decision_message
            return Decision(False, call.tool_input, message, by_person=True)
        decided: dict[str, Any] = request.decided_input or {}
        if decided == request.tool_input:
            return self._permit(request, call)  # as the model wrote it, to the letter
        if call.remake is None:
            return Decision(False, decided, "This agent takes no edited input.")
        try:
            return self._permit(request, call.remake(decided))
        except ToolRefused as refused:
            return Decision(False, decided, str(refused))

    def _permit(self, request: PermissionRequest, call: ToolCall) -> Decision:
        """Allow what a person allowed, unless a rule denies it: made since, or of the edit."""
        if pattern := self._denying(call.action, self._rules()):
            denied = _denied(call.tool_input, pattern)
            self._log_overruled(request, denied.message)
            return denied
        return Decision(
            True,
            call.tool_input,
            request.decision_message,
            action=call.action,
            by_person=True,
        )

    def _log_overruled(self, request: PermissionRequest, reason: str) -> None:
        data = {
            "notificationId": request.pk,
            "behavior": "deny",
            "toolName": request.tool_name,
        }
        message = f"Not done, though it was allowed. {reason}"
        self.recorder.append(NewEntry(EventType.PERMISSION_RESPONSE, message, data))


def _digest(call: ToolCall) -> str:
    """Of what is asked: the same input is another question where a link leads elsewhere."""
    return digest_of(storable(call.tool_input), storable(call.action))


def _first(
    fits: Callable[[str, str], bool], patterns: Iterable[str], action: str
) -> str | None:
    return next((pattern for pattern in patterns if fits(pattern, action)), None)


def _allowed(call: ToolCall, pattern: str) -> Decision:
    message = f"The rule {pattern} allows this."
    return Decision(True, call.tool_input, message, action=call.action)


def _denied(tool_input: JSON, pattern: str) -> Decision:
    return Decision(False, tool_input, f"The rule {pattern} denies this.")

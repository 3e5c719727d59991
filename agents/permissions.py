"""Asks: by rule where one certainly fits, else a person, and waits as long as it takes."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from django.db import transaction

from agents.database import in_database
from agents.recorder import Recorder, storable
from agents.runtimes.base import Decision, ToolCall
from tasks.catalog import Profile
from tasks.models import EventType, NewEntry, PermissionRequest, PermissionRule, Task
from tasks.models.permission import digest_of
from tasks.patterns import covers

Status = PermissionRequest.Status
DENY = PermissionRule.Effect.DENY


class Gate:
    """Decides what the agent of one run may do."""

    def __init__(
        self, recorder: Recorder, profile: Profile, *, keeps_calls: bool = True
    ) -> None:
        self.recorder = recorder
        self.profile = profile
        # Whether the agent still waits for the same call after a restart.
        self._keeps_calls = keeps_calls
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
        decision, request_id = await in_database(self._decide_or_request, call)
        if decision:
            return decision
        self._waiting[request_id] += 1
        try:
            while True:
                rung = (
                    self._rung
                )  # before looking: a ring in between is not to be missed
                if decision := await in_database(self._answer, request_id, call):
                    return decision
                await rung.wait()
        except asyncio.CancelledError:
            if not self._keeps_calls:
                await in_database(self._withdraw, request_id)
            raise
        finally:
            self._waiting[request_id] -= 1
            self._waiting += Counter()  # drops what nobody waits for any more

    def withdraw_earlier(self) -> None:
        """Withdraw what earlier runs asked for that their agent will not ask again as it was."""
        if not self._keeps_calls:
            asked = PermissionRequest.objects.filter(task_id=self.recorder.task_id)
            asked.pending().withdraw()

    def _withdraw(self, request_id: str) -> None:
        """Withdraw a request that is still pending: nobody is left to hear an answer."""
        PermissionRequest.objects.filter(pk=request_id).pending().withdraw()

    def _decide_or_request(self, call: ToolCall) -> tuple[Decision | None, str]:
        asked = self._asked_before(call)
        if asked and asked.status != Status.PENDING:
            return self._answer(asked.pk, call), asked.pk
        # Before a pending request too: a rule may have been made since.
        if decision := self._by_rule(call):
            return decision, ""
        return None, asked.pk if asked else self._request(call)

    def _asked_before(self, call: ToolCall) -> PermissionRequest | None:
        """Find the request of an earlier run for the very same call."""
        asked = PermissionRequest.objects.exclude(status=Status.WITHDRAWN).filter(
            session=self.recorder.session_id,
            call_id=call.call_id,
            input_digest=digest_of(storable(call.tool_input)),
        )
        return asked.first()

    def _by_rule(self, call: ToolCall) -> Decision | None:
        project_id = Task.objects.values_list("project_id", flat=True).get(
            pk=self.recorder.task_id
        )
        rules = list(PermissionRule.objects.for_task(self.recorder.task_id, project_id))
        fitting = [rule for rule in rules if covers(rule.pattern, call.action)]
        denying = [rule for rule in fitting if rule.effect == DENY]
        for rule in (*denying, *fitting):  # deny beats allow
            PermissionRule.objects.count_use(rule.pk)
            return _by_pattern(call, rule.pattern, is_allowed=not denying)
        if pattern := _first_covering(self.profile.denied, call.action):
            return _by_pattern(call, pattern, is_allowed=False)
        if pattern := _first_covering(self.profile.allowed, call.action):
            return _by_pattern(call, pattern, is_allowed=True)
        return None

    def _request(self, call: ToolCall) -> str:
        tool_input = storable(call.tool_input)
        data = {
            "toolName": call.tool_name,
            "toolInput": tool_input,
            "action": call.action,
        }
        with transaction.atomic():
            request = PermissionRequest.objects.create(
                task_id=self.recorder.task_id,
                run_id=self.recorder.run_id,
                session_id=self.recorder.session_id,
                call_id=call.call_id,
                tool_name=call.tool_name,
                tool_input=tool_input,
                input_digest=digest_of(tool_input),
                action=storable(call.action),
                message=storable(call.message),
            )
            message = f"Permission needed: {call.message}"
            entry = NewEntry(
                EventType.PERMISSION_REQUEST,
                message,
                {**data, "notificationId": request.pk},
            )
            self.recorder.append(entry)
        return request.pk

    def _answer(self, request_id: str, call: ToolCall) -> Decision | None:
        request = PermissionRequest.objects.filter(pk=request_id).first()
        if request is None or request.status == Status.WITHDRAWN:
            return Decision(False, call.tool_input, "The request was withdrawn.")
        if request.status == Status.PENDING:
            return None
        is_allowed = request.status == Status.ALLOWED
        decided: dict[str, object] = request.decided_input or {}
        if decided == request.tool_input:
            decided = call.tool_input  # as the model wrote it, to the letter
        return Decision(is_allowed, decided, request.decision_message)


def _first_covering(patterns: Iterable[str], action: str) -> str | None:
    return next((pattern for pattern in patterns if covers(pattern, action)), None)


def _by_pattern(call: ToolCall, pattern: str, *, is_allowed: bool) -> Decision:
    verb = "allows" if is_allowed else "denies"
    return Decision(is_allowed, call.tool_input, f"The rule {pattern} {verb} this.")

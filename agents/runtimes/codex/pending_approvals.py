"""The requests for approval that wait: for their cost to be booked, then for a decision."""

import asyncio
from collections.abc import Callable

from agents.protocol.runtime import AskPermission, Decision
from agents.runtimes.codex import approvals
from agents.runtimes.codex.approvals import ApprovalRequest, Reply
from agents.runtimes.codex.items import Items
from agents.runtimes.codex.rollout import Rollout
from tasks.files.workspace import Workspace

# How long to wait for what a request used before its tool calls are put to a person: it is
# known as soon as the answer is whole, and some providers never tell.
SETTLE_SECONDS = 2.0


class PendingApprovals:
    """The requests for approval that Codex waits for."""

    def __init__(
        self,
        ask: AskPermission,
        workspace: Workspace,
        items: Items,
        *,
        on_decided: Callable[[int | str], None],  # gets the id of the request
    ) -> None:
        self._ask = ask
        self._workspace = workspace
        self._items = items
        self._on_decided = on_decided
        self._unasked: list[
            tuple[float, ApprovalRequest]
        ] = []  # with when to wait no longer
        self._asking: dict[int | str, tuple[ApprovalRequest, asyncio.Task[Reply]]] = {}

    @property
    def has_unasked(self) -> bool:
        return bool(self._unasked)

    def add(self, request: ApprovalRequest) -> None:
        wait_until = asyncio.get_running_loop().time() + SETTLE_SECONDS
        self._unasked.append((wait_until, request))

    def take_due(self, rollout: Rollout) -> list[ApprovalRequest]:
        """Take out the questions that belong to answers of the model that are whole."""
        now = asyncio.get_running_loop().time()
        due: list[ApprovalRequest] = []
        later: list[tuple[float, ApprovalRequest]] = []
        for wait_until, request in self._unasked:
            call = rollout.find_open_call(request.item_id)
            if now >= wait_until or (call is not None and call.is_settled):
                due.append(request)
            else:
                later.append((wait_until, request))
        self._unasked = later
        return due

    def ask(self, requests: list[ApprovalRequest], rollout: Rollout) -> None:
        for request in requests:
            self._start(request, rollout)

    def take_decided(
        self, request_id: int | str
    ) -> tuple[ApprovalRequest, asyncio.Task[Reply]] | None:
        return self._asking.pop(request_id, None)

    async def forget(self, request_id: int | str) -> None:
        """Withdraw a request: Codex no longer waits."""
        if asking := self._asking.pop(request_id, None):
            asking[1].cancel()
            await asyncio.gather(asking[1], return_exceptions=True)

    async def forget_all(self) -> None:
        self._unasked.clear()
        for request_id in list(self._asking):
            await self.forget(request_id)

    def _start(self, request: ApprovalRequest, rollout: Rollout) -> None:
        task = asyncio.create_task(self._decide(request, rollout))
        task.add_done_callback(lambda _: self._on_decided(request.request_id))
        self._asking[request.request_id] = (request, task)

    async def _decide(self, request: ApprovalRequest, rollout: Rollout) -> Reply:
        call = rollout.find_open_call(request.item_id)
        item = self._items.items.get(request.item_id, {})
        calls = approvals.make_calls(
            request, call=call, item=item, workspace=self._workspace
        )
        if not calls:
            return approvals.make_refusal()
        if approvals.leaves_sandbox(call):
            return approvals.decline_leaving_sandbox(calls)
        decisions: list[Decision] = []
        # One after the other: what is allowed always with the first may cover the rest.
        for one in calls:
            decisions.append(await self._ask(one))
            if not decisions[-1].is_allowed:
                break
        return approvals.make_reply(request, calls, decisions)

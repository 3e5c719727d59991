"""Budgets, and what was used: the ledger as the API shows it."""

from typing import Any

from django.db import IntegrityError, transaction
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from ledger.models import Budget, DailySpend, LedgerEntry, Scope
from tasks import catalog
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.requests import CreateBudget, ListQuery, UpdateBudget
from tasks.api.views.tasks import parse_id
from tasks.api.whole_lists import Answer
from tasks.api.zod import Invalid
from tasks.models import Project
from tasks.models.log import to_text

JSON = dict[str, Any]

validate_create = CreateBudget.validator()
validate_update = UpdateBudget.validator()
validate_list = ListQuery.validator()


class BudgetViewSet(ViewSet):
    serializer_class = CreateBudget

    @extend_schema(
        parameters=[ListQuery, responses.LINK],
        responses={200: responses.Budget(many=True)},
    )
    def list(self, request: Request) -> Answer:
        """List budgets by scope, with what is spent, reserved and left of each."""
        query = validate_list(request.query_params.dict())
        budgets = Budget.objects.with_spent().with_reserved()
        return paging.answer(request, query, budgets, paging.BY_SCOPE, _shown)

    @extend_schema(request=CreateBudget, responses={201: responses.Budget})
    def create(self, request: Request) -> Response:
        """Set a limit on everything, one runtime or one project, a day or a month."""
        data = validate_create(json_body(request))
        scope, scope_id = data["scope"], data.get("scopeId") or ""
        _check_scope(scope, scope_id)
        try:
            with transaction.atomic():
                budget = Budget.objects.create(
                    scope=scope,
                    scope_id=scope_id,
                    period=data["period"],
                    **_changes(data),
                )
        except IntegrityError:
            raise Invalid.form(
                "There is such a budget already: change its limit"
            ) from None
        return Response(_one(budget.pk), status=201)

    @extend_schema(responses={200: responses.Budget})
    def retrieve(self, request: Request, budget_id: str) -> Response:
        """Get a budget with what is spent, reserved and left of it."""
        return Response(_one(_parse(budget_id)))

    @extend_schema(request=UpdateBudget, responses={200: responses.Budget})
    def partial_update(self, request: Request, budget_id: str) -> Response:
        """Change the limit, or switch the budget on or off."""
        pk = _parse(budget_id)
        changes = _changes(validate_update(json_body(request)))
        if changes:
            Budget.objects.filter(pk=pk).update(**changes)
        return Response(_one(pk))

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, budget_id: str) -> Response:
        """Remove a budget; what was spent stays in the ledger."""
        if not Budget.objects.filter(pk=_parse(budget_id)).delete()[0]:
            raise Http404("Budget not found")
        return Response({"success": True})


class UsageView(APIView):
    @extend_schema(
        parameters=[OpenApiParameter("projectId"), OpenApiParameter("taskId")],
        responses={200: responses.UsageTotals},
    )
    def get(self, request: Request) -> Response:
        """Sum up what was used and what it cost: of everything, one project or one task."""
        project_id = request.query_params.get("projectId", "").replace("\x00", "")
        if task_id := request.query_params.get("taskId"):
            entries = LedgerEntry.objects.for_task(_task_id(task_id))
            if project_id:
                entries = entries.filter(project_id=project_id)
            totals = entries.totals()
        else:
            totals = DailySpend.objects.totals(project_id=project_id)
        return Response(
            {
                "requests": totals.requests,
                "inputTokens": totals.input_tokens,
                "cacheReadTokens": totals.cache_read_tokens,
                "cacheWriteTokens": totals.cache_write_tokens
                + totals.cache_write_1h_tokens,
                "outputTokens": totals.output_tokens,
                "totalTokens": totals.input_tokens + totals.output_tokens,
                "costMicros": totals.cost_microdollars,
                "unpricedRequests": totals.unpriced_requests,
            }
        )


def _task_id(text: str) -> Any:
    try:
        return parse_id(text)
    except Http404:
        raise Invalid.field("taskId", "Task not found") from None


def _check_scope(scope: str, scope_id: str) -> None:
    if scope == Scope.OVERALL and scope_id:
        raise Invalid.field("scopeId", "A budget of everything has none")
    if scope == Scope.RUNTIME and scope_id not in catalog.RUNTIME_NAMES:
        raise Invalid.field("scopeId", f"Runtime not found: {scope_id}")
    if scope == Scope.PROJECT and not Project.objects.filter(pk=scope_id).exists():
        raise Invalid.field("scopeId", "Project not found")


def _changes(data: JSON) -> JSON:
    changes: JSON = {}
    if "limitUsd" in data:
        changes["limit_microdollars"] = round(data["limitUsd"] * 1_000_000)
    if "isActive" in data:
        changes["is_active"] = data["isActive"]
    return changes


def _parse(budget_id: str) -> int:
    if not (budget_id.isascii() and budget_id.isdigit() and len(budget_id) < 16):
        raise Http404("Budget not found")
    return int(budget_id)


def _one(pk: int) -> JSON:
    budget = Budget.objects.with_spent().with_reserved().filter(pk=pk).first()
    if budget is None:
        raise Http404("Budget not found")
    return _shown(budget)


def _shown(budget: Budget) -> JSON:
    return {
        "id": str(budget.pk),
        "scope": budget.scope,
        "scopeId": budget.scope_id or None,
        "period": budget.period,
        "isActive": budget.is_active,
        "limitUsd": budget.limit_microdollars / 1_000_000,
        "limitMicros": budget.limit_microdollars,
        "spentMicros": int(budget.spent_microdollars),
        "reservedMicros": int(budget.reserved_microdollars),
        "leftMicros": int(budget.left_microdollars),
        "resetsAt": to_text(budget.resets_at()),
    }

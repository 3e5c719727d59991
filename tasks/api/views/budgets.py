"""Budgets: limits on cost, with what is spent and reserved of them."""

from typing import Any

from django.db import IntegrityError, transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from ledger.models import Budget, Scope
from stagent.database.json_text import iso_text
from tasks import catalog
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.requests.budgets import CreateBudget, UpdateBudget
from tasks.api.requests.fields import ListQuery
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_or_404, parse_key
from tasks.api.whole_lists import AnyResponse
from tasks.api.zod import Invalid
from tasks.models import Project

JSON = dict[str, Any]

validate_create = CreateBudget.validator()
validate_update = UpdateBudget.validator()


class BudgetViewSet(ApiViewSet):
    """Budgets, with what is spent, reserved and left."""

    list_query = ListQuery.reader()
    serializer_class = CreateBudget

    @extend_schema(
        parameters=[ListQuery, responses.LINK],
        responses={200: responses.Budget(many=True)},
    )
    def list(self, request: Request) -> AnyResponse:
        """List budgets by scope, with what is spent, reserved and left of each."""
        query = self.list_query(request.query_params)
        budgets = Budget.objects.with_spent().with_reserved()
        return paging.respond(request, query, budgets, paging.BY_SCOPE, _represent)

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
        return Response(_find_budget(budget.pk), status=201)

    @extend_schema(responses={200: responses.Budget})
    def retrieve(self, request: Request, budget_id: str) -> Response:
        """Get a budget with what is spent, reserved and left of it."""
        return Response(_find_budget(parse_key(budget_id, "Budget")))

    @extend_schema(request=UpdateBudget, responses={200: responses.Budget})
    def partial_update(self, request: Request, budget_id: str) -> Response:
        """Change the limit, or switch the budget on or off."""
        pk = parse_key(budget_id, "Budget")
        changes = _changes(validate_update(json_body(request)))
        if changes:
            Budget.objects.change(pk, **changes)
        return Response(_find_budget(pk))

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, budget_id: str) -> Response:
        """Remove a budget; what was spent stays in the ledger."""
        if not Budget.objects.filter(pk=parse_key(budget_id, "Budget")).delete()[0]:
            raise Http404("Budget not found")
        return Response({"success": True})


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
    if "warnPercent" in data:
        changes["warn_percent"] = data["warnPercent"]
    if "onExceed" in data:
        changes["on_exceed"] = data["onExceed"]
    return changes


def _find_budget(pk: int) -> JSON:
    budgets = Budget.objects.with_spent().with_reserved()
    return _represent(get_or_404(budgets, pk, "Budget"))


def _represent(budget: Budget) -> JSON:
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
        "resetsAt": iso_text(budget.resets_at()),
        "warnPercent": budget.warn_percent,
        "onExceed": budget.on_exceed,
        "updatedAt": iso_text(budget.updated_at),
    }

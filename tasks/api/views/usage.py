"""What was used, and what it cost: of everything or a part, in all, or by whatever one asks."""

from datetime import date, timedelta
from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
)
from rest_framework.request import Request

from ledger.models import Totals
from ledger.usage import TASK, Days, Group, TooManyGroups, Usage
from tasks.api.csv import csv_response
from tasks.api.json import Response
from tasks.api.responses.usage import GROUPS, UsageGroups, UsageTotals
from tasks.api.views.base import ApiView
from tasks.api.views.lookups import parse_uuid
from tasks.api.zod import Invalid

JSON = dict[str, Any]

DEFAULT_DAYS = 30
MAX_DAYS = 366
USAGE_FILE = "usage.csv"
# What is filtered by, with the ledger's names.
FILTERS = {
    "taskId": TASK,
    "projectId": "project",
    "runtime": "runtime",
    "model": "model",
    "profile": "profile",
    "createdBy": "creator",
}
_PARAMETERS = [
    OpenApiParameter(
        "groupBy",
        description=f"One or more of {', '.join(GROUPS)}, with commas between. Of tasks come"
        " the 100 dearest; groups come dearest first, within a day if days are asked for.",
    ),
    OpenApiParameter(
        "from",
        date,
        description=f"The first day (UTC). With `groupBy`, unless given: {DEFAULT_DAYS} days in all.",
    ),
    OpenApiParameter(
        "to", date, description="The last day (UTC). Unless given: today."
    ),
    *(OpenApiParameter(name) for name in FILTERS),
    OpenApiParameter(
        "format",
        enum=["json", "csv"],
        description="csv: a table for spreadsheets, a row a group, under the names that JSON has.",
    ),
]


class UsageView(ApiView):
    """What was used and what it cost, by day or other groups."""

    @extend_schema(
        parameters=_PARAMETERS,
        responses={
            200: PolymorphicProxySerializer(
                component_name="UsageAnswer",
                serializers=[UsageTotals, UsageGroups],
                resource_type_field_name=None,
            )
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """Sum up what was used and what it cost, in all or by day, model, project and so on."""
        query = {
            name: str(value).replace("\x00", "")
            for name, value in request.query_params.items()
            if value
        }
        by = _group_by(query.get("groupBy", ""))
        usage = Usage(_days(query, is_grouped=bool(by)), _filters(query))
        is_csv = _is_csv(query)
        if not by:
            totals = _totals(usage.totals())
            return csv_response([totals], USAGE_FILE) if is_csv else Response(totals)
        groups = _represent_groups(usage, by)
        if not is_csv:
            return Response(groups)
        header = [*by, *groups["totals"]]
        return csv_response(groups["groups"], USAGE_FILE, header=header)


def _is_csv(query: dict[str, str]) -> bool:
    wanted = query.get("format", "json")
    if wanted not in {"json", "csv"}:
        raise Invalid.field("format", "Expected json or csv")
    return wanted == "csv"


def _group_by(text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(","))) if text else []
    if unknown := [name for name in names if name not in GROUPS]:
        raise Invalid.field(
            "groupBy", f"Expected some of {', '.join(GROUPS)}; received '{unknown[0]}'"
        )
    return names


def _days(query: dict[str, str], *, is_grouped: bool) -> Days:
    last = _date(query, "to") or timezone.now().date()
    first = _date(query, "from")
    if first is None:
        first = last - timedelta(DEFAULT_DAYS - 1) if is_grouped else date(1970, 1, 1)
    if first > last:
        raise Invalid.field("from", "This day is after the last one")
    days = Days(first, last)
    if is_grouped and days.count > MAX_DAYS:
        raise Invalid.field("from", f"With groupBy at most {MAX_DAYS} days")
    return days


def _date(query: dict[str, str], name: str) -> date | None:
    if (text := query.get(name)) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid.field(name, "Expected a day such as 2026-04-03") from None


def _filters(query: dict[str, str]) -> dict[str, str]:
    filters = {ours: query[name] for name, ours in FILTERS.items() if name in query}
    if TASK in filters:
        filters[TASK] = str(_task_id(filters[TASK]))
    return filters


def _task_id(text: str) -> Any:
    try:
        return parse_uuid(text)
    except Http404:
        raise Invalid.field("taskId", "Task not found") from None


def _represent_groups(usage: Usage, by: list[str]) -> JSON:
    try:
        groups = usage.group(*(GROUPS[name] for name in by))
    except TooManyGroups:
        raise Invalid.field(
            "groupBy", "Too many groups: ask for fewer days, or group by less"
        ) from None
    return {
        "from": usage.days.first.isoformat(),
        "to": usage.days.last.isoformat(),
        "groupBy": by,
        "totals": _totals(usage.totals()),
        "groups": [_represent_group(one, by) for one in groups],
    }


def _represent_group(group: Group, by: list[str]) -> JSON:
    key = {
        name: str(value) if (value := group.key[GROUPS[name]]) else None for name in by
    }
    return {**key, **_totals(group.totals)}


def _totals(totals: Totals) -> JSON:
    return {
        "requests": totals.requests,
        "inputTokens": totals.input_tokens,
        "cacheReadTokens": totals.cache_read_tokens,
        "cacheWriteTokens": totals.cache_write_tokens + totals.cache_write_1h_tokens,
        "outputTokens": totals.output_tokens,
        "totalTokens": totals.input_tokens + totals.output_tokens,
        "costMicros": totals.cost_microdollars,
        "unpricedRequests": totals.unpriced_requests,
    }

"""What the API answers about usage, for its OpenAPI description; and the names of its groups."""

from typing import Any

from rest_framework import serializers as drf

from ledger.usage import DAY, TASK
from tasks.api.responses.fields import ResponseBody

# The API's names of what usage is grouped by, with the ledger's.
GROUPS = {
    "day": DAY,
    "task": TASK,
    "project": "project",
    "runtime": "runtime",
    "model": "model",
    "profile": "profile",
    "createdBy": "creator",
}
GROUP_NAMES = list(GROUPS)  # named in the settings


def _maybe_absent(help_text: str = "Null: of none.") -> drf.CharField:
    return drf.CharField(required=False, allow_null=True, help_text=help_text)


class UsageTotals(ResponseBody):
    requests = drf.IntegerField()
    inputTokens = drf.IntegerField(help_text="The cache's included.")
    cacheReadTokens = drf.IntegerField()
    cacheWriteTokens = drf.IntegerField()
    outputTokens = drf.IntegerField()
    totalTokens = drf.IntegerField()
    costMicros = drf.IntegerField(help_text="Microdollars.", allow_null=True)
    unpricedRequests = drf.IntegerField()


class UsageGroup(UsageTotals):
    day = drf.DateField(required=False)
    task = drf.CharField(required=False, help_text="A task's id. It may be deleted.")
    project = _maybe_absent()
    runtime = drf.CharField(required=False)
    model = drf.CharField(required=False)
    profile = _maybe_absent("Null: it is not known.")
    createdBy = _maybe_absent("Null: it is not known.")


class UsageGroups(ResponseBody):
    to = drf.DateField()
    groupBy = drf.ListField(child=drf.ChoiceField(GROUP_NAMES))
    totals = UsageTotals()
    groups = UsageGroup(many=True)

    def get_fields(self) -> dict[str, Any]:
        # Its name is a word of Python's.
        return {"from": drf.DateField(), **super().get_fields()}

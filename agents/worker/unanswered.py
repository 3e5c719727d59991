"""Books the usage of requests whose worker died before the reply was complete."""

from contextlib import suppress

from django.db.models.functions import Now

from ledger.models import LedgerEntry, OpenRequest
from ledger.pricing import dollars
from ledger.unanswered import record_unanswered
from tasks.exceptions import LeaseLost
from tasks.models import EventType, LogEntry, NewEntry, Run


def book_unanswered() -> None:
    """Book what unfinished requests have used whose runs no worker holds any more.

    Should the whole usage be booked later after all, it replaces this entry.
    """
    run_ids = set(OpenRequest.objects.values_list("run_id", flat=True).distinct())
    if not run_ids:
        return
    held = Run.objects.filter(pk__in=run_ids, lease_expires_at__gt=Now())
    left = run_ids - set(held.values_list("pk", flat=True))
    for entry in record_unanswered(left):
        # The log of a run that is closed already gets no entry.
        with suppress(LeaseLost):
            LogEntry.objects.append(
                entry.task_id, _make_usage_entry(entry), lease=entry.run_id
            )


def _make_usage_entry(entry: LedgerEntry) -> NewEntry:
    cost = entry.cost_microdollars
    price = "price unknown" if cost is None else f"${dollars(cost)}"
    message = (
        f"{entry.model}: {entry.prompt_tokens:,} tokens in, {price}; its worker was gone"
        " before the answer was whole"
    )
    data = {
        "modelId": entry.model,
        "inputTokens": entry.prompt_tokens,
        "outputTokens": entry.output_tokens,
        "costMicros": cost,
    }
    return NewEntry(EventType.USAGE, message, data)

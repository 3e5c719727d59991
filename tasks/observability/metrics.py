"""What the tables know of how the site does, in the form that Prometheus collects.

Whichever process is asked, the numbers are those of the whole site. Each is read from an index of
what is open or from a table of totals, so a scrape costs the same however much has been done.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ledger.models import ModelTotal
from tasks.models import (
    Delivery,
    OutboxEvent,
    PermissionRequest,
    Run,
    RunTotal,
    Webhook,
    Worker,
)
from tasks.models.run_total import BOUNDS, LEASE_LOSS, LONGER

# A label's values: the kinds of tokens, which are disjoint.
TOKENS = {
    "input": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
}


class RowCollector(Collector):
    """Reads the tables each time it is asked."""

    def describe(self) -> Iterable[Metric]:
        return []  # else registering it would read the tables

    def collect(self) -> Iterator[Metric]:
        yield from _collect_queue()
        yield from _collect_running()
        yield from _collect_ended()
        yield from _collect_used()
        yield from _collect_requests()
        yield from _collect_workers()
        yield from _collect_deliveries()


def _collect_queue() -> Iterator[Metric]:
    depth = GaugeMetricFamily(
        "stagent_queued_runs", "Runs that are due and wait.", labels=["runtime"]
    )
    age = GaugeMetricFamily(
        "stagent_queue_oldest_age_seconds",
        "How long the oldest of them waits.",
        labels=["runtime"],
    )
    parked = GaugeMetricFamily(
        "stagent_parked_runs",
        "Runs that rest until their provider takes requests.",
        labels=["runtime"],
    )
    is_parked = Q(not_before__gt=Now())
    rows = (
        Run.objects.filter(status=Run.Status.QUEUED)
        .order_by()
        .values_list("runtime")
        .annotate(
            due=Count("pk", filter=~is_parked | Q(not_before=None)),
            parked=Count("pk", filter=is_parked),
            since=Min(
                Coalesce("not_before", "queued_at"),
                filter=~is_parked | Q(not_before=None),
            ),
        )
    )
    for runtime, due, resting, since in rows:
        depth.add_metric([runtime], due)
        parked.add_metric([runtime], resting)
        age.add_metric([runtime], _age(since))
    yield from (depth, age, parked)


def _collect_running() -> Iterator[Metric]:
    running = GaugeMetricFamily(
        "stagent_running_runs", "Runs that workers perform.", labels=["runtime"]
    )
    rows = (
        Run.objects.filter(status=Run.Status.RUNNING, lease_expires_at__isnull=False)
        .order_by()
        .values_list("runtime")
        .annotate(Count("pk"))
    )
    for runtime, count in rows:
        running.add_metric([runtime], count)
    yield running


def _collect_ended() -> Iterator[Metric]:
    durations = HistogramMetricFamily(
        "stagent_run_duration_seconds",
        "Runs that ended, by how, and how long they took.",
        labels=["runtime", "outcome"],
    )
    losses = CounterMetricFamily(
        "stagent_lease_losses",
        "Leases that workers let run out.",
        labels=["runtime"],
    )
    by_outcome = defaultdict(list)
    for total in RunTotal.objects.order_by("at_most_seconds"):
        by_outcome[total.runtime, total.outcome].append(total)
    for (runtime, outcome), totals in by_outcome.items():
        if outcome == LEASE_LOSS:
            losses.add_metric([runtime], sum(total.runs for total in totals))
            continue
        durations.add_metric(
            [runtime, outcome],
            _buckets(totals),
            sum(total.milliseconds for total in totals) / 1000,
        )
    yield from (durations, losses)


def _buckets(totals: list[RunTotal]) -> list[tuple[str, float]]:
    """Cumulate, as Prometheus does: each bucket holds all that were as quick or quicker."""
    found = {total.at_most_seconds: total.runs for total in totals}
    so_far, buckets = 0, []
    for bound in BOUNDS:
        so_far += found.get(bound, 0)
        name = "+Inf" if bound == LONGER else str(float(bound))
        buckets.append((name, float(so_far)))
    return buckets


def _collect_used() -> Iterator[Metric]:
    tokens = CounterMetricFamily(
        "stagent_tokens", "Tokens used.", labels=["provider", "model", "kind"]
    )
    labels = ["provider", "model"]
    cost = CounterMetricFamily(
        "stagent_cost_microdollars", "What it cost.", labels=labels
    )
    requests = CounterMetricFamily(
        "stagent_provider_requests", "Requests to providers.", labels=labels
    )
    unpriced = CounterMetricFamily(
        "stagent_unpriced_requests", "Those whose cost is unknown.", labels=labels
    )
    for total in ModelTotal.objects.order_by("provider", "model"):
        names = [total.provider, total.model]
        for kind, column in TOKENS.items():
            tokens.add_metric([*names, kind], getattr(total, column))
        cost.add_metric(names, total.spent_microdollars)
        requests.add_metric(names, total.requests)
        unpriced.add_metric(names, total.unpriced_requests)
    yield from (tokens, cost, requests, unpriced)


def _collect_requests() -> Iterator[Metric]:
    pending = PermissionRequest.objects.pending().order_by()
    count, since = pending.aggregate(n=Count("pk"), since=Min("created_at")).values()
    yield GaugeMetricFamily(
        "stagent_pending_requests", "Permission requests that wait.", value=count
    )
    yield GaugeMetricFamily(
        "stagent_pending_request_oldest_age_seconds",
        "How long the oldest of them waits.",
        value=_age(since),
    )


def _collect_workers() -> Iterator[Metric]:
    sums = Worker.objects.at_work().aggregate(n=Count("pk"), places=Sum("concurrency"))
    yield GaugeMetricFamily(
        "stagent_workers", "Workers that told of themselves.", value=sums["n"]
    )
    yield GaugeMetricFamily(
        "stagent_worker_places",
        "Runs that they take at once.",
        value=sums["places"] or 0,
    )


def _collect_deliveries() -> Iterator[Metric]:
    pending = Delivery.objects.pending().filter(webhook__status="active").order_by()
    retried = Q(attempts__gt=0)
    found = pending.aggregate(
        n=Count("pk"), retried=Count("pk", filter=retried), since=Min("created_at")
    )
    yield GaugeMetricFamily(
        "stagent_pending_deliveries", "Deliveries of webhooks.", value=found["n"]
    )
    yield GaugeMetricFamily(
        "stagent_retried_deliveries",
        "Those of them that have failed before.",
        value=found["retried"],
    )
    yield GaugeMetricFamily(
        "stagent_pending_delivery_oldest_age_seconds",
        "How long the oldest of them waits.",
        value=_age(found["since"]),
    )
    states = dict(
        Webhook.objects.order_by().values_list("status").annotate(Count("pk"))
    )
    webhooks = GaugeMetricFamily("stagent_webhooks", "Webhooks.", labels=["status"])
    for status in Webhook.Status.values:
        webhooks.add_metric([status], states.get(status, 0))
    yield webhooks
    failing = Webhook.objects.active().filter(failing_since__isnull=False)
    yield GaugeMetricFamily(
        "stagent_failing_webhooks",
        "Active ones whose last delivery failed.",
        value=failing.count(),
    )
    yield GaugeMetricFamily(
        "stagent_unpublished_events",
        "Events that no worker or stream has numbered yet.",
        value=OutboxEvent.objects.unpublished().count(),
    )


def _age(since: datetime | None) -> float:
    return max((timezone.now() - since).total_seconds(), 0) if since else 0

"""Rows of the ledger: `LedgerEntryFactory(task_id=…, usage=UsageFactory(output_tokens=1))`."""

from uuid import uuid4

import factory
from django.utils import timezone

from ledger.models import Budget, DailySpend, LedgerEntry, Period, Reservation, Scope
from ledger.pricing import Usage

USD = 1_000_000  # microdollars


class UsageFactory(factory.Factory):
    """A model whose price has no tiers: 3 USD per million in, 15 out."""

    class Meta:
        model = Usage

    provider = "anthropic"
    model = "claude-sonnet-4-6"
    input_tokens = 1000
    output_tokens = 200


class FreeUsageFactory(UsageFactory):
    provider = "embedded"
    model = "smollm2-135m"


class UnknownUsageFactory(UsageFactory):
    provider = "nobody"
    model = "unheard-of:8b"


class LedgerEntryFactory(factory.django.DjangoModelFactory):
    """Books through `record()`, the one way there is."""

    class Meta:
        model = LedgerEntry

    task_id = factory.LazyFunction(uuid4)
    run_id = factory.LazyFunction(uuid4)
    key = factory.Sequence("request-{}".format)
    runtime = "anthropic-direct"
    usage = factory.SubFactory(UsageFactory)

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        return model_class.objects.record(**kwargs)


class BudgetFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Budget

    scope = Scope.OVERALL
    period = Period.DAILY
    limit_microdollars = 5 * USD


class DailySpendFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = DailySpend

    day = factory.LazyFunction(lambda: timezone.now().date())
    scope = Scope.OVERALL
    spent_microdollars = USD


class ReservationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Reservation

    task_id = factory.LazyFunction(uuid4)
    run_id = factory.LazyFunction(uuid4)
    runtime = "anthropic-direct"
    amount_microdollars = USD

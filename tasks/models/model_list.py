"""Which models a provider says that it has: asked by a worker, so that people can choose."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone

MAX_NAMES = 500
MAX_AGE = timedelta(days=1)


class ModelListQuerySet(models.QuerySet["ModelList"]):
    """Lists by how old they are."""

    def is_due(self, provider: str) -> bool:
        """Tell whether a provider was not asked for a day, or never."""
        since = timezone.now() - MAX_AGE
        return not self.filter(provider=provider, listed_at__gt=since).exists()

    def keep(self, provider: str, names: Sequence[str]) -> None:
        values: dict[str, Any] = {
            "names": list(names)[:MAX_NAMES],
            "listed_at": timezone.now(),
        }
        self.update_or_create(provider=provider, defaults=values)

    def load_names(self) -> dict[str, list[str]]:
        """Return the names by provider, as `RuntimeFacts.models` takes it."""
        return dict(self.values_list("provider", "names"))


class ModelList(models.Model):
    """What a provider answered when it was last asked for its models."""

    provider = models.CharField(primary_key=True, max_length=50)
    names = models.JSONField()
    listed_at = models.DateTimeField()

    objects = ModelListQuerySet.as_manager()

    def __str__(self) -> str:
        return self.provider

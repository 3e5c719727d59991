from datetime import timedelta

from django.db import models
from django.db.models import F
from django.utils import timezone

WINDOW = timedelta(minutes=5)


class FailedLoginsQuerySet(models.QuerySet["FailedLogins"]):
    """Counts failed logins."""

    def count_one(self, key: str) -> int:
        """Count an attempt, and return how many there were in this window, with this one."""
        self.filter(since__lte=timezone.now() - WINDOW).delete()
        self.get_or_create(key=key)
        # The UPDATE counts: of attempts at the same time none is passed over.
        self.filter(key=key).update(count=F("count") + 1)
        return self.filter(key=key).values_list("count", flat=True).first() or 1

    def forget(self, key: str) -> None:
        self.filter(key=key).delete()

    def take_back(self, key: str) -> None:
        """Do not count an attempt that has succeeded."""
        self.filter(key=key, count__gt=0).update(count=F("count") - 1)


class FailedLogins(models.Model):
    """How often a password was wrong lately, in rows that all web processes share."""

    key = models.CharField(max_length=300, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now, db_index=True)

    objects = FailedLoginsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "failed logins"

    def __str__(self) -> str:
        return f"{self.count} of {self.key}"

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

KEPT_FOR = timedelta(days=1)
DELETED_AT_ONCE = 100


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    """Claims keys, and lets the old ones go."""

    def claim(
        self, *, owner: str, key: str, fingerprint: str
    ) -> tuple["IdempotencyKey", bool]:
        """Return the row of a key, and whether it is new; to be called in a transaction.

        Of two requests at once, the second waits here for the first one's end: the row is
        written in the transaction of what the request does.
        """
        self._delete_some_expired()
        self.filter(owner=owner, key=key, created_at__lte=_horizon()).delete()
        return self.get_or_create(
            owner=owner, key=key, defaults={"fingerprint": fingerprint}
        )

    def _delete_some_expired(self) -> None:
        # Those that another request deletes at this moment are not waited for.
        expired = self.filter(created_at__lte=_horizon()).order_by("created_at")
        some = expired.select_for_update(skip_locked=True).values_list("pk", flat=True)
        if keys := list(some[:DELETED_AT_ONCE]):
            self.filter(pk__in=keys).delete()


class IdempotencyKey(models.Model):
    """A POST that named a key, and the response it got: the same again is done once."""

    # Whose key it is: the user's id, empty where nobody logs in.
    owner = models.CharField(max_length=64, blank=True)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="Of the request.")
    status = models.PositiveSmallIntegerField(default=0)
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="one_row_a_key")
        ]

    def __str__(self) -> str:
        return self.key


def _horizon() -> datetime:
    return timezone.now() - KEPT_FOR

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

# What is shown of a token, to tell it from others: `stagent_` and 24 of its 256 bits.
PREFIX_LENGTH = 12
# A use is written down once in so long: it is an UPDATE on the path of every request.
USE_INTERVAL = timedelta(minutes=1)


def _digest(token: str) -> str:
    # A fast hash is right here: the token is random, there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Finds tokens that may be used."""

    def usable(self) -> Self:
        never = models.Q(expires_at=None)
        return self.filter(
            never | models.Q(expires_at__gt=timezone.now()), user__is_active=True
        )

    def matching(self, token: str) -> Self:
        return self.usable().filter(digest=_digest(token))

    def issue(self, **fields: object) -> tuple["ApiToken", str]:
        """Make a token; the second is its text, which is kept nowhere."""
        text = f"stagent_{secrets.token_urlsafe(32)}"
        prefix = text[:PREFIX_LENGTH]
        return self.create(digest=_digest(text), prefix=prefix, **fields), text


class ApiToken(models.Model):
    """A bearer token of the REST API. Only its digest is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(
        max_length=100, help_text="What uses it: “ci”, “dashboard”."
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(
        max_length=PREFIX_LENGTH,
        blank=True,
        editable=False,
        help_text="How it begins; unknown of one that was made before this was kept.",
    )
    scopes = models.CharField(
        max_length=50,
        blank=True,
        help_text="What it is bound to, of read, run, approve and admin, with spaces between."
        " Empty: it may do all that its user may.",
    )
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def scope_names(self) -> list[str]:
        return self.scopes.split()

    def note_use(self, now: datetime) -> None:
        """Write down that it is used, unless that was done a moment ago."""
        if self.last_used_at is None or self.last_used_at <= now - USE_INTERVAL:
            ApiToken.objects.filter(pk=self.pk).update(last_used_at=now)

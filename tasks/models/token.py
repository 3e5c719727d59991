import hashlib
import secrets
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone


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
        return self.create(digest=_digest(text), **fields), text


class ApiToken(models.Model):
    """A bearer token of the REST API. Only its digest is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(
        max_length=100, help_text="What uses it: “ci”, “dashboard”."
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

"""The login to the admin, which makes guessing passwords slow."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.forms import AuthenticationForm

from tasks.models import FailedLogins
from tasks.models.failed_login import WINDOW

# In a window: for one name from one address, and for all names from one address.
MAX_FAILURES = 10
MAX_FAILURES_OF_ADDRESS = 100


class LoginForm(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        """Check the password, unless too many were wrong before: then not even the right one helps.

        An attempt counts before its password is looked at, so that many at once do not pass.
        """
        name = str(self.cleaned_data.get("username", "")).casefold()
        address = _address(self.request)
        # No name holds a line feed: the keys of names and of addresses are never the same.
        by_name, by_address = f"{address}\n{name}"[:300], address[:300]
        count_one = FailedLogins.objects.count_one
        if (
            count_one(by_name) > MAX_FAILURES
            or count_one(by_address) > MAX_FAILURES_OF_ADDRESS
        ):
            minutes = int(WINDOW.total_seconds() // 60)
            raise ValidationError(
                f"There were too many failed logins. Try again in {minutes} minutes.",
                code="throttled",
            )
        data: dict[str, Any] = super().clean()
        FailedLogins.objects.forget(by_name)
        FailedLogins.objects.take_back(by_address)
        return data


def _address(request: HttpRequest | None) -> str:
    """Return where a request comes from; behind a proxy of ours, what that says."""
    if request is None:
        return ""
    address = str(request.META.get("REMOTE_ADDR", ""))
    if settings.STAGENT_HTTPS:
        # Only the last is the proxy's own word; the others are what it was told.
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        address = forwarded.strip() or address
    return address


admin.site.login_form = LoginForm

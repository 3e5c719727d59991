"""The login to the admin, which makes guessing passwords slow."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse
from unfold.forms import AuthenticationForm

from tasks.access.client_address import client_address
from tasks.models import FailedLogins
from tasks.models.failed_login import WINDOW

# In a window: for one name from one address, and for all names from one address.
MAX_FAILURES = 10
MAX_FAILURES_OF_ADDRESS = 100
THROTTLED = "throttled"


class LoginForm(AuthenticationForm):
    """The login, which takes no more attempts than the limits allow."""

    def clean(self) -> dict[str, Any]:
        """Check the password, unless too many were wrong before: then not even the right one helps.

        An attempt counts before its password is looked at, so that many at once do not pass.
        """
        name = str(self.cleaned_data.get("username", "")).casefold()
        address = client_address(self.request) if self.request else ""
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
                code=THROTTLED,
            )
        data: dict[str, Any] = super().clean()
        FailedLogins.objects.forget(by_name)
        FailedLogins.objects.take_back(by_address)
        return data


_page = admin.site.login


def login_page(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Show the page, as 429 where it has been tried too often: programs look at that."""
    response: HttpResponse = _page(request, extra_context)
    form = (getattr(response, "context_data", None) or {}).get("form")
    if form and form.has_error(NON_FIELD_ERRORS, THROTTLED):
        response.status_code = 429
        response["Retry-After"] = str(int(WINDOW.total_seconds()))
    return response


admin.site.login_form = LoginForm
admin.site.login = login_page  # type: ignore[method-assign]

"""Where a request comes from."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return where a request comes from; behind a proxy of ours, what that says."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    if settings.STAGENT_HTTPS:
        # Only the last is the proxy's own word; the others are what it was told.
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        address = forwarded.strip() or address
    return address

"""No web page may drive this server but its own: checks the Host and Origin of every request."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase, JsonResponse

Handler = Callable[[HttpRequest], HttpResponseBase]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class OriginMiddleware:
    """Refuse a Host that is not allowed (DNS rebinding) and requests of foreign pages."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            host = request.get_host()
        except DisallowedHost:
            name = request.META.get("HTTP_HOST", "")
            return _refuse(
                400, f"Host {name!r} is not allowed; add it to STAGENT_ALLOWED_HOSTS."
            )
        if _is_foreign(request, host):
            return _refuse(403, "Requests from other origins are refused.")
        return self.get_response(request)


def _is_foreign(request: HttpRequest, host: str) -> bool:
    origin = request.META.get("HTTP_ORIGIN")
    if origin is not None:
        return _place(origin) != host.lower()
    # Browsers that send no Origin with a form still say where the request comes from.
    site = request.META.get("HTTP_SEC_FETCH_SITE", "none")
    if site in {"none", "same-origin"}:
        return False
    is_navigation = request.META.get("HTTP_SEC_FETCH_MODE") == "navigate"
    return not (is_navigation and request.method in SAFE_METHODS)


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _refuse(status: int, message: str) -> JsonResponse:
    return JsonResponse({"error": message}, status=status)

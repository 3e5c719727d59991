"""No web page may drive this server but its own: checks the Host and Origin of every request."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.http.request import split_domain_port

Handler = Callable[[HttpRequest], HttpResponseBase]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class OriginMiddleware:
    """Refuse a Host that is not allowed (DNS rebinding) and requests of foreign pages."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return refusal(request) or self.get_response(request)


def refusal(request: HttpRequest) -> JsonResponse | None:
    """Return what is answered to a foreign page or by a foreign name, from the head alone."""
    try:
        host = request.get_host()
    except DisallowedHost:
        name = request.META.get("HTTP_HOST", "")
        return _refuse(
            400, f"Host {name!r} is not allowed; add it to STAGENT_ALLOWED_HOSTS."
        )
    if _is_foreign(request, host):
        return _refuse(403, "Requests from other origins are refused.")
    return None


def _is_foreign(request: HttpRequest, host: str) -> bool:
    origin = request.META.get("HTTP_ORIGIN")
    if origin is not None:
        return origin.lower() not in _own(request, host.lower())
    # Browsers that send no Origin with a form still say where the request comes from.
    site = request.META.get("HTTP_SEC_FETCH_SITE", "none")
    if site in {"none", "same-origin"}:
        return False
    is_navigation = request.META.get("HTTP_SEC_FETCH_MODE") == "navigate"
    return not (is_navigation and request.method in SAFE_METHODS)


def _own(request: HttpRequest, host: str) -> set[str]:
    """Return what browsers call the origin of this server's pages."""
    schemes = {request.scheme}
    if split_domain_port(host)[0] not in settings.STAGENT_LOCAL_HOSTS:
        # A proxy may end TLS and not say so; then our pages have come over it all the same.
        schemes.add("https")
    return {f"{scheme}://{host}" for scheme in schemes}


def _refuse(status: int, message: str) -> JsonResponse:
    return JsonResponse({"error": message}, status=status)

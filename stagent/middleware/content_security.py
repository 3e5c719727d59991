"""Says to browsers what a page may load and run: ours, and nothing that is written into it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]

# No script stands in a page, and none comes from elsewhere. Unfold's Alpine.js compiles the
# attributes of its own templates, hence 'unsafe-eval'; it and Unfold write style attributes.
PAGE = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
# Data and files, also those that agents and others made: even if a browser took one for a
# page, it would run nothing, load nothing, and not be of this server's origin.
DATA = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"


class ContentSecurityMiddleware:
    """Says which scripts and styles a page may load."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        policy = PAGE if is_page else DATA
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

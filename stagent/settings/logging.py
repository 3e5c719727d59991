"""The server's own log."""

import os

from django.core.exceptions import ImproperlyConfigured

# "line" for people; "json", one object a line, for what gathers logs.
STAGENT_LOG_FORMAT = os.environ.get("STAGENT_LOG_FORMAT") or "line"
if STAGENT_LOG_FORMAT not in {"line", "json"}:
    raise ImproperlyConfigured(
        f"STAGENT_LOG_FORMAT is line or json; got {STAGENT_LOG_FORMAT!r}."
    )
# Each request and each run: people have the pages for that.
_EACH_EVENT = "INFO" if STAGENT_LOG_FORMAT == "json" else "WARNING"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "tasks.observability.credentials.Formatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "tasks.observability.log_lines.JsonFormatter"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": STAGENT_LOG_FORMAT}
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "stagent": {"level": "INFO"},
        "tasks": {"level": "INFO"},
        "agents": {"level": "INFO"},
        "stagent.requests": {"level": _EACH_EVENT},
        "agents.runs": {"level": _EACH_EVENT},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}

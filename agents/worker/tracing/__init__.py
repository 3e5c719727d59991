"""OpenTelemetry spans of what agents do, where `STAGENT_OTEL` is set; else nothing is loaded.

They are made of the events that all runtimes yield, so no runtime knows of them.
"""

from collections.abc import AsyncGenerator
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings

from agents.protocol.events import Event
from agents.protocol.opentelemetry import is_installed
from agents.protocol.runtime import Assignment
from tasks.models import Run


def traced(
    run: Run, assignment: Assignment, performance: AsyncGenerator[Event, None]
) -> AsyncGenerator[Event, None]:
    """Return the performance, traced where the settings say so."""
    if not settings.STAGENT_OTEL or not is_installed():
        return performance
    spans = import_module("agents.worker.tracing.spans")
    traced: AsyncGenerator[Event, None] = spans.trace(
        _tracer(), run, assignment, performance
    )
    return traced


@cache
def _tracer() -> Any:
    return import_module("agents.worker.tracing.exporting").make_tracer()

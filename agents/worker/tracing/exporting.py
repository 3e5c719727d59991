"""Where spans go: by OTLP over HTTP, as the variables `OTEL_…` say."""

import os

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer


def make_tracer() -> Tracer:
    """Make a tracer of our own, which sends in a thread; what is left is sent at the exit.

    It is not the global one: libraries of providers, which trace by themselves where there is
    one, would tell of each request once more.
    """
    return make_provider().get_tracer("stagent")


def make_provider() -> TracerProvider:
    """Make what exports spans, under this service's name unless the environment has another."""
    own = {} if "OTEL_SERVICE_NAME" in os.environ else {SERVICE_NAME: "stagent"}
    provider = TracerProvider(resource=Resource.create(own))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider

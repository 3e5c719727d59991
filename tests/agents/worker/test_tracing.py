"""A worker traces its runs where the settings say so, and else loads nothing for it."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agents.doctor.checks import check_settings
from agents.protocol import opentelemetry
from agents.worker import tracing
from agents.worker.tracing import exporting, names
from tasks.models import Run, Task
from tests.agents.worker.test_loop import execute, finished, working

LOADED = """
import django; django.setup()
import sys
from agents.worker import loop
print([name for name in ("agents.worker.tracing.spans", "opentelemetry.sdk.trace",
                         "opentelemetry.exporter") if name in sys.modules])
"""


@pytest.fixture
def exporter(settings, monkeypatch):
    settings.STAGENT_OTEL = True
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    monkeypatch.setattr(tracing, "_tracer", lambda: tracer)
    return exporter


@pytest.mark.django_db(transaction=True)
async def test_a_run_of_a_worker_is_traced(exporter):
    async with working():
        used = "use: input=10 output=5 model=m provider=p key=k"
        done = await finished(await execute(used, "finish: ok"))
    assert done.status == Task.Status.COMPLETED
    run = await Run.objects.aget(task=done)
    spans = {span.attributes[names.OPERATION]: span for span in _spans(exporter)}
    agent = spans[names.INVOKE_AGENT]
    assert agent.attributes[names.RUN_ID] == str(run.pk)
    assert agent.attributes[names.WORKER] == run.worker
    assert agent.attributes[names.OUTPUT_TOKENS] == 5
    assert spans[names.CHAT].attributes[names.RESPONSE_ID] == "k"


@pytest.mark.django_db(transaction=True)
async def test_without_the_setting_nothing_is_traced(exporter, settings):
    settings.STAGENT_OTEL = False
    async with working():
        await finished(await execute("finish: ok"))
    assert not _spans(exporter)


def _spans(exporter):
    return exporter.get_finished_spans()


def test_without_the_setting_the_sdk_is_not_loaded():
    shown = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_where_the_sdk_is_missing_the_check_says_so_and_runs_go_on(
    settings, monkeypatch
):
    settings.STAGENT_OTEL = True
    assert "stagent.W005" not in {one.id for one in check_settings(None)}
    for module in (opentelemetry, tracing):
        monkeypatch.setattr(module, "is_installed", lambda: False)
    assert "stagent.W005" in {one.id for one in check_settings(None)}
    performance = object()
    assert tracing.traced(Run(), None, performance) is performance


def test_spans_are_of_this_service_unless_it_is_named_otherwise(monkeypatch):
    def name():
        provider = exporting.make_provider()
        provider.shutdown()
        return provider.resource.attributes["service.name"]

    assert name() == "stagent"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    assert name() == "ours"

"""What each runtime does is seen in spans, under the names of the semantic conventions."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as standard
from opentelemetry.trace import SpanKind, StatusCode

from agents.worker.tracing import names
from agents.worker.tracing.spans import trace
from tasks.models import Run
from tests.agents.runtimes.direct.performing import Performance, Person, assignment
from tests.agents.runtimes.drivers.base import PERMANENT, Turn, Use

WRITE = Use("write", path="a.txt", content="hello")
NAMES = {
    *("OPERATION_NAME", "PROVIDER_NAME", "AGENT_NAME", "CONVERSATION_ID"),
    *("REQUEST_MODEL", "RESPONSE_MODEL", "RESPONSE_ID", "TOOL_NAME", "TOOL_CALL_ID"),
    *("USAGE_INPUT_TOKENS", "USAGE_OUTPUT_TOKENS", "TOOL_TYPE"),
    *("USAGE_CACHE_READ_INPUT_TOKENS", "USAGE_CACHE_CREATION_INPUT_TOKENS"),
}


class Traced:
    """A runtime whose events pass the tracer, as in a worker."""

    def __init__(self, runtime, name):
        self.runtime, self.name = runtime, name
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("test")

    def perform(self, given, ask):
        run = Run(
            pk=given.run_id,
            task_id=given.task_id,
            session_id=given.run_id,
            attempt=1,
            runtime=self.name,
            profile="general",
            worker="w1",
        )
        return trace(self.tracer, run, given, self.runtime.perform(given, ask))

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def of(self, operation):
        found = [s for s in self.spans if s.attributes[names.OPERATION] == operation]
        return sorted(found, key=lambda span: span.start_time)


def test_the_names_are_those_of_the_conventions():
    ours = {value for name, value in vars(names).items() if name.isupper()}
    assert {getattr(standard, f"GEN_AI_{name}") for name in NAMES} <= ours
    operations = standard.GenAiOperationNameValues
    assert operations.INVOKE_AGENT.value == names.INVOKE_AGENT
    assert operations.CHAT.value == names.CHAT
    assert operations.EXECUTE_TOOL.value == names.EXECUTE_TOOL


async def test_a_run_is_seen_with_its_requests_and_tools(
    runtime, serving, tmp_path, driver
):
    traced = Traced(runtime, driver.name)
    async with serving(Turn(uses=(WRITE,)), Turn("Done.")):
        performance = Performance(traced, Person())
        await performance.run(assignment(tmp_path, "Write it."))
    assert performance.failure == ""
    (agent,) = traced.of(names.INVOKE_AGENT)
    assert agent.name == "invoke_agent general"
    assert agent.attributes[names.RUNTIME] == driver.name
    assert agent.status.status_code is StatusCode.UNSET
    chats = traced.of(names.CHAT)
    assert len(chats) == 2
    for chat in chats:
        assert chat.kind is SpanKind.CLIENT
        assert chat.parent.span_id == agent.context.span_id
        assert chat.name == f"chat {chat.attributes[names.REQUEST_MODEL]}"
        assert chat.attributes[names.OUTPUT_TOKENS] > 0
        assert agent.start_time <= chat.start_time <= chat.end_time <= agent.end_time
    for name in (names.INPUT_TOKENS, names.OUTPUT_TOKENS):
        of_each = [chat.attributes[name] for chat in chats]
        assert agent.attributes[name] == sum(of_each)
    (tool,) = traced.of(names.EXECUTE_TOOL)
    assert tool.parent.span_id == agent.context.span_id
    assert tool.name == f"execute_tool {tool.attributes[names.TOOL_NAME]}"
    assert chats[0].start_time <= tool.start_time <= tool.end_time <= agent.end_time
    assert tool.status.status_code is StatusCode.UNSET


async def test_a_failure_is_told(runtime, serving, tmp_path, driver):
    traced = Traced(runtime, driver.name)
    async with serving(*[Turn(fault=PERMANENT[0])] * 20):
        performance = Performance(traced)
        await performance.run(assignment(tmp_path, "Try."))
    assert performance.failure
    (agent,) = traced.of(names.INVOKE_AGENT)
    assert agent.status.status_code is StatusCode.ERROR
    assert agent.attributes[names.ERROR_TYPE]
    assert all(span.end_time for span in traced.spans)


async def test_a_denied_tool_has_no_span(runtime, serving, tmp_path, driver):
    traced = Traced(runtime, driver.name)
    async with serving(Turn(uses=(WRITE,)), Turn("Then not.")):
        await Performance(traced, Person(may=False)).run(assignment(tmp_path, "Write."))
    assert traced.of(names.EXECUTE_TOOL) == []

"""The embedded model: a real server, a real model, the whole road."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from asgiref.sync import sync_to_async

from agents.protocol.events import Finished, Notice, ToolResult, UsageReported
from agents.protocol.structured_output import StructuredOutput
from agents.providers import embedded
from ledger.pricing import find_price
from tasks.assist.answer import clean_answer
from tasks.assist.definition import make_definition
from tasks.assist.question import PROFILE, answer_schema
from tests.agents.runtimes.direct.performing import (
    Performance,
    anthropic_runtime,
    assignment,
)
from tests.agents.runtimes.drivers.direct import OPENAI
from tests.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not embedded.is_installed(),
        reason="the embedded model is not installed: make run installs it",
    ),
]

INSTRUCTIONS = (
    "You are a careful assistant who works in a folder. Look before you write. " * 20
)
PROMPT = (
    "Summarise the quarterly revenue figures and write a short report on what changed. "
    * 37
)


@pytest.fixture
def nothing_is_set_up(monkeypatch):
    names = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL")
    for name in (*names, embedded.URL_NAME):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def model(nothing_is_set_up):
    model = embedded.EmbeddedModel()
    await model.start()
    yield model
    await model.stop()


@pytest.mark.model
async def test_the_road_over_the_responses_api(model, tmp_path, monkeypatch):
    """This model calls a tool whenever it is offered one, so it is stopped and asked for text."""
    (tmp_path / "revenue.csv").write_text("q1,100\n")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{embedded.get_url()}/v1")
    monkeypatch.setenv("OPENAI_MODEL", embedded.MODEL)
    async with OPENAI.runtime() as runtime:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path, PROMPT, max_turns=1))
        assert performance.ask.asked[0].action == "read:/"
        assert "revenue.csv" in performance.of(ToolResult)[0].output
        resumed = assignment(
            tmp_path, PROMPT, tools=(), checkpoint=performance.checkpoint
        )
        events = await performance.run(resumed)
    assert isinstance(events[-1], Finished), performance.failure
    assert events[-1].text
    assert performance.of(UsageReported)[0].usage.prompt_tokens > 100


@pytest.mark.model
async def test_the_whole_road(model, tmp_path):
    (tmp_path / "revenue.csv").write_text("q1,100\n")
    async with anthropic_runtime() as runtime:
        performance = Performance(runtime)
        given = assignment(tmp_path, PROMPT, instructions=INSTRUCTIONS)
        events = await performance.run(given)
    assert events[0] == Notice(embedded.NOTICE)
    assert [call.action for call in performance.ask.asked] == ["read:/"]
    assert "revenue.csv" in performance.of(ToolResult)[0].output
    assert isinstance(events[-1], Finished)
    assert events[-1].text


async def test_a_short_road_costs_nothing(model, tmp_path):
    async with anthropic_runtime() as runtime:
        performance = Performance(runtime)
        events = await performance.run(assignment(tmp_path, "Say hello."))
    assert isinstance(events[-1], Finished)
    first, second = (event.usage for event in performance.of(UsageReported))
    assert (first.provider, first.model) == ("embedded", embedded.MODEL)
    assert first.input_tokens > 0
    assert second.cache_read_tokens > 0
    assert find_price(first).cost(first) == 0


@pytest.mark.model
@pytest.mark.parametrize("prompt", ["x", "Fix main.py\n\n日本語 'x'"])
async def test_whatever_the_task_it_looks_once_and_then_answers(
    model, tmp_path, prompt
):
    async with anthropic_runtime() as runtime:
        performance = Performance(runtime)
        events = await performance.run(assignment(tmp_path, prompt))
    assert len(performance.ask.asked) == 1
    assert isinstance(events[-1], Finished)


@pytest.mark.model
async def test_several_runs_at_once_wait_in_line(model, tmp_path):
    async with anthropic_runtime() as runtime:
        given = [assignment(tmp_path, f"Say the number {n}.") for n in range(3)]
        ends = await asyncio.gather(*(Performance(runtime).run(one) for one in given))
    assert all(isinstance(events[-1], Finished) for events in ends)


async def test_a_task_that_is_too_long_says_so(model, tmp_path):
    async with anthropic_runtime() as runtime:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path, "word " * 9_000))
    assert performance.failure.startswith("This is too long for the embedded model")


async def test_it_is_found_while_it_runs(nothing_is_set_up):
    model = embedded.EmbeddedModel()
    assert embedded.get_url() is None
    assert await model.start() == embedded.get_url()
    (process,) = _model_processes()
    await model.stop()
    assert embedded.get_url() is None
    assert not process.is_running()


async def test_to_stop_what_never_started_is_nothing(nothing_is_set_up):
    await embedded.EmbeddedModel().stop()


async def test_a_start_that_is_cancelled_leaves_nothing_behind(nothing_is_set_up):
    starting = asyncio.create_task(embedded.EmbeddedModel().start())
    found = await until(_model_processes)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not found[0].is_running()
    assert embedded.get_url() is None


async def test_a_start_that_takes_too_long_says_so(nothing_is_set_up, monkeypatch):
    monkeypatch.setattr(embedded, "START_SECONDS", 0.01)
    with pytest.raises(embedded.EmbeddedModelFailed, match="not ready"):
        await embedded.EmbeddedModel().start()
    assert _model_processes() == []


def test_it_ends_with_its_parent(nothing_is_set_up):
    script = (
        "import asyncio, time; from agents.providers.embedded import EmbeddedModel;"
        "asyncio.run(EmbeddedModel().start()); print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script], stdout=subprocess.PIPE
    )
    with parent:
        parent.stdout.readline()
        (model,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
    model.wait(timeout=60)


def test_ctrl_c_leaves_its_end_to_the_parent(nothing_is_set_up):
    command = [sys.executable, "-m", "agents.providers.embedded"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def _model_processes():
    return [
        child
        for child in psutil.Process().children()
        if "agents.providers.embedded" in child.cmdline()
    ]


@pytest.mark.django_db(transaction=True)  # it names the profiles
async def test_its_grammar_makes_an_answer_to_an_assist_of_the_right_form(
    model, tmp_path
):
    schema = await sync_to_async(answer_schema)()
    async with anthropic_runtime() as runtime:
        given = assignment(
            tmp_path,
            "Report on revenue",
            instructions=PROFILE.instructions,
            tools=(),
            output_schema=schema,
            is_question=True,
        )
        performance = Performance(runtime)
        seen = await performance.run(given)
    assert not performance.failure
    assert isinstance(seen[-1], Finished)
    text = await StructuredOutput(schema).extract_result(seen[-1].text)
    answer = clean_answer(json.loads(text))
    await sync_to_async(make_definition)(answer)  # whatever it is, it is read
    assert len([e for e in seen if isinstance(e, UsageReported)]) == 1

"""Silence is told, and ends a run in the end: by one clock for all runtimes."""

import asyncio

import pytest

from agents.protocol import events
from agents.protocol.runtime import Decision
from agents.worker.silence import perform_watched
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.runtimes.drivers import DRIVERS
from tests.agents.runtimes.drivers.base import Turn, Use

pytestmark = pytest.mark.slow

SILENT = "Nothing has come from the provider for"
WRITE = Use("write", path="a.txt", content="hello")


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.name)
def driver(request):
    return request.param


def serve(driver, monkeypatch, server):
    for name, value in driver.environment(server.url).items():
        monkeypatch.setenv(name, value)


def notices(performance):
    return [event.text for event in performance.of(events.Notice)]


@pytest.mark.parametrize("fault", ["pings", "stall", "dumb"])
async def test_a_provider_without_content_is_told_once_and_ends_the_run(
    driver, monkeypatch, settings, tmp_path, fault
):
    settings.STAGENT_SILENCE_SECONDS = 4
    settings.STAGENT_PROVIDER_TIMEOUT_SECONDS = 5
    async with (
        driver.server(Turn("Half of it and more", fault=fault)) as server,
        driver.runtime() as runtime,
    ):
        serve(driver, monkeypatch, server)
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
        async with asyncio.timeout(60):
            await server.hung_up.wait()
    assert [text for text in notices(performance) if "come" in text] == [
        f"{SILENT} 4.0 s. Still waiting."
    ]
    assert performance.failure == (
        "The provider has sent nothing. Resume to try again. (for 5.0 s)"
    )
    assert len(server.requests) == 1


async def test_that_it_goes_on_is_told_once(driver, monkeypatch, settings, tmp_path):
    settings.STAGENT_SILENCE_SECONDS = 3
    async with (
        driver.server(Turn("Half of it and more", fault="pings")) as server,
        driver.runtime() as runtime,
    ):
        serve(driver, monkeypatch, server)
        seen, ask = [], None
        async for event in perform_watched(runtime, assignment(tmp_path), ask):
            seen.append(event)
            if isinstance(event, events.Notice) and event.text.startswith(SILENT):
                server.goes_on.set()
    told = [event.text for event in seen if isinstance(event, events.Notice)]
    assert [
        text.split()[0] for text in told if SILENT in text or "goes on" in text
    ] == [
        "Nothing",
        "It",
    ]
    assert seen[-1] == events.Finished("Half of it and more")


# --- What is no silence, without a provider -----------------------------------------------


class Scripted:
    """A runtime that does as the test says."""

    def __init__(self, script):
        self.perform = script


async def test_waiting_for_a_person_is_no_silence(settings, tmp_path):
    settings.STAGENT_SILENCE_SECONDS = 0.05
    settings.STAGENT_PROVIDER_TIMEOUT_SECONDS = 0.1
    loop = asyncio.get_running_loop()

    async def person(call):
        until = loop.time() + 0.5  # longer than both
        while loop.time() < until:
            await asyncio.sleep(0.01)
        return Decision(True, {})

    async def script(given, ask):
        await ask(None)
        yield events.Finished("Done.")

    runtime = Scripted(script)
    seen = [e async for e in perform_watched(runtime, assignment(tmp_path), person)]
    assert seen == [events.Finished("Done.")]


async def test_work_that_shows_nothing_is_no_silence(settings, tmp_path):
    settings.STAGENT_SILENCE_SECONDS = 1
    settings.STAGENT_PROVIDER_TIMEOUT_SECONDS = 2
    loop = asyncio.get_running_loop()

    async def script(given, ask):
        until = loop.time() + 2.5  # longer than both
        while loop.time() < until:
            yield events.Working()
            await asyncio.sleep(0.01)
        yield events.Finished("Done.")

    runtime = Scripted(script)
    seen = [e async for e in perform_watched(runtime, assignment(tmp_path), None)]
    assert seen == [events.Finished("Done.")]


async def test_a_tool_that_says_nothing_is_named(settings, tmp_path):
    settings.STAGENT_SILENCE_SECONDS = 0.05
    told = asyncio.Event()

    async def script(given, ask):
        yield events.ToolUse("1", "run", {}, "Running: make")
        await told.wait()
        yield events.Finished("Done.")

    seen = []
    async for event in perform_watched(Scripted(script), assignment(tmp_path), None):
        seen.append(event)
        if isinstance(event, events.Notice):
            told.set()
    assert seen[1].text == (
        "Nothing has come from the agent for 0.1 s, which is at: Running: make."
        " Still waiting."
    )


async def test_what_the_runtime_fails_of_comes_through_and_it_is_closed(tmp_path):
    closed = []

    async def script(given, ask):
        try:
            yield events.AssistantText("Hello.")
            yield events.AssistantText("Never taken.")
        finally:
            closed.append(True)

    async for _ in (
        heard := perform_watched(Scripted(script), assignment(tmp_path), None)
    ):
        break
    await heard.aclose()
    assert closed == [True]

    async def failing(given, ask):
        yield events.AssistantText("Hello.")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async for _ in perform_watched(Scripted(failing), assignment(tmp_path), None):
            pass

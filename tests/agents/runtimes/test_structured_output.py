"""Results that satisfy a schema, on every runtime, each against a scripted server of its format."""

import json

import pytest

from agents.protocol import events
from agents.protocol.structured_output import OutputMismatched, StructuredOutput
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.runtimes.drivers import CLAUDE_CODE, CODEX, parametrize
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.agents.runtimes.drivers.direct import ANTHROPIC, OLLAMA, OPENAI

STRICT = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}, "name": {"type": "string"}},
    "required": ["n", "name"],
    "additionalProperties": False,
}
LOOSE = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
RIGHT, WRONG = {"n": 3, "name": "Ann"}, {"n": 0, "name": "Ann"}
WRITE = Use("write", path="a.txt", content="hello")


@pytest.fixture(params=parametrize())
def driver(request):
    return request.param


@pytest.fixture
def perform(monkeypatch, tmp_path):
    """Perform against a script; return the events, the requests and what was asked of a person."""

    async def perform(driver, *turns, schema=STRICT, **changes):
        async with driver.server(*turns) as server, driver.runtime() as runtime:
            for name, value in driver.environment(server.url).items():
                monkeypatch.setenv(name, value)
            performance = Performance(runtime)
            given = assignment(tmp_path, output_schema=schema, **changes)
            seen = await performance.run(given)
        assert not performance.failure
        bodies = [request.body for request in server.requests]
        return seen, bodies, performance.ask.asked

    return perform


async def test_a_result_that_satisfies_the_schema_is_the_result(driver, perform):
    seen, bodies, asked = await perform(driver, Turn(result=RIGHT))
    assert json.loads(seen[-1].text) == RIGHT
    assert len(bodies) == 1
    assert asked == []
    assert not any(isinstance(event, events.ToolNotRun) for event in seen)


async def test_a_result_that_does_not_is_mended_in_one_more_turn(driver, perform):
    seen, bodies, asked = await perform(
        driver, Turn(result=WRONG), Turn(result=RIGHT), Turn("never")
    )
    assert json.loads(seen[-1].text) == RIGHT
    assert len(bodies) == 2
    assert "minimum" in str(bodies[-1]) or ">= 1" in str(bodies[-1])
    assert asked == []


async def test_words_in_the_place_of_a_result_are_mended_too(driver, perform):
    seen, bodies, _ = await perform(driver, Turn("Here you are."), Turn(result=RIGHT))
    assert json.loads(seen[-1].text) == RIGHT
    assert len(bodies) == 2


async def test_a_result_that_stays_wrong_comes_with_the_places_that_are(
    driver, perform
):
    seen, bodies, _ = await perform(driver, Turn(result=WRONG))
    assert len(bodies) == (5 if driver is CLAUDE_CODE else 2)
    with pytest.raises(OutputMismatched, match=r"\$\.n: 0 is less than the minimum"):
        await StructuredOutput(STRICT).extract_result(seen[-1].text)


async def test_an_agent_works_with_its_tools_before_its_result(
    driver, perform, tmp_path
):
    seen, _, asked = await perform(driver, Turn(uses=(WRITE,)), Turn(result=RIGHT))
    assert json.loads(seen[-1].text) == RIGHT
    assert (tmp_path / "a.txt").read_text().strip() == "hello"
    assert [call.action for call in asked] == ["write:/a.txt"]


async def test_a_wrong_result_is_no_checkpoint_to_end_with(driver, perform):
    seen, _, _ = await perform(driver, Turn(result=WRONG))
    kept = [e for e in seen if isinstance(e, events.CheckpointReached)]
    assert kept[-1].state.get("result") is None


async def test_a_question_offers_no_tools(driver, perform):
    seen, bodies, _ = await perform(
        driver, Turn(result=RIGHT), tools=(), is_question=True
    )
    assert json.loads(seen[-1].text) == RIGHT
    if driver is not CODEX:  # which has no way to leave out its own: they are denied
        offered = {tool["name"] for tool in bodies[-1].get("tools", [])}
        own = {"StructuredOutput"}  # the first, which the embedded model calls
        assert offered == (own if driver is CLAUDE_CODE else set())


# --- By each provider's own means --------------------------------------------------------------


async def test_the_messages_api_is_given_what_it_takes_of_a_schema(perform):
    _, bodies, _ = await perform(ANTHROPIC, Turn(result=RIGHT))
    form = bodies[0]["output_config"]["format"]
    assert form["type"] == "json_schema"
    assert "minimum" not in form["schema"]["properties"]["n"]  # moved into words
    odd = {**LOOSE, "properties": {"n": {"type": ["integer", "null"]}}}
    _, bodies, _ = await perform(ANTHROPIC, Turn(result=RIGHT), schema=odd)
    assert "output_config" not in bodies[0]
    assert '"null"' in str(bodies[0]["messages"])


@pytest.mark.parametrize("schema", [STRICT, LOOSE])
async def test_the_responses_api_is_strict_where_the_schema_is(perform, schema):
    _, bodies, _ = await perform(OPENAI, Turn(result=RIGHT), schema=schema)
    form = bodies[0]["text"]["format"]
    assert (form["schema"], form["strict"]) == (schema, schema is STRICT)


@pytest.mark.parametrize("schema", [STRICT, LOOSE])
async def test_codex_is_given_a_strict_schema_and_told_of_others(perform, schema):
    _, bodies, _ = await perform(CODEX, Turn(result=RIGHT), schema=schema)
    has_format = "schema" in (bodies[0].get("text") or {}).get("format", {})
    assert has_format == (schema is STRICT)
    assert "JSON Schema" in str(bodies[0]["input"])


async def test_ollama_is_held_to_the_schema_only_where_no_tools_are_offered(perform):
    _, bodies, _ = await perform(OLLAMA, Turn("Well."), Turn(result=RIGHT))
    assert ("tools" in bodies[0], "format" in bodies[0]) == (True, False)
    assert ("tools" in bodies[1], bodies[1]["format"]) == (False, STRICT)
    _, bodies, _ = await perform(OLLAMA, Turn(result=RIGHT), tools=())
    assert ("tools" in bodies[0], bodies[0]["format"]) == (False, STRICT)


@pytest.mark.parametrize(
    "said",
    [
        '{"n": 3, "name": "Ann"}',
        'Here:\n```json\n{"n": 3, "name": "Ann"}\n```\nBye.',
        '\n {"n": 3.0, "name": "Ann"}\n',
    ],
)
async def test_a_result_is_the_text_or_the_one_block_in_it(said):
    assert json.loads(await StructuredOutput(STRICT).extract_result(said)) == RIGHT


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("no", r"\$: it is no JSON"),
        ("```\n{}\n```\n```\n{}\n```", r"\$: it is no JSON"),
        ("[]", r"\$: \[\] is not of type \"object\""),
        ('{"n": true, "name": "x"}', r"\$\.n: true is not of type"),
        ('{"n": NaN, "name": "x"}', r"\$: it is no JSON"),
        ('{"n": 1, "name": "x", "a b": 1}', r"\$: Additional properties"),
    ],
)
async def test_what_does_not_satisfy_the_schema_is_told_with_its_place(said, problem):
    with pytest.raises(OutputMismatched, match=problem) as raised:
        await StructuredOutput(STRICT).extract_result(said)
    assert raised.value.text == said

"""What passes between the CLI and its provider: all of it, and nothing else."""

import httpx2
import pytest

from agents.protocol.events import NothingUsed, UsageReported, UsageSoFar
from agents.providers.anthropic import AnthropicEndpoint
from agents.runtimes.claude_code.gateway import Gateway
from agents.runtimes.claude_code.metering import Meter
from tests.agents.runtimes.direct.performing import assignment
from tests.servers.anthropic import MessagesServer, Reply

ASKED = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "Hello"}],
}


@pytest.fixture
async def connected(tmp_path_factory):
    """Serve a script through a gateway: return what asks, the server and what is reported."""

    class Connected:
        async def __aenter__(self):
            self.server = await MessagesServer(self.replies).__aenter__()
            endpoint = AnthropicEndpoint(
                f"{self.server.url}{self.base}", "m", **self.key
            )
            self.told = []
            meter = Meter(
                assignment(tmp_path_factory.mktemp("w"), max_turns=3),
                endpoint,
                report=self.told.append,
                is_booked=nothing,
                checkpoint=lambda: "checkpoint",
            )
            self.gateway = Gateway(endpoint, meter, answer_seconds=1.0)
            socket = tmp_path_factory.mktemp("s") / "s"
            self._open = self.gateway.open(socket)
            await self._open.__aenter__()
            transport = httpx2.AsyncHTTPTransport(uds=str(socket))
            self.client = httpx2.AsyncClient(
                transport=transport,
                base_url=f"http://provider{self.base}",
                headers={"x-api-key": "none"},
            )
            return self

        def __init__(self, *replies, base="", **key):
            self.replies, self.base = list(replies), base
            self.key = key or {"api_key": "sk-test"}

        async def __aexit__(self, *exc):
            await self.client.aclose()
            await self._open.__aexit__(None, None, None)
            await self.server.__aexit__()

        def ask(self, **more):
            return self.client.post("/v1/messages?beta=true", json={**ASKED, **more})

        @property
        def used(self):
            return [event for event in self.told if isinstance(event, UsageReported)]

    return Connected


async def nothing():
    pass


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_passes_as_it_is_and_is_booked_once(connected, stream):
    async with connected(Reply("Hello."), base="/compatible") as there:
        answer = await there.ask(stream=stream)
    assert answer.status_code == 200
    assert ("event: message_stop" in answer.text) == stream
    assert there.server.requests[0].path == "/compatible/v1/messages?beta=true"
    assert [(one.key, one.usage.output_tokens) for one in there.used] == [("msg_1", 20)]


@pytest.mark.parametrize(
    ("key", "header", "value"),
    [
        ({"api_key": "sk-real"}, "x-api-key", "sk-real"),
        ({"auth_token": "t-real"}, "authorization", "Bearer t-real"),
    ],
)
async def test_only_the_gateway_knows_the_key(connected, key, header, value):
    async with connected(Reply("Hello."), **key) as there:
        await there.ask()
    headers = there.server.requests[0].headers
    assert headers[header] == value
    assert "none" not in headers.values()


async def test_a_failure_passes_with_its_headers_and_costs_nothing(connected):
    busy = Reply(status=529, headers={"retry-after": "7"})
    async with connected(busy) as there:
        answer = await there.ask()
    assert (answer.status_code, answer.headers["retry-after"]) == (529, "7")
    assert [type(one) for one in there.told] == [UsageSoFar, NothingUsed]


async def test_an_answer_that_breaks_off_breaks_off_and_is_booked(connected):
    async with connected(Reply("Half of it", fault="cut")) as there:
        with pytest.raises(httpx2.RemoteProtocolError):
            await there.ask(stream=True)
        assert [one.usage.input_tokens for one in there.used] == [100]


async def test_a_provider_that_is_silent_is_waited_for_no_longer_than_said(connected):
    async with connected(Reply(is_silent=True)) as there:
        with pytest.raises(httpx2.RemoteProtocolError):
            await there.ask()
    assert there.used == []


async def test_an_id_that_comes_again_is_another_answer(connected):
    async with connected(Reply("Hello.")) as there:
        there.server._message = same_id(there.server._message)
        for _ in range(2):
            await there.ask(stream=True)
    assert [one.key for one in there.used] == ["msg", "msg#2"]


def same_id(make):
    return lambda *given: {**make(*given), "id": "msg"}


async def test_beyond_the_turn_limit_nothing_reaches_the_provider(connected):
    async with connected(Reply("Hello.")) as there:
        for _ in range(3):
            await there.ask(stream=True)
        with pytest.raises(httpx2.ReadTimeout):
            await there.client.post("/v1/messages", json=ASKED, timeout=0.2)
        assert "turn limit of 3" in str(there.gateway.refusal.result())
    assert len(there.server.requests) == 3


async def test_nothing_else_of_the_provider_can_be_reached(connected):
    async with connected(Reply("Hello.")) as there:
        batch = await there.client.post("/v1/messages/batches", json={})
        models = await there.client.get("/v1/models")
    assert (batch.status_code, models.status_code) == (404, 404)
    assert there.server.requests == []

"""What the contract suites need: each runtime, against a scripted server of its format."""

import pytest

from tests.agents.runtimes.drivers import parametrize


@pytest.fixture(params=parametrize())
def driver(request):
    return request.param


@pytest.fixture
async def runtime(driver):
    async with driver.runtime() as runtime:
        yield runtime


@pytest.fixture
def serving(driver, monkeypatch):
    """Serve a script where the runtime will look for its provider."""

    def serve(*turns, **options):
        return _Serving(driver, driver.server(*turns, **options), monkeypatch)

    return serve


class _Serving:
    def __init__(self, driver, server, monkeypatch):
        self.driver, self.server, self.monkeypatch = driver, server, monkeypatch

    async def __aenter__(self):
        await self.server.__aenter__()
        for name, value in self.driver.environment(self.server.url).items():
            self.monkeypatch.setenv(name, value)
        return self.server

    async def __aexit__(self, *exc):
        await self.server.__aexit__(*exc)

"""Which models there are: asked of each provider once a day, shown where people choose."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from asgiref.sync import sync_to_async
from django.urls import reverse
from django.utils import timezone

from agents.worker.model_lists import keep_lists
from tasks.models import ModelList
from tasks.models.model_list import MAX_AGE

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = {
    "/v1/models?limit=1000": {"data": [{"id": "claude-next"}, {"id": 3}]},
    "/openai/models": {"object": "list", "data": [{"id": "gpt-next"}]},
    "/ollama/api/tags": {"models": [{"name": "qwen3:8b"}]},
}


class Provider(BaseHTTPRequestHandler):
    """All three providers, at an address each."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("x-api-key")))
        body = self.server.lists.get(self.path)
        self.send_response(200 if body is not None else 500)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def provider(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.asked, server.lists = [], dict(LISTS)
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/openai")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OLLAMA_HOST", f"{url}/ollama")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@sync_to_async
def names():
    return ModelList.objects.load_names()


async def test_each_provider_is_asked_once_a_day(provider):
    await keep_lists(first_look_seconds=0)
    expected = {
        "anthropic": ["claude-next"],
        "openai": ["gpt-next"],
        "ollama": ["qwen3:8b"],
    }
    assert await names() == expected
    assert ("/v1/models?limit=1000", "sk-test") in provider.asked
    await keep_lists(first_look_seconds=0)
    assert len(provider.asked) == 3
    yesterday = timezone.now() - MAX_AGE
    await ModelList.objects.filter(provider="openai").aupdate(listed_at=yesterday)
    provider.lists["/openai/models"] = {"data": [{"id": "gpt-newer"}]}
    await keep_lists(first_look_seconds=0)
    assert await names() == {**expected, "openai": ["gpt-newer"]}


@pytest.mark.parametrize("answer", [None, [], {"data": "none"}, {"data": [{}]}])
async def test_what_is_no_list_changes_nothing(provider, answer):
    await ModelList.objects.acreate(
        provider="openai", names=["gpt-old"], listed_at=timezone.now() - 2 * MAX_AGE
    )
    provider.lists["/openai/models"] = answer
    await keep_lists(first_look_seconds=0)
    assert (await names())["openai"] == ["gpt-old"]


def test_they_are_what_people_choose_from(api, admin_client, provider):
    ModelList.objects.keep("anthropic", ["claude-next"])
    runtimes = {one["id"]: one["models"] for one in api.get("/api/runtimes").json()}
    for name in ("anthropic-direct", "claude-code"):
        assert runtimes[name][-1] == "claude-next"
        assert len(runtimes[name]) == 2  # with the one that runs by itself
    assert "gpt-6-sol" in runtimes["openai-direct"]  # known, where no list is
    form = admin_client.get(reverse("admin:tasks_task_add")).content.decode()
    assert '<option value="claude-next">' in form

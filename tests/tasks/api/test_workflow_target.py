"""/api/workflows/{id}/target: what each step would get."""

import pytest

from ledger.models import Budget
from tasks.models import (
    Task,
)
from tests.tasks.api.workflow_requests import create, sequence
from tests.tasks.workflows.running import step

pytestmark = pytest.mark.django_db


def test_the_target_tells_what_each_step_would_get(api):
    given = sequence(step("a", budgetUsd=1.5, agentProfile="researcher"), step("b"))
    workflow_id = create(api, given).json()["id"]
    found = api.get(f"/api/workflows/{workflow_id}/target").json()

    assert found["isReady"]
    first, second = found["steps"]
    assert (first["runtime"], first["profile"]) == ("echo", "researcher")
    assert (first["budgetUsd"], second["budgetUsd"]) == (1.5, 5.0)
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("runtime", "variables", "model"),
    [
        ("openai-direct", {"OPENAI_API_KEY": "sk-x"}, "gpt-5.5"),
        ("openai-direct", {"OPENAI_API_KEY": "sk-x", "OPENAI_MODEL": "mine"}, "mine"),
        ("anthropic-direct", {"ANTHROPIC_API_KEY": "sk-x"}, "claude-sonnet-5-5"),
        ("ollama", {"OLLAMA_HOST": "127.0.0.1"}, "qwen3"),
    ],
)
def test_the_target_names_the_model_that_a_step_would_run_on(
    api, monkeypatch, runtime, variables, model
):
    for name in ("OPENAI_MODEL", "ANTHROPIC_MODEL", "OLLAMA_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    workflow_id = create(api, sequence(step("a", assignedAgent=runtime))).json()["id"]
    (found,) = api.get(f"/api/workflows/{workflow_id}/target").json()["steps"]
    assert (found["runtime"], found["model"]) == (runtime, model)


def test_the_target_tells_what_would_refuse_a_step_and_reserves_nothing(api):
    workflow_id = create(api).json()["id"]
    Budget.objects.create(scope="overall", period="daily", limit_microdollars=0)
    found = api.get(f"/api/workflows/{workflow_id}/target").json()

    assert not found["isReady"]
    assert "budget" in found["steps"][0]["refusal"].lower()

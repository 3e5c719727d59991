"""The model, the effort and the time limit that a task asks for, from the request to its run."""

import pytest

from ledger.models import LedgerEntry
from ledger.pricing import Usage
from tasks import catalog
from tasks.models import LogEntry, Run, Task
from tests.factories import TaskFactory

PRICED, UNPRICED = "claude-opus-5-5", "claude-nonsense"


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")


def create(api, **body):
    return api.post("/api/tasks", {"title": "T", **body}, format="json")


def errors(response):
    assert response.status_code == 400
    return response.json()["error"]["fieldErrors"]


def run_of(api, task_id):
    api.patch(f"/api/tasks/{task_id}", {"status": "queued"}, format="json")
    response = api.post(f"/api/tasks/{task_id}/execute")
    assert response.status_code == 202, response.json()
    return Run.objects.get(task_id=task_id)


def test_they_are_kept_and_shown(api):
    body = {"model": PRICED, "effort": "xhigh", "timeoutMinutes": 0.5}
    created = create(api, assignedAgent="anthropic-direct", **body)
    assert created.status_code == 201
    url = f"/api/tasks/{created.json()['id']}"
    shown = api.get(url).json()
    assert {name: shown[name] for name in body} == body
    for name in body:
        changed = api.patch(url, {name: None}, format="json")
        assert changed.status_code == 200
        assert changed.json()[name] is None
    changed = api.patch(url, body, format="json").json()
    assert {name: changed[name] for name in body} == body


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("model", v) for v in ("", "-p", "a b", "a\n", "é", "x" * 201, 7)),
        *(("effort", v) for v in ("", "banana", "HIGH", 3)),
        *(("timeoutMinutes", v) for v in (0, -1, 43_201, "5", True)),
    ],
)
def test_what_none_of_them_can_be_is_a_field_error(api, name, value):
    assert name in errors(create(api, **{name: value}))
    task = TaskFactory(model=PRICED)
    refused = api.patch(f"/api/tasks/{task.pk}", {name: value}, format="json")
    assert name in errors(refused)
    task.refresh_from_db()
    assert (task.model, task.effort, task.timeout_minutes) == (PRICED, "", None)


def test_an_effort_that_the_runtime_does_not_have_is_refused_with_those_it_has(api):
    refused = create(api, assignedAgent="anthropic-direct", effort="minimal")
    assert errors(refused)["effort"] == [
        "Anthropic API takes low, medium, high, xhigh, max; not minimal."
    ]
    task = TaskFactory(assigned_agent="openai-direct", effort="minimal")
    moved = api.patch(
        f"/api/tasks/{task.pk}", {"assignedAgent": "anthropic-direct"}, format="json"
    )
    assert "effort" in errors(moved)
    task.refresh_from_db()
    assert task.assigned_agent == "openai-direct"


def test_a_model_without_a_price_is_refused_where_it_is_named(api):
    refused = create(api, assignedAgent="anthropic-direct", model=UNPRICED)
    [message] = errors(refused)["model"]
    assert UNPRICED in message
    assert "prices.toml" in message
    assert "STAGENT_ALLOW_UNPRICED=1" in message
    assert not Task.objects.exists()
    task = TaskFactory(assigned_agent="anthropic-direct")
    changed = api.patch(f"/api/tasks/{task.pk}", {"model": UNPRICED}, format="json")
    assert "model" in errors(changed)


def test_it_is_refused_at_the_start_too_and_the_task_stays_as_it_was(api):
    task = TaskFactory(assigned_agent="anthropic-direct", model=UNPRICED)
    task.status = "queued"
    task.save()
    refused = api.post(f"/api/tasks/{task.pk}/execute")
    assert refused.status_code == 400
    assert "No price is known" in refused.json()["error"]
    task.refresh_from_db()
    assert task.status == "queued"
    assert not Run.objects.exists()


def test_a_site_may_let_it_through(api, settings):
    settings.STAGENT_ALLOW_UNPRICED = True
    created = create(api, assignedAgent="anthropic-direct", model=UNPRICED)
    assert created.status_code == 201
    assert run_of(api, created.json()["id"]).model == UNPRICED


def test_the_model_of_the_servers_environment_is_the_operators_own(api, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_MODEL", UNPRICED)
    created = create(api, assignedAgent="anthropic-direct", model=UNPRICED)
    assert created.status_code == 201


def test_with_the_embedded_model_alone_there_is_no_other(api, monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    refused = create(api, assignedAgent="anthropic-direct", model=PRICED)
    assert "embedded model" in errors(refused)["model"][0]


def test_the_run_asks_for_what_the_task_says_and_the_log_tells_it(api):
    created = create(
        api, assignedAgent="anthropic-direct", model=PRICED, effort="high"
    ).json()
    run = run_of(api, created["id"])
    assert (run.model, run.effort) == (PRICED, "high")
    started = LogEntry.objects.filter(task_id=created["id"]).last()
    assert started.message.endswith(f", with {PRICED}, effort high.")
    assert (started.data["modelId"], started.data["effort"]) == (PRICED, "high")


def test_without_a_word_of_anybody_the_log_names_the_runtimes_own(api, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_MODEL", "claude-sonnet-4-6")
    run = run_of(api, create(api, assignedAgent="anthropic-direct").json()["id"])
    assert (run.model, run.effort) == ("", "")
    started = LogEntry.objects.filter(task_id=run.task_id).last()
    assert started.message.endswith(", with claude-sonnet-4-6.")


@pytest.fixture
def site_profile(settings, tmp_path):
    settings.STAGENT_HOME = tmp_path
    folder = tmp_path / "profiles"
    folder.mkdir()

    def write(text):
        (folder / "own.toml").write_text(
            f'name="Own"\ndescription="D"\ninstructions="I"\n{text}'
        )

    return write


def test_the_profiles_model_counts_where_the_task_names_none(api, site_profile):
    site_profile(
        'model="claude-opus-4-8"\neffort="max"\n[models]\nopenai-direct="gpt-6-sol"\n'
    )
    given = {"agentProfile": "own"}
    by_profile = create(api, assignedAgent="anthropic-direct", **given).json()
    run = run_of(api, by_profile["id"])
    assert (run.model, run.effort) == ("claude-opus-4-8", "max")
    by_runtime = create(api, assignedAgent="openai-direct", **given).json()
    assert run_of(api, by_runtime["id"]).model == "gpt-6-sol"
    own = create(
        api, assignedAgent="anthropic-direct", model=PRICED, effort="low", **given
    ).json()
    run = run_of(api, own["id"])
    assert (run.model, run.effort) == (PRICED, "low")


def test_an_effort_of_a_profile_that_the_runtime_does_not_have_is_left_out(
    api, site_profile
):
    site_profile('effort="minimal"\n')
    given = {"agentProfile": "own", "assignedAgent": "anthropic-direct"}
    assert run_of(api, create(api, **given).json()["id"]).effort == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('model="-p"', "model: A model's name begins with"),
        ('effort="banana"', "effort: banana is none of none, minimal"),
        ("effort=3", "effort: must be some text"),
        ('[models]\nnowhere="x"', "models: nowhere is none of claude-code"),
        ('[models]\nollama=""', "models.ollama: must be some text"),
        ('models=["x"]', "models: must be a table"),
    ],
)
def test_a_profile_that_says_it_wrong_is_left_out_with_the_reason(
    site_profile, text, problem
):
    site_profile(text)
    assert catalog.profile("own") is None
    assert any(problem in one for one in catalog.profile_problems())


def test_runtimes_tell_what_can_be_asked_of_them(api):
    shown = {one["id"]: one for one in api.get("/api/runtimes").json()}
    direct = shown["anthropic-direct"]
    assert direct["model"] == "claude-sonnet-5-5"
    assert direct["models"][0] == direct["model"]
    assert PRICED in direct["models"]
    assert direct["efforts"] == ["low", "medium", "high", "xhigh", "max"]
    assert "minimal" in shown["openai-direct"]["efforts"]
    assert shown["ollama"]["efforts"] == ["none", "low", "medium", "high"]


def test_every_model_that_is_offered_has_a_price():
    for facts in catalog.RUNTIMES.values():
        for model in facts.known_models:
            assert catalog.models.has_price(facts, model), model


def test_provenance_tells_what_was_asked_for_and_what_answered(api):
    created = create(
        api, assignedAgent="anthropic-direct", model=PRICED, effort="high"
    ).json()
    run = run_of(api, created["id"])
    for key, model in (("1", "claude-opus-5-5"), ("2", "claude-haiku-4-5")):
        LedgerEntry.objects.record(
            task_id=run.task_id,
            run_id=run.pk,
            key=key,
            usage=Usage("anthropic", model, input_tokens=10),
            runtime=run.runtime,
            project_id=None,
            profile=run.profile,
            created_by="",
        )
    [told] = api.get(f"/api/tasks/{run.task_id}/provenance").json()["runs"]
    assert (told["model"], told["effort"]) == (PRICED, "high")
    assert told["modelIds"] == ["claude-opus-5-5", "claude-haiku-4-5"]


def step(**more):
    return {"id": "a", "name": "A", "prompt": "P", **more}


def workflow(api, **more):
    definition = {"pattern": "sequence", "steps": [step(**more)]}
    body = {"name": "W", "definition": definition}
    return api.post("/api/workflows", body, format="json")


def test_a_step_names_its_model_and_the_target_tells_it(api):
    made = workflow(
        api, assignedAgent="anthropic-direct", model=PRICED, effort="high"
    ).json()
    [shown] = api.get(f"/api/workflows/{made['id']}/target").json()["steps"]
    assert (shown["model"], shown["effort"]) == (PRICED, "high")
    assert shown["refusal"] is None


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("model", UNPRICED, "No price is known"),
        ("model", "-p", "A model's name begins"),
        ("effort", "banana", "Expected one of"),
        ("effort", "minimal", "Anthropic API takes"),
    ],
)
def test_a_step_with_what_it_cannot_have_is_refused_with_its_place(
    api, name, value, problem
):
    refused = workflow(api, assignedAgent="anthropic-direct", **{name: value})
    assert refused.status_code == 400
    told = str(refused.json())
    assert f"steps.0.{name}: " in told
    assert problem in told

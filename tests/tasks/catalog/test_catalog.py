"""What a task may ask for: runtimes and profiles."""

from dataclasses import replace

import pytest

from tasks import catalog
from tasks.catalog import runtimes
from tasks.catalog.runtimes import RuntimeFacts

# Profiles are rows, too.
pytestmark = pytest.mark.django_db

BUILT_IN = {
    "general",
    "data-analyst",
    "technical-writer",
    "document-writer",
    "code-reviewer",
    "researcher",
    "project-manager",
    "devops-engineer",
}
CREDENTIALS = {
    name for facts in catalog.RUNTIMES.values() for name in facts.credentials
}


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch):
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)


def no_embedded_model(monkeypatch):
    monkeypatch.setattr(runtimes, "has_embedded_model", lambda: False)


# --- Runtimes -----------------------------------------------------------------------


def test_the_runtimes_are_the_five_of_the_api_in_its_order():
    assert tuple(catalog.RUNTIMES) == catalog.RUNTIME_NAMES
    assert all(catalog.runtime(name).name == name for name in catalog.RUNTIME_NAMES)


@pytest.mark.parametrize(
    "name", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"]
)
def test_any_of_its_credentials_makes_a_runtime_ready(monkeypatch, name):
    no_embedded_model(monkeypatch)
    facts = catalog.RUNTIMES["anthropic-direct"]
    assert not facts.readiness().is_ready
    monkeypatch.setenv(name, "x")
    assert facts.readiness().is_ready


def test_an_empty_credential_is_none(monkeypatch):
    no_embedded_model(monkeypatch)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    assert not catalog.RUNTIMES["anthropic-direct"].readiness().is_ready


def test_a_runtime_without_credential_says_what_to_set(monkeypatch):
    no_embedded_model(monkeypatch)
    readiness = catalog.RUNTIMES["anthropic-direct"].readiness()
    assert readiness.reason.startswith("ANTHROPIC_API_KEY is not set")
    assert "ANTHROPIC_BASE_URL" in readiness.reason
    assert readiness.fix.startswith("Set ANTHROPIC_API_KEY")


def test_the_embedded_model_stands_in_for_a_credential(monkeypatch):
    monkeypatch.setattr(runtimes, "has_embedded_model", lambda: True)
    assert catalog.RUNTIMES["anthropic-direct"].readiness().is_ready


def test_a_site_has_no_embedded_model_unless_it_is_told(settings):
    settings.STAGENT_HAS_EMBEDDED_MODEL = False
    readiness = catalog.RUNTIMES["anthropic-direct"].readiness()
    assert not readiness.is_ready
    assert "ANTHROPIC_API_KEY" in readiness.reason


def test_a_runtime_whose_package_is_missing_says_how_to_install_it():
    facts = RuntimeFacts(
        name="new",
        title="New",
        provider="Nobody",
        description="",
        implementation="",
        package="no_such_package",
        distribution="no-such-package",
        extra="new",
    )
    readiness = facts.readiness()
    assert not readiness.is_ready
    assert "no-such-package, which is not installed" in readiness.reason
    assert readiness.fix == "pip install '.[new]'"
    assert readiness.version is None


@pytest.mark.parametrize("name", catalog.RUNTIME_NAMES)
def test_every_runtime_wants_one_of_its_credentials(monkeypatch, name):
    no_embedded_model(monkeypatch)
    facts = replace(catalog.RUNTIMES[name], package="")
    assert not facts.readiness().is_ready
    for credential in facts.credentials:
        monkeypatch.setenv(credential, "x")
        assert facts.readiness().is_ready
        monkeypatch.delenv(credential)


def test_a_real_model_goes_before_the_embedded_one(settings, monkeypatch):
    settings.STAGENT_DEFAULT_RUNTIME = ""
    monkeypatch.setattr(runtimes, "has_embedded_model", lambda: True)
    assert catalog.default_runtime().name == "anthropic-direct"
    monkeypatch.setenv("OLLAMA_HOST", "x")
    assert catalog.default_runtime().name == "ollama"


def test_readiness_tells_the_version_of_the_package():
    assert catalog.RUNTIMES["anthropic-direct"].readiness().version.count(".") == 2


def test_echo_is_there_for_tests_only(settings):
    settings.STAGENT_ENABLE_ECHO = False
    assert catalog.runtime("echo") is None
    settings.STAGENT_ENABLE_ECHO = True
    assert catalog.runtime("echo").readiness().is_ready
    assert "echo" not in catalog.RUNTIMES


def test_the_default_runtime_is_the_one_of_the_settings_ready_or_not(settings):
    settings.STAGENT_DEFAULT_RUNTIME = "ollama"
    assert catalog.default_runtime().name == "ollama"
    settings.STAGENT_ENABLE_ECHO = True
    settings.STAGENT_DEFAULT_RUNTIME = "echo"
    assert catalog.default_runtime().name == "echo"


def test_without_a_setting_the_default_runtime_is_the_first_that_has_a_key(
    settings, monkeypatch
):
    settings.STAGENT_DEFAULT_RUNTIME = ""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    assert catalog.default_runtime().name == "claude-code"
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("OLLAMA_HOST", "x")
    assert catalog.default_runtime().name == "ollama"


def test_where_no_runtime_is_ready_there_is_no_default(settings, monkeypatch):
    settings.STAGENT_DEFAULT_RUNTIME = ""
    no_embedded_model(monkeypatch)
    assert catalog.default_runtime() is None


# --- Built-in profiles --------------------------------------------------------------


def test_the_built_in_profiles_are_there():
    assert set(catalog.profiles()) >= BUILT_IN
    assert catalog.profile("no-such-profile") is None


@pytest.mark.parametrize("profile_id", sorted(BUILT_IN))
def test_a_built_in_profile_is_complete_and_allows_nothing_itself(profile_id):
    profile = catalog.profile(profile_id)
    assert profile.id == profile_id
    assert profile.source == catalog.BUILT_IN
    assert profile.allowed == ()
    assert 800 < len(profile.instructions) < 2_500
    assert profile.runtimes
    assert all(weight in {1, 2, 3} for weight in profile.keywords.values())


def test_general_data_analyst_and_technical_writer_suit_every_runtime():
    for name in ("general", "data-analyst", "technical-writer"):
        assert catalog.profile(name).runtimes == catalog.RUNTIME_NAMES


def test_a_code_reviewer_writes_nothing():
    reviewer = catalog.profile("code-reviewer")
    assert not {"write", "edit"} & set(reviewer.tools)
    assert "write" in reviewer.denied


def test_writers_run_no_commands():
    assert "run" not in catalog.profile("document-writer").tools
    assert "run" not in catalog.profile("technical-writer").tools


# --- Classification -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "profile_id"),
    [
        (
            "Analyze Q4 revenue trends\nProduce a summary report with charts",
            "data-analyst",
        ),
        (
            "Summarize meeting notes\nExtract action items from the transcript",
            "technical-writer",
        ),
        ("Draft a proposal for the board", "document-writer"),
        ("Look over this pull request for bugs", "code-reviewer"),
        ("Compare three vector databases\nResearch which is better", "researcher"),
        ("Make a roadmap with milestones", "project-manager"),
        ("DEPLOY it with Docker and Kubernetes", "devops-engineer"),
        ("Water the plants", "general"),
        ("", "general"),
        ("Plan", "general"),
        ("四半期の売上を分析してください", "general"),
    ],
)
def test_a_task_without_profile_gets_the_one_that_fits(text, profile_id):
    assert catalog.classify(text).id == profile_id


def test_keywords_are_whole_words_in_one_or_many():
    assert catalog.classify("milestones").id == "project-manager"
    assert catalog.classify("a milestone").id == "project-manager"
    assert catalog.classify("amilestoned").id == "general"
    assert catalog.classify("pull the cord, request a stop").id == "general"


# --- Compatibility ------------------------------------------------------------------


def test_a_profile_that_does_not_support_the_runtime_is_incompatible():
    problem = catalog.incompatibility("ollama", "code-reviewer")
    assert problem.startswith(
        "Profile Code reviewer does not support Ollama; use claude-code,"
    )


def test_a_profile_that_is_not_there_is_incompatible_with_all():
    assert catalog.incompatibility(None, "nobody") == "Profile not found: nobody"


@pytest.mark.parametrize(
    ("runtime_name", "profile_id"),
    [
        ("ollama", "general"),
        ("claude-code", "code-reviewer"),
        ("echo", "code-reviewer"),
        ("ollama", None),
        (None, "code-reviewer"),
        ("", "code-reviewer"),
        ("ollama", ""),
    ],
)
def test_what_fits_or_is_not_named_is_compatible(runtime_name, profile_id):
    assert catalog.incompatibility(runtime_name, profile_id) is None

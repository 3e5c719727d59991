"""What `manage.py check` tells of the runtimes."""

from agents.doctor.checks import check_each_runtime
from tasks import catalog


def test_the_deploy_check_tells_of_every_runtime_its_version_and_what_it_lacks(
    monkeypatch,
):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    told = {
        message.msg.split(" (")[1].split(")")[0]: message
        for message in check_each_runtime(None)
    }
    assert set(told) == set(catalog.RUNTIME_NAMES)
    assert told["claude-code"].msg.endswith(": ready")
    assert (
        catalog.RUNTIMES["claude-code"].readiness().version in told["claude-code"].msg
    )
    assert "OPENAI_API_KEY is not set" in told["openai-direct"].msg
    assert told["openai-direct"].hint.startswith("Set OPENAI_API_KEY")

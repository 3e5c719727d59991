"""What Claude Code's program is told of its provider."""

import pytest

from agents.providers import anthropic
from agents.runtimes.claude_environment import make_environment
from agents.workspaces import sandbox


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        # By Anthropic's own name it would ask there for settings, for 20 s where it cannot.
        ("", "http://provider.invalid"),
        ("https://api.anthropic.com", "http://provider.invalid"),
        ("https://me:secret@models.example:8443/a", "http://models.example:8443/a"),
    ],
)
def test_the_provider_is_shown_by_no_name_that_it_would_ask_past_the_socket(
    url, shown, monkeypatch, tmp_path
):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    confinement = sandbox.Confinement(str(tmp_path), str(tmp_path), "marker")
    endpoint = anthropic.AnthropicEndpoint.from_environment()
    given = make_environment(confinement, endpoint, retries=0)
    assert given["ANTHROPIC_BASE_URL"].rstrip("/") == shown
    assert "api.anthropic.com" not in str(given)
    assert "secret" not in str(given)

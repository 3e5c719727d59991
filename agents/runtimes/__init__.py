"""The runtimes by name, imported when first asked for: providers' libraries are slow to load."""

import asyncio
import gc
from dataclasses import dataclass
from importlib import import_module

from agents.protocol.events import UsageReported
from agents.protocol.runtime import Runtime
from agents.workspaces import probes
from agents.workspaces.probes import Probe
from tasks.catalog.runtimes import register_probe


@dataclass(frozen=True)
class Entry:
    """Where a runtime is implemented, without importing it."""

    module: str
    class_name: str
    probe: Probe | None = None  # of an agent that may not work on this machine
    # Of an agent that itself writes down what it used, in files that outlive a worker that
    # is killed: the module whose `read_left_behind` reads them.
    usage_module: str = ""


ENTRIES = {
    "claude-code": Entry(
        "agents.runtimes.claude_code", "ClaudeCode", probe=probes.CLAUDE_CODE
    ),
    "anthropic-direct": Entry("agents.runtimes.direct.anthropic", "AnthropicDirect"),
    "openai-codex-app-server": Entry(
        "agents.runtimes.codex",
        "Codex",
        probe=probes.CODEX,
        usage_module="agents.runtimes.codex.left_behind",
    ),
    "openai-direct": Entry("agents.runtimes.direct.openai", "OpenAIDirect"),
    "ollama": Entry("agents.runtimes.direct.ollama", "Ollama"),
    "echo": Entry("agents.runtimes.echo", "Echo"),
}

for name, entry in ENTRIES.items():
    if entry.probe:
        register_probe(name, entry.probe.find_obstacle)

_loaded: dict[str, Runtime] = {}


def get_runtime(name: str) -> Runtime:
    """Return the one instance of a runtime; KeyError if there is none of that name."""
    if name not in _loaded:
        entry = ENTRIES[name]
        runtime_class = getattr(import_module(entry.module), entry.class_name)
        # Of two threads that import it at once, both get the first one's.
        _loaded.setdefault(name, runtime_class())
        # A provider's library is 100,000 objects that stay: without this, the garbage
        # collector looks through them all every few dozen runs, and everything waits.
        gc.collect()
        gc.freeze()
    return _loaded[name]


async def load_runtime(name: str) -> Runtime:
    """Return a runtime; its library is imported in a thread, which the event loop allows."""
    if name in _loaded:
        return _loaded[name]
    return await asyncio.to_thread(get_runtime, name)


async def close_runtimes() -> None:
    """Close what the loaded runtimes share between runs."""
    for runtime in _loaded.values():
        await runtime.close()


def list_writing_usage() -> list[str]:
    """List the runtimes whose agents write down what they used: see `read_left_behind`."""
    return [name for name, entry in ENTRIES.items() if entry.usage_module]


def read_left_behind(
    name: str, open_key: str, *, provider: str, model: str
) -> list[UsageReported]:
    """Return what an agent wrote down of its requests, `open_key` being the last it made."""
    entry = ENTRIES.get(name)
    if entry is None or not entry.usage_module:
        return []
    try:
        module = import_module(entry.usage_module)
    except ImportError:  # it is not installed here, and has left nothing behind
        return []
    found: list[UsageReported] = module.read_left_behind(
        open_key, provider=provider, model=model
    )
    return found

"""Name -> runtime, imported when first asked for: providers' libraries are slow to load."""

import asyncio
import gc
from importlib import import_module

from agents.protocol.events import UsageReported
from agents.protocol.runtime import Runtime

_PLACES = {
    "claude-code": "agents.runtimes.claude_code:ClaudeCode",
    "anthropic-direct": "agents.runtimes.direct.anthropic:AnthropicDirect",
    "openai-codex-app-server": "agents.runtimes.codex:Codex",
    "openai-direct": "agents.runtimes.direct.openai:OpenAIDirect",
    "ollama": "agents.runtimes.direct.ollama:Ollama",
    "echo": "agents.runtimes.echo:Echo",
}
# Agents that write down themselves what they used; the files outlive a worker that is killed.
WRITE_DOWN = {"openai-codex-app-server": "agents.runtimes.codex.left_behind"}

_loaded: dict[str, Runtime] = {}


def runtime(name: str) -> Runtime:
    """Return the one instance of a runtime; KeyError if there is none of that name."""
    if name not in _loaded:
        module, _, attribute = _PLACES[name].partition(":")
        # Of two threads that import it at once, both get the first one's.
        _loaded.setdefault(name, getattr(import_module(module), attribute)())
        # A provider's library is 100,000 objects that stay: without this, the garbage
        # collector looks through them all every few dozen runs, and everything waits.
        gc.collect()
        gc.freeze()
    return _loaded[name]


def left_behind(
    name: str, open_key: str, *, provider: str, model: str
) -> list[UsageReported]:
    """Return what an agent wrote down of its requests, this one being the last it made."""
    if name not in WRITE_DOWN:
        return []
    try:
        module = import_module(WRITE_DOWN[name])
    except ImportError:  # it is not installed here, and has left nothing behind
        return []
    found: list[UsageReported] = module.read_left_behind(
        open_key, provider=provider, model=model
    )
    return found


async def load(name: str) -> Runtime:
    """Return it too, without holding up the event loop for a library that is imported."""
    if name in _loaded:
        return _loaded[name]
    return await asyncio.to_thread(runtime, name)


async def close() -> None:
    """Let go of what the loaded runtimes share between runs."""
    for loaded in _loaded.values():
        await loaded.close()

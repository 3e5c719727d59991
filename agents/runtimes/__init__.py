"""The runtimes by name, imported when first asked for: providers' libraries are slow to load.

What is imported for each stands in its entry in `tasks.catalog.runtimes`.
"""

import asyncio
import gc
from pkgutil import resolve_name

from agents.protocol.events import UsageReported
from agents.protocol.runtime import Runtime
from tasks.catalog.runtimes import ECHO, RUNTIMES, register_probe

_FACTS = {facts.name: facts for facts in (*RUNTIMES.values(), ECHO)}

for facts in _FACTS.values():
    if facts.probe:
        register_probe(facts.name, resolve_name(facts.probe).find_obstacle)

_loaded: dict[str, Runtime] = {}


def get_runtime(name: str) -> Runtime:
    """Return the one instance of a runtime; KeyError if there is none of that name."""
    if name not in _loaded:
        runtime_class = resolve_name(_FACTS[name].implementation)
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
    return [name for name, facts in _FACTS.items() if facts.usage_reader]


def read_left_behind(
    name: str, open_key: str, *, provider: str, model: str
) -> list[UsageReported]:
    """Return what an agent wrote down of its requests, `open_key` being the last it made."""
    facts = _FACTS.get(name)
    if facts is None or not facts.usage_reader:
        return []
    try:
        read = resolve_name(facts.usage_reader)
    except ImportError:  # it is not installed here, and has left nothing behind
        return []
    found: list[UsageReported] = read(open_key, provider=provider, model=model)
    return found

"""Name -> runtime, imported when first asked for: providers' libraries are slow to load."""

from functools import cache
from importlib import import_module

from agents.runtimes.base import Runtime

_PLACES = {
    "anthropic-direct": "agents.runtimes.anthropic_direct:AnthropicDirect",
    "echo": "agents.runtimes.echo:Echo",
}


@cache
def runtime(name: str) -> Runtime:
    """Return the one instance of a runtime; KeyError if there is none of that name."""
    module, _, attribute = _PLACES[name].partition(":")
    instance: Runtime = getattr(import_module(module), attribute)()
    return instance

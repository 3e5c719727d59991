"""The runtimes as the contract suites see them: the drivers in the files of this folder.

To add a runtime to the contract suites, write a driver for it: it is found here. A driver says a script of turns in its provider's format: what the model says, which of the
three tools `write`, `run` and `list` it uses, and how a request fails.
"""

from importlib import import_module
from pkgutil import iter_modules

import pytest

from tests.agents.runtimes.drivers.claude_code import CLAUDE_CODE
from tests.agents.runtimes.drivers.codex import CODEX
from tests.agents.runtimes.drivers.direct import ANTHROPIC, DirectDriver


def _find_drivers():
    """Return the drivers of all files, those of our own loop first."""
    modules = [
        import_module(f"{__name__}.{one.name}") for one in iter_modules(__path__)
    ]
    found = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, DirectDriver)
    }
    return tuple(sorted(found.values(), key=lambda one: type(one) is not DirectDriver))


DRIVERS = _find_drivers()


def parametrize(drivers=DRIVERS):
    """Make the parameters of a test or a fixture that is run with each of the drivers.

    Claude Code takes seconds to start, so what runs it is for `make test-slow`.
    """
    return [
        pytest.param(
            driver,
            id=driver.name,
            marks=[pytest.mark.slow] if driver is CLAUDE_CODE else [],
        )
        for driver in drivers
    ]


__all__ = ["ANTHROPIC", "CLAUDE_CODE", "CODEX", "DRIVERS", "parametrize"]

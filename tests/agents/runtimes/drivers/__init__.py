"""The runtimes as `test_runtimes.py` sees them, one driver a file.

To add a runtime to the contract suite, write a driver for it and name it in `DRIVERS`. A
driver says a script of turns in its provider's format: what the model says, which of the
three tools `write`, `run` and `list` it uses, and how a request fails.
"""

import pytest

from tests.agents.runtimes.drivers.claude_code import CLAUDE_CODE
from tests.agents.runtimes.drivers.codex import CODEX
from tests.agents.runtimes.drivers.direct import ANTHROPIC, OLLAMA, OPENAI

DRIVERS = (ANTHROPIC, OPENAI, OLLAMA, CLAUDE_CODE, CODEX)


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


__all__ = ["CLAUDE_CODE", "CODEX", "DRIVERS", "parametrize"]

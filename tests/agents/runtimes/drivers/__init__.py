"""The runtimes as `test_runtimes.py` sees them, one driver a file.

To add a runtime to the contract suite, write a driver for it and name it in `DRIVERS`. A
driver says a script of turns in its provider's format: what the model says, which of the
three tools `write`, `run` and `list` it uses, and how a request fails.
"""

from tests.agents.runtimes.drivers.claude_code import CLAUDE_CODE
from tests.agents.runtimes.drivers.codex import CODEX
from tests.agents.runtimes.drivers.direct import ANTHROPIC, OLLAMA, OPENAI

DRIVERS = (ANTHROPIC, OPENAI, OLLAMA, CLAUDE_CODE, CODEX)

__all__ = ["CLAUDE_CODE", "CODEX", "DRIVERS"]

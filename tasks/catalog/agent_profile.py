"""A profile: how an agent is to behave, and within what limits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.catalog.runtimes import ECHO, RUNTIME_NAMES

TOOL_NAMES: tuple[str, ...] = (
    *("read", "list", "search", "write", "edit", "run"),
    "ask",  # a person
)
BUILT_IN = "built-in"
STORED = "database"  # of those that people make and change while the server runs
MAX_ID_CHARACTERS = 100
_ID = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How an agent is to behave, and within what limits."""

    id: str
    name: str
    description: str
    instructions: str
    allowed: tuple[str, ...] = ()  # permission patterns: what it may do unasked
    denied: tuple[str, ...] = ()  # what it may never do, not even when asked
    # By weight: 1 hints at this profile, 2 suggests it, 3 says it.
    keywords: Mapping[str, int] = field(default_factory=dict, hash=False)
    runtimes: tuple[str, ...] = RUNTIME_NAMES  # those it suits
    tools: tuple[str, ...] = TOOL_NAMES  # of the direct runtimes' own
    network: bool = False  # whether what it runs reaches more than its provider
    model: str = ""  # where the task names none
    models: Mapping[str, str] = field(default_factory=dict, hash=False)  # by runtime
    effort: str = ""
    max_turns: int | None = None
    max_budget_usd: float | None = None
    domain: str = ""
    tags: tuple[str, ...] = ()
    author: str = ""
    source: str = BUILT_IN  # or the path of a site's own file

    def suits(self, runtime_name: str) -> bool:
        return runtime_name in self.runtimes or runtime_name == ECHO.name


def is_profile_id(text: str) -> bool:
    return len(text) <= MAX_ID_CHARACTERS and _ID.fullmatch(text) is not None

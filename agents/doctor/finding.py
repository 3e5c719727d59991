"""What the doctor reports of each thing that it looks at."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing is that was looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what mends it."""

    what: str
    state: State
    message: str
    cure: str = ""
    is_the_end: bool = False  # without this nothing else can be looked at


def report_ok(what: str, message: str) -> Finding:
    return Finding(what, State.OK, message)

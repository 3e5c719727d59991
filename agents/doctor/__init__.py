"""Looks at what only a running site can show: its neighbours, its clock, its disk, its rows.

What the settings alone tell is said by `manage.py check`.
"""

from collections.abc import Callable, Iterator

from agents.doctor import place, providers, rows
from agents.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]

_EXAMINATIONS: tuple[Callable[[], Iterator[Finding]], ...] = (
    place.look_at_database,
    place.look_at_messages,
    place.look_at_disk,
    place.look_at_sandbox,
    providers.look_at_providers,
    rows.look_at_rows,
)


def examine() -> Iterator[Finding]:
    """Yield what is found, as soon as it is. Each look is bounded in time, and changes nothing."""
    for look in _EXAMINATIONS:
        for finding in look():
            yield finding
            if finding.is_the_end:
                return

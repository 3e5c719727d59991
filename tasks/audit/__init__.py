"""The audit's writing: who wrote what, and what it was before and after.

`recorded()` does it in one transaction with the write; the API, the admin, the commands and
the schedules each call it at the one place that all their writes pass.
"""

from tasks.audit.author import Author
from tasks.audit.recording import (
    changes_of_task,
    find_type,
    make_entry,
    one_write,
    recorded,
    recorded_now,
    together,
)
from tasks.audit.values import differences, masked, snapshot
from tasks.models.audit import insert_of

__all__ = [
    "Author",
    "changes_of_task",
    "differences",
    "find_type",
    "insert_of",
    "make_entry",
    "masked",
    "one_write",
    "recorded",
    "recorded_now",
    "snapshot",
    "together",
]

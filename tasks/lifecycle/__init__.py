"""The verbs that move a task and its runs together.

Each is one transaction that takes the task's row first, writes a log entry and publishes it
on commit. The API, the admin and `manage.py` call these and nothing else; `tasks.lifecycle.runs`
has the worker's part, `tasks.lifecycle.messages` what people say to an agent.
"""

from tasks.lifecycle.starting import (
    choose_budget,
    choose_model,
    choose_runtime_and_profile,
    execute,
    resume,
    run_again,
    start_run,
    why_not_resumable,
)
from tasks.lifecycle.status import queue, record_status
from tasks.lifecycle.stopping import cancel, delete

__all__ = [
    "cancel",
    "choose_budget",
    "choose_model",
    "choose_runtime_and_profile",
    "delete",
    "execute",
    "queue",
    "record_status",
    "resume",
    "run_again",
    "start_run",
    "why_not_resumable",
]

"""One question to a model: how should this task be done? Its answer may become a workflow, or tasks.

An assist is a task that no list of tasks shows: so it is queued, booked, bounded by budgets, stopped
and taken up again like any other. Its agent uses no tools, and its result is JSON.
"""

from tasks.assist.question import PROFILE, ask, find

__all__ = ["PROFILE", "ask", "find"]

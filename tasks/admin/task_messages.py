"""The tab of what people said to a task's agent, and whether the agent has it."""

from typing import Any

from django.http import HttpRequest

from tasks.admin import display, results
from tasks.models import Message, Task

SHOWN = 200  # the newest


def fill(request: HttpRequest, task: Task) -> dict[str, Any]:
    newest = Message.objects.filter(task=task).order_by("-sequence")[: SHOWN + 1]
    said = list(newest)
    return {
        "said": [
            {
                "text": results.shorten(one.text),
                "by": one.by,
                "at": display.ago(one.created_at),
                "delivered": display.ago(one.delivered_at) if one.delivered_at else "",
                "documents": len(one.document_ids),
                "sequence": one.sequence,
            }
            for one in said[:SHOWN]
        ],
        "has_more": len(said) > SHOWN,
    }

"""What the API shows of a message to an agent."""

from typing import Any

from stagent.database.json_text import iso_text
from tasks.models import Message, Run

JSON = dict[str, Any]


def represent_message(message: Message) -> JSON:
    delivered_at = message.delivered_at
    return {
        "id": str(message.pk),
        "taskId": str(message.task_id),
        "text": message.text,
        "documentIds": message.document_ids,
        "by": message.by or None,
        "createdAt": iso_text(message.created_at),
        "deliveredAt": iso_text(delivered_at) if delivered_at else None,
        "sequence": message.sequence,
    }


def represent_sent(message: Message, run: Run | None) -> JSON:
    """Return a message that was just sent, and whether it started a run."""
    return {**represent_message(message), "followUp": run is not None}

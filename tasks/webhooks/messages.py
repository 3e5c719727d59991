"""What a webhook is sent: a body, and the headers that sign it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from standardwebhooks import Webhook as Signer

from tasks.models import OutboxEvent, OutboxType, Webhook
from tasks.payloads.events import read_budget_id, read_schedule_id
from tasks.payloads.log_entries import read_request_id

JSON = dict[str, Any]

_EMOJI = {
    OutboxType.TASK_COMPLETED: ":white_check_mark:",
    OutboxType.TASK_FAILED: ":x:",
    OutboxType.PERMISSION_REQUESTED: ":raised_hand:",
    OutboxType.QUESTION_ASKED: ":question:",
    OutboxType.BUDGET_WARNING: ":warning:",
    OutboxType.BUDGET_EXCEEDED: ":no_entry:",
    OutboxType.SCHEDULE_PAUSED: ":double_vertical_bar:",
}
MAX_SLACK_MESSAGE = 1_000


@dataclass(frozen=True)
class WebhookMessage:
    """What is sent: it is the same at every attempt, but for the time in its signature."""

    url: str
    body: bytes
    headers: dict[str, str]


def make_message(
    webhook: Webhook, event: OutboxEvent, *, now: datetime
) -> WebhookMessage:
    """Return the signed message that tells `webhook` of `event`."""
    is_slack = webhook.format == Webhook.Format.SLACK
    content = _make_slack_content(event) if is_slack else _make_content(event)
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    now = now.astimezone(UTC)
    message_id = make_message_id(event)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Stagent-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(webhook.secret).sign(message_id, now, body),
    }
    return WebhookMessage(webhook.url, body.encode("utf-8", "replace"), headers)


def make_message_id(event: OutboxEvent) -> str:
    return f"evt_{event.uid.hex}"


def _make_content(event: OutboxEvent) -> JSON:
    content = event.as_content()
    kind, timestamp = content.pop("type"), content.pop("timestamp")
    data = {**content, "url": find_page(event)}
    return {"type": kind, "timestamp": timestamp, "data": data}


def _make_slack_content(event: OutboxEvent) -> JSON:
    emoji = _EMOJI.get(OutboxType(event.type), "")
    title = f"*{_escape(event.title)}*: " if event.title else ""
    is_request = bool(read_request_id(event.data))
    link = f"<{find_page(event)}|{'Open the request' if is_request else 'Open'}>"
    message = _escape(event.message[:MAX_SLACK_MESSAGE])
    return {"text": f"{emoji} {title}{message}\n{link}".strip()}


def find_page(event: OutboxEvent) -> str:
    """Return the address of the page on which a person sees what happened, or decides."""
    base = f"{settings.STAGENT_PUBLIC_URL}/admin"
    if request_id := read_request_id(event.data):
        return f"{base}/tasks/permissionrequest/{request_id}/change/"
    if event.task_id:
        return f"{base}/tasks/task/{event.task_id}/change/"
    if schedule_id := read_schedule_id(event.data):
        return f"{base}/tasks/schedule/{schedule_id}/change/"
    if budget_id := read_budget_id(event.data):
        return f"{base}/ledger/budget/{budget_id}/change/"
    return f"{base}/"


def _escape(text: str) -> str:
    """Escape what Slack would take for a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

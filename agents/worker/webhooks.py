"""The worker's part in webhooks: it publishes the outbox and sends what is due."""

import asyncio
import logging
from collections import Counter
from uuid import UUID

from django.utils import timezone

from agents.worker.database import run_in_database
from tasks.models import Delivery
from tasks.observability import log_context
from tasks.webhooks.attempts import claim_due, record
from tasks.webhooks.messages import make_message
from tasks.webhooks.publication import publish_all
from tasks.webhooks.retention import remove_expired_events
from tasks.webhooks.sending import Outcome, send

SENDING_SECONDS = 1.0
REMOVING_SECONDS = 3600
MOST_AT_ONCE = 20
# To one address, so that a slow receiver leaves room for others.
MOST_TO_ONE = 4

log = logging.getLogger(__name__)


class WebhookSender:
    """Sends deliveries, several at once; any number of workers may do so."""

    def __init__(self) -> None:
        self._sending: dict[asyncio.Task[None], UUID] = {}  # the webhook of each

    async def look(self) -> None:
        """Publish what was written, and begin to send what is due."""
        await run_in_database(publish_all)
        while (free := MOST_AT_ONCE - len(self._sending)) > 0:
            counts = Counter(self._sending.values())
            busy = [pk for pk, count in counts.items() if count >= MOST_TO_ONE]
            # Few at a time: they may make their webhook a busy one.
            claimed = await run_in_database(
                claim_due, min(free, MOST_TO_ONE), without=busy
            )
            for delivery in claimed:
                task = asyncio.create_task(self._send(delivery))
                self._sending[task] = delivery.webhook_id
                task.add_done_callback(self._sending.pop)
            if not claimed:
                return

    async def close(self) -> None:
        """Stop sending: what is not written down as sent is sent again, by another worker."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _send(self, delivery: Delivery) -> None:
        try:
            message = make_message(delivery.webhook, delivery.event, now=timezone.now())
            outcome = await send(message)
        except Exception as error:
            # Of ours, then: it counts as a failed attempt, and not as one that never was.
            log.exception(
                "Could not send delivery %s",
                delivery.pk,
                extra=log_context.make_extra("send a webhook"),
            )
            outcome = Outcome(0, error=f"{type(error).__name__}: {error}"[:1_000])
        await run_in_database(record, delivery, outcome)


async def remove_old() -> None:
    """Remove events, with their deliveries, that are kept no longer."""
    while await run_in_database(remove_expired_events):
        pass  # with room for others in between

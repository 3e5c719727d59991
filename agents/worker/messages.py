"""Receives the messages that the web process and other workers send to workers."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Never

from tasks import pubsub

# Groups of channels_redis forget their members after a day.
REJOIN_SECONDS = 600


async def receive_messages(
    channel_layer: Any, handle: Callable[[dict[str, Any]], None]
) -> Never:
    """Hand each message to `handle`, until cancelled or until either raises."""
    channel = await channel_layer.new_channel()
    joined_at = float("-inf")
    while True:
        if time.monotonic() - joined_at > REJOIN_SECONDS:
            await channel_layer.group_add(pubsub.WORKERS, channel)
            joined_at = time.monotonic()
        try:
            async with asyncio.timeout(REJOIN_SECONDS):
                message = await channel_layer.receive(channel)
        except TimeoutError:
            continue
        handle(message)

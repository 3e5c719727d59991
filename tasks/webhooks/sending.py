"""Sends one message, to an address that was looked at, and follows no redirect."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from tasks.webhooks.addresses import make_checked_socket
from tasks.webhooks.messages import WebhookMessage

TIMEOUT_SECONDS = 15
MAX_RESPONSE_BYTES = 1_024


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt: a response, or else an error."""

    milliseconds: int
    response_status: int | None = None
    response_text: str = ""
    error: str = ""
    retry_after_seconds: float = 0.0  # what the receiver asks to wait; 0: nothing

    @property
    def is_delivered(self) -> bool:
        return self.response_status is not None and 200 <= self.response_status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more, by the Standard Webhooks rules."""
        return self.response_status == 410


async def send(message: WebhookMessage) -> Outcome:
    """Send a message and return what came of it; nothing that the receiver does is raised."""
    began = time.monotonic()

    def took() -> int:
        return round((time.monotonic() - began) * 1000)

    try:
        async with (
            _open_session() as session,
            session.post(
                message.url,
                data=message.body,
                headers=message.headers,
                allow_redirects=False,
            ) as response,
        ):
            begin = await response.content.read(MAX_RESPONSE_BYTES)
            text = begin.decode("utf-8", "replace").replace("\0", "")
            status = response.status
            error = (
                "Redirects are not followed: subscribe the address that it leads to."
                if 300 <= status < 400
                else ""
            )
            asked = read_retry_after(response.headers.get("Retry-After", ""))
            return Outcome(took(), status, text, error, asked)
    except TimeoutError:
        return Outcome(took(), error=f"No response within {TIMEOUT_SECONDS} s.")
    except (aiohttp.ClientError, OSError, ValueError) as failure:
        return Outcome(took(), error=f"{type(failure).__name__}: {failure}"[:1_000])


def read_retry_after(text: str) -> float:
    """Return the seconds that a header `Retry-After` asks for: a number, or a date's distance."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    zoned = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())


def _open_session() -> aiohttp.ClientSession:
    """Open a session for one message: what is looked up now may be elsewhere the next time.

    It takes no proxy from the environment, which would connect to what is refused here.
    """
    connector = aiohttp.TCPConnector(
        socket_factory=make_checked_socket, use_dns_cache=False, force_close=True
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        loop=asyncio.get_running_loop(),
    )

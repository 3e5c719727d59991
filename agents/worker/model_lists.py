"""Keeps which models the providers have, so that people can choose among them."""

import asyncio
import logging

import httpx2

from agents.providers import model_lists
from agents.worker.database import run_in_database
from tasks.models import ModelList
from tasks.observability import log_context
from tasks.observability.credentials import hide_all_credentials

LOOKING_SECONDS = 3600
# After a start there is other work; and whoever only tries something needs no list.
FIRST_LOOK_SECONDS = 60.0

log = logging.getLogger(__name__)


async def keep_lists(first_look_seconds: float = FIRST_LOOK_SECONDS) -> None:
    """Ask each provider once a day, whichever worker comes first."""
    await asyncio.sleep(first_look_seconds)
    for endpoint, url, provider in model_lists.list_endpoints():
        if not await run_in_database(ModelList.objects.is_due, provider):
            continue
        try:
            answer = await asyncio.to_thread(model_lists.ask, endpoint, url)
        except httpx2.HTTPError as error:
            log.info(
                "%s does not tell its models: %s",
                endpoint.address,
                hide_all_credentials(str(error)),
                extra=log_context.make_extra("list models"),
            )
            continue
        if names := model_lists.read_names(answer):
            await run_in_database(ModelList.objects.keep, provider, names)

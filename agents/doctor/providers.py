"""Whether each provider that is set up answers, and takes the key. It costs nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from agents.doctor.finding import Finding, State, report_ok
from agents.doctor.place import judge_clock
from agents.providers import model_lists
from agents.providers.endpoint import Endpoint
from tasks import catalog
from tasks.observability.credentials import hide_all_credentials


def look_at_providers() -> Iterator[Finding]:
    found = False
    for endpoint, url, _ in model_lists.list_endpoints():
        found = True
        yield from _ask_provider(endpoint, url)
    if not found and catalog.has_embedded_model():
        yield report_ok(
            "providers", "none is set up: `serve` brings the embedded model"
        )
    elif not found:
        cure = "Set ANTHROPIC_API_KEY, OPENAI_API_KEY or OLLAMA_HOST."
        message = "none is set up: no task can run"
        yield Finding("providers", State.FAILING, message, cure)


def _ask_provider(endpoint: Endpoint, url: str) -> Iterator[Finding]:
    what = f"provider {endpoint.provider}"
    try:
        answer = model_lists.ask(endpoint, url)
    except httpx2.HTTPError as error:
        yield Finding(
            what,
            State.FAILING,
            hide_all_credentials(f"{endpoint.address} does not answer: {error}"),
            f"Look at the network, a proxy, and {endpoint.url_name}.",
        )
        return
    if answer.status_code in {401, 403}:
        message = f"{endpoint.address} refuses the key ({answer.status_code})"
        cure = (
            f"Correct {endpoint.key_name} in the server's environment and restart it."
        )
        yield Finding(what, State.FAILING, message, cure)
    elif answer.status_code >= 500:
        message = f"{endpoint.address} answers {answer.status_code}"
        yield Finding(what, State.WARNING, message, "Try again in a while.")
    else:
        yield report_ok(what, f"{endpoint.address} answers")
    if date := answer.headers.get("Date"):
        yield from _compare_clock(endpoint, date)


def _compare_clock(endpoint: Endpoint, date: str) -> Iterator[Finding]:
    try:
        seconds = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return
    findings = judge_clock("clock", seconds, f"{endpoint.provider}'s")
    yield from (one for one in findings if one.state is not State.OK)

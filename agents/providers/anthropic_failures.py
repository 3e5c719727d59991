"""How the SDK tells of failures."""

import anthropic

from agents.protocol.events import JSON
from agents.protocol.runtime import RuntimeFailed
from agents.providers import failures
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.failures import TurnFailed


def read_sdk_error(
    error: Exception, endpoint: AnthropicEndpoint
) -> TurnFailed | RuntimeFailed:
    """Say what went wrong and whether another try may help."""
    match error:
        case anthropic.APIStatusError():
            refusal = failures.Refusal(
                status=error.status_code,
                kind=error.type or "",
                message=error.api_message or error.message,
                headers=error.response.headers,
                facts=_read_error(error.body),
            )
            return failures.make_refusal_failure(refusal, endpoint)
        case anthropic.APIConnectionError() if isinstance(error.__cause__, Exception):
            return failures.make_connection_failure(error.__cause__, endpoint)
    return failures.make_connection_failure(error, endpoint)


def _read_error(body: object) -> JSON:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}

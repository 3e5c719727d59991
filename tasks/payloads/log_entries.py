"""The `data` of log entries: made here by whoever writes one, and read here by whoever reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]
Data = Mapping[str, Any]

# For look-ups in the database and for scripts; all else has a function below.
CALL_ID, IS_ERROR = "callId", "isError"
NOTIFICATION_ID, MESSAGE_ID = "notificationId", "messageId"
TOOL_NAME = "toolName"


def make_tool_use(tool_name: str, tool_input: JSON | None, call_id: str) -> JSON:
    return {TOOL_NAME: tool_name, "toolInput": tool_input, CALL_ID: call_id}


def make_tool_not_run(tool_name: str, tool_input: JSON | None, call_id: str) -> JSON:
    """Return the data of a call that a reader of the log shall not take for one that was done."""
    return {**make_tool_use(tool_name, tool_input, call_id), "isRun": False}


def make_tool_result(tool_name: str, call_id: str, *, is_error: bool) -> JSON:
    return {TOOL_NAME: tool_name, CALL_ID: call_id, IS_ERROR: is_error}


def make_usage(
    *,
    model: str,
    prompt_tokens: int,
    output_tokens: int,
    cost_microdollars: int | None,
    is_estimated: bool,
) -> JSON:
    data: JSON = {
        "modelId": model,
        "inputTokens": prompt_tokens,
        "outputTokens": output_tokens,
        "costMicros": cost_microdollars,
    }
    if is_estimated:
        data["isEstimated"] = True
    return data


def make_retry(delay_seconds: float) -> JSON:
    return {"delaySeconds": delay_seconds}


def make_message(
    message_id: str, *, by: str, is_delivered: bool, document_ids: Sequence[str] = ()
) -> JSON:
    data: JSON = {MESSAGE_ID: message_id, "by": by, "isDelivered": is_delivered}
    if document_ids:
        data["documentIds"] = list(document_ids)
    return data


def make_permission_request(
    request_id: str,
    *,
    tool_name: str,
    tool_input: JSON,
    action: str,
    is_question: bool = False,
) -> JSON:
    data: JSON = {
        TOOL_NAME: tool_name,
        "toolInput": tool_input,
        "action": action,
        NOTIFICATION_ID: request_id,
    }
    if is_question:
        data["type"] = "question"
    return data


def make_decision(request_id: str, *, is_allowed: bool, tool_name: str) -> JSON:
    return {
        NOTIFICATION_ID: request_id,
        "behavior": "allow" if is_allowed else "deny",
        TOOL_NAME: tool_name,
    }


def read_call_id(data: Data) -> str:
    """Return the id of the call that a tool's use or result belongs to, or an empty text."""
    return str(data.get(CALL_ID) or "")


def read_request_id(data: Data) -> str:
    """Return the id of the permission request that an entry is about, or an empty text."""
    return str(data.get(NOTIFICATION_ID) or "")


def read_cost(data: Data) -> int | None:
    """Return the microdollars of a usage; None where the price is unknown."""
    cost: int | None = data.get("costMicros")
    return cost


def is_error(data: Data) -> bool:
    return data.get(IS_ERROR) is True


# --- Whole entries, as the log stream sends them ---------------------------------------------


@dataclass(frozen=True)
class ServedEntry:
    """An entry that was read from the log stream."""

    event_type: str
    message: str
    timestamp: str
    request_id: str

    @property
    def time_of_day(self) -> str:
        return self.timestamp[11:19]


def make_served(
    sequence: int, event_type: str, message: str, timestamp: str, data: Data
) -> JSON:
    return {
        "eventType": event_type,
        "message": message,
        "timestamp": timestamp,
        "sequence": sequence,
        **data,
    }


def make_served_partial(message: str, timestamp: str) -> JSON:
    """Return unfinished text: like an entry, with no number."""
    return {"eventType": "partial", "message": message, "timestamp": timestamp}


def name_task(entry: Data, task_id: str) -> JSON:
    """Return a served entry that says which task's it is, for streams of several."""
    return {"taskId": task_id, **entry}


def read_served(entry: Data) -> ServedEntry:
    return ServedEntry(
        event_type=entry["eventType"],
        message=entry["message"],
        timestamp=entry["timestamp"],
        request_id=read_request_id(entry),
    )

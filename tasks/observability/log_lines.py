"""The server's own log as JSON: one line an event, for what gathers and searches logs."""

import logging
import re
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS, LogData
from pythonjsonlogger.orjson import OrjsonFormatter

from tasks.observability import log_context
from tasks.observability.credentials import hide_all_credentials

# Django gives the request along, which is no text.
NOT_SHOWN = [*RESERVED_ATTRS, "request", "server_time"]
_TASK_IN_PATH = re.compile(r"^/api/tasks/([0-9a-fA-F-]{36})(?:/|$)")


class JsonFormatter(OrjsonFormatter):
    """Writes time, level, logger, message, the ids of the context and what the event adds."""

    def __init__(self) -> None:
        super().__init__(
            ["message"],
            reserved_attrs=NOT_SHOWN,
            rename_fields={"exc_info": "traceback", "stack_info": "stack"},
        )

    def add_fields(
        self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        super().add_fields(log_data, record, message_dict)
        for name, value in _ids().items():
            if not log_data.get(name):  # what the line itself says goes first
                log_data[name] = value

    def process_log_record(self, log_data: LogData) -> LogData:
        """Hide credentials in each text, before JSON escapes what they are known by."""
        return {
            key: value
            if isinstance(value, int | float | None)
            else hide_all_credentials(str(value))
            for key, value in log_data.items()
            if value != ""
        }


def _ids() -> dict[str, str]:
    ids = dict(log_context.current())
    if found := _TASK_IN_PATH.match(ids.get("path", "")):
        ids.setdefault("task_id", found[1].lower())
    return ids

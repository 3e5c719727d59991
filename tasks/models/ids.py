"""Ids that sort by the time they were made."""

import re
import uuid
from datetime import datetime

import uuid_utils.compat

MIN_PREFIX = 8  # of an id that is named by its start: characters


def new_id() -> uuid.UUID:
    """Make a UUID of version 7: of two made in a row the second is the greater."""
    return uuid_utils.compat.uuid7()


def first_id_at(time: datetime) -> uuid.UUID:
    """Return what is not greater than any id that was made at this time or later."""
    return uuid.UUID(int=int(time.timestamp() * 1_000) << 80)


def new_text_id() -> str:
    return str(new_id())


def range_of_prefix(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return the first and the last id that begin so; None if no id does, or `text` is too short."""
    digits = text.strip().replace("-", "").lower()
    if not re.fullmatch(f"[0-9a-f]{{{MIN_PREFIX},32}}", digits):
        return None
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))

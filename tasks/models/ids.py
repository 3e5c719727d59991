"""Ids that sort by the time they were made."""

import uuid
from datetime import datetime

import uuid_utils.compat


def new_id() -> uuid.UUID:
    """Make a UUID of version 7: of two made in a row the second is the greater."""
    return uuid_utils.compat.uuid7()


def first_id_at(time: datetime) -> uuid.UUID:
    """Return what is not greater than any id that was made at this time or later."""
    return uuid.UUID(int=int(time.timestamp() * 1_000) << 80)


def new_text_id() -> str:
    return str(new_id())

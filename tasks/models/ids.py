"""Ids that sort by the time they were made."""

import uuid

import uuid_utils.compat


def new_id() -> uuid.UUID:
    """Make a UUID of version 7: of two made in a row the second is the greater."""
    return uuid_utils.compat.uuid7()


def new_text_id() -> str:
    return str(new_id())

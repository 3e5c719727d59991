"""Who writes, and by which door."""

from dataclasses import dataclass

from tasks.models import Way


@dataclass(frozen=True)
class Author:
    """Who writes. Without a name it is somebody who needed no login."""

    way: Way
    name: str = ""
    user_id: int | None = None
    token_name: str = ""
    token_prefix: str = ""
    address: str = ""

"""What a response needs of its connection: to wait for slow readers, and to hang up.

An ASGI server does both by itself: its `send` waits, and it closes the connection of an
application that returns before its response is complete. For one that does not, an adapter
takes the place of `connections`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from stagent.server.asgi_types import Send


class Connections:
    """The connections of a server that needs no help."""

    @contextmanager
    def pace(self, send: Send) -> Iterator[Send]:
        """Give a `send` that returns once the reader has taken most of what was sent.

        Leave the context before the last message, which ends the connection's response.
        """
        yield send

    def hang_up(self, send: Send) -> None:
        """Close the connection of a response that was started and cannot be finished."""


_current = Connections()


def use(connections: Connections) -> None:
    """Let responses use `connections` from now on."""
    global _current
    _current = connections


def get() -> Connections:
    return _current

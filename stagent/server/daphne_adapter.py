"""Makes daphne behave as other ASGI servers do: bodies as they come, responses at their pace."""

from stagent.server import connections
from stagent.server.daphne_bodies import stream_bodies
from stagent.server.daphne_connections import DaphneConnections


def install() -> None:
    """Adapt daphne, once for this process."""
    stream_bodies()
    connections.use(DaphneConnections())

"""The end of a process that was told to stop, should it hang."""

import faulthandler

# Beside the grace for runs: for stopping agents, writing ends down and closing connections.
MARGIN_SECONDS = 20.0


def end_by_force(*, after_seconds: float) -> None:
    """End this process then, unless it has by itself; what each thread does goes to stderr.

    Its runs are taken up once their leases have run out. A later call sets another time.
    """
    faulthandler.dump_traceback_later(after_seconds, exit=True)

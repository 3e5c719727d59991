"""The end of a process that was told to stop, should it hang."""

import faulthandler

# Added to the grace of runs: to stop agents, write outcomes and close connections.
MARGIN_SECONDS = 20.0


def end_by_force(*, after_seconds: float) -> None:
    """Exit after so many seconds, and print each thread's stack to stderr.

    Other workers close its runs once their leases have expired. A later call resets the time.
    """
    faulthandler.dump_traceback_later(after_seconds, exit=True)

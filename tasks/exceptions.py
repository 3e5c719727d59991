"""What can be wrong with a request that is well-formed. `stagent.api` shows them in HTTP."""


class Refused(Exception):
    """The task is not in a state for this. The message is for people."""


class InvalidTransition(Refused):
    """The status table has no such move."""


class NotResumable(Refused):
    """There is no session to resume, or it was resumed too often."""


class AlreadyAnswered(Exception):
    """Somebody else was first, or the agent no longer waits."""


class LeaseLost(Exception):
    """The run is no longer this worker's: it must stop and write nothing more."""

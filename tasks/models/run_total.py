"""RunTotal: how many runs ended how, and how long they took, so that nothing counts all runs."""

from django.db import connection, models, transaction

# What a run took at most, in seconds; the last is whatever is longer.
LONGER = 2**31 - 1
BOUNDS = (1, 5, 15, 60, 300, 900, 3_600, 4 * 3_600, LONGER)
# No outcome of a run: its worker let the lease expire, whatever became of it then.
LEASE_LOSS = "lease_loss"

_ADD = (
    "INSERT INTO tasks_runtotal (runtime, outcome, at_most_seconds, runs, milliseconds)"
    " VALUES (%s, %s, %s, 1, %s)"
    " ON CONFLICT (runtime, outcome, at_most_seconds) DO UPDATE SET"
    " runs = tasks_runtotal.runs + 1,"
    " milliseconds = tasks_runtotal.milliseconds + excluded.milliseconds"
)


class RunTotalQuerySet(models.QuerySet["RunTotal"]):
    """Adds runs that ended to the totals."""

    def add_on_commit(self, runtime: str, outcome: str, *, seconds: float = 0) -> None:
        """Count an end once it is certain.

        After the commit, since all runs of a runtime meet in few rows: a transaction that
        held one, and then waited for a task, would make others wait in a circle.
        """
        bound = next(bound for bound in BOUNDS if seconds <= bound)
        values: list[str | int] = [runtime, outcome, bound, round(seconds * 1000)]

        def add() -> None:
            with connection.cursor() as cursor:
                cursor.execute(_ADD, values)

        # Robust: that it could not be counted does not undo the end.
        transaction.on_commit(add, robust=True)


class RunTotal(models.Model):
    """Runs of one runtime that had one outcome and took about as long, since ever."""

    runtime = models.CharField(max_length=40)
    outcome = models.CharField(max_length=12)
    at_most_seconds = models.IntegerField()
    runs = models.BigIntegerField()
    milliseconds = models.BigIntegerField()

    objects = RunTotalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["runtime", "outcome", "at_most_seconds"], name="run_total_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.runtime} {self.outcome}: {self.runs}"

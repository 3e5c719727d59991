from tasks import audit, lifecycle
from tasks.management.command import actor, author
from tasks.management.commands import execute
from tasks.models import MAX_RESUME_COUNT, Task


class Command(execute.Command):
    help = (
        "Go on with failed or cancelled tasks from their last checkpoint, at most"
        f" {MAX_RESUME_COUNT} times since a fresh start."
    )
    can_run_again = False
    example = "manage.py resume 0199a3c4-7d21 --follow"

    def start(self, task: Task) -> str:
        with audit.recorded(author(), "resume", task):
            run = lifecycle.resume(task, by=actor())
        return execute.describe_start("Resumed", run)

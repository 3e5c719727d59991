from tasks import lifecycle
from tasks.management.command import actor
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
        return execute.describe_start("Resumed", lifecycle.resume(task, by=actor()))

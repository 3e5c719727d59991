"""Rows of tasks: `TaskFactory()`, `RunFactory(status="running")`, `LogEntryFactory(task=task)`."""

import json
from datetime import timedelta

import factory
from django.contrib.auth import get_user_model
from django.utils import timezone
from factory.django import DjangoModelFactory

from tasks.models import (
    ApiToken,
    Document,
    EventType,
    LogEntry,
    NewEntry,
    PermissionRequest,
    PermissionRule,
    Project,
    Run,
    Schedule,
    Session,
    SessionItem,
    Task,
    Worker,
    Workflow,
)
from tasks.models.permission import make_digest


class UserFactory(DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence("user-{}".format)


class SuperuserFactory(UserFactory):
    is_staff = True
    is_superuser = True


class ApiTokenFactory(DjangoModelFactory):
    """A row only: who needs the text calls `ApiToken.objects.issue()`."""

    class Meta:
        model = ApiToken

    user = factory.SubFactory(UserFactory)
    name = "ci"
    digest = factory.Sequence("{:064x}".format)


class ProjectFactory(DjangoModelFactory):
    class Meta:
        model = Project

    name = factory.Sequence("Project {}".format)


class WorkflowFactory(DjangoModelFactory):
    """A draft; `steps=[...]` are those of its definition, a sequence if `pattern` is not given."""

    class Meta:
        model = Workflow

    class Params:
        pattern = "sequence"
        steps = [{"id": "a", "name": "A", "prompt": "finish: a"}]
        more = {}

    name = factory.Sequence("Workflow {}".format)
    definition = factory.LazyAttribute(
        lambda own: json.dumps({"pattern": own.pattern, "steps": own.steps, **own.more})
    )


class ScheduleFactory(DjangoModelFactory):
    """Every hour, and not due before somebody sets `next_fire_at`."""

    class Meta:
        model = Schedule

    name = factory.Sequence("Schedule {}".format)
    prompt = "finish: done"
    interval = "every hour"
    cron_expression = "0 * * * *"


class DocumentFactory(DjangoModelFactory):
    class Meta:
        model = Document

    name = "notes.txt"
    media_type = "text/plain"
    size = 5
    file = factory.django.FileField(data=b"notes", filename="notes.txt")


class TaskFactory(DjangoModelFactory):
    class Meta:
        model = Task

    title = factory.Sequence("Task {}".format)


class SessionFactory(DjangoModelFactory):
    """Without a checkpoint; `state='{"line": 1}'` gives it one."""

    class Meta:
        model = Session

    task = factory.SubFactory(TaskFactory)
    runtime = "echo"


class SessionItemFactory(DjangoModelFactory):
    class Meta:
        model = SessionItem

    session = factory.SubFactory(SessionFactory)
    position = factory.Sequence(lambda n: n + 1)
    data = '{"role": "user"}'


class RunFactory(DjangoModelFactory):
    """A queued run of a running task, as `start_run` leaves it; a live one is the task's."""

    class Meta:
        model = Run

    task = factory.SubFactory(TaskFactory, status=Task.Status.RUNNING)
    session = factory.SubFactory(SessionFactory, task=factory.SelfAttribute("..task"))
    attempt = factory.LazyAttribute(lambda run: run.task.runs.count() + 1)
    runtime = factory.SelfAttribute("session.runtime")
    profile = "general"
    priority = factory.SelfAttribute("task.priority")

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        run = super()._create(model_class, *args, **kwargs)
        if run.is_live:
            run.task.live_run = run.pk
            run.task.save(update_fields=["live_run"])
        return run


class WorkerFactory(DjangoModelFactory):
    """At work for another minute."""

    class Meta:
        model = Worker

    name = factory.Sequence(lambda n: f"worker-{n}")
    concurrency = 300
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=1))


class LogEntryFactory(DjangoModelFactory):
    """Appends, the one way there is, so its sequence is the task's next."""

    class Meta:
        model = LogEntry

    task = factory.SubFactory(TaskFactory)
    event_type = EventType.ASSISTANT
    message = "Analyzing quarterly trends..."
    data = factory.Dict({})

    @classmethod
    def _create(cls, model_class, *args, task, event_type, message, data, run_id=None):
        entry = NewEntry(event_type, message, data)
        model_class.objects.append(task.pk, entry, run_id=run_id)
        task.refresh_from_db(fields=["log_sequence"])
        return task.log.get(sequence=task.log_sequence)


class PermissionRequestFactory(DjangoModelFactory):
    """A pending request of a run that a worker performs."""

    class Meta:
        model = PermissionRequest

    run = factory.SubFactory(RunFactory, status=Run.Status.RUNNING)
    task = factory.SelfAttribute("run.task")
    session = factory.SelfAttribute("run.session")
    call_id = factory.Sequence("call-{}".format)
    tool_name = "write_file"
    tool_input = factory.Dict({"path": "/reports/q4.md", "content": "Q4"})
    input_digest = factory.LazyAttribute(
        lambda request: make_digest(request.tool_input, request.action)
    )
    action = "write:/reports/q4.md"
    message = "Writing /reports/q4.md"


class PermissionRuleFactory(DjangoModelFactory):
    class Meta:
        model = PermissionRule

    pattern = "write:/reports/*"

"""The whole road of a task, by a client that openapi-python-client has generated."""

import json
import sys
import threading
from io import BytesIO

from stagent_client import Client
from stagent_client.api.documents import upload_document
from stagent_client.api.notifications import list_notifications
from stagent_client.api.projects import create_project
from stagent_client.api.tasks import (
    create_task,
    delete_task,
    execute_task,
    get_task,
    get_task_output,
    get_task_provenance,
    list_tasks,
    respond_to_permission_request,
    resume_task,
    stream_task_logs,
    update_task,
)
from stagent_client.api.usage import get_usage
from stagent_client.models import (
    CreateProject,
    CreateTask,
    Document,
    Effect,
    Error,
    LogEntry,
    Output,
    Project,
    Provenance,
    Respond,
    Started,
    Success,
    Task,
    TaskStatus,
    TaskWithUsage,
    UpdateTask,
    UploadDocumentBody,
    UsageTotals,
    ValidationError,
)
from stagent_client.models.list_tasks_status import ListTasksStatus
from stagent_client.types import File

SCRIPT = "ask: write:/reports/q4.md\nuse: input=1000 output=100\nfinish: # Done"


def main(url: str) -> None:
    client = Client(base_url=url)
    project = create_project.sync(client=client, body=CreateProject(name="Marketing"))
    assert isinstance(project, Project)
    file = File(
        payload=BytesIO(b"a,b\n1,2\n"), file_name="q4.csv", mime_type="text/csv"
    )
    document = upload_document.sync(client=client, body=UploadDocumentBody(file=file))
    assert isinstance(document, Document)
    assert document.size == 8

    refused = create_task.sync(client=client, body=CreateTask(title=""))
    assert isinstance(refused, ValidationError)
    assert "title" in refused.error.field_errors

    body = CreateTask(
        title="Write a report",
        description=SCRIPT,
        project_id=project.id,
        document_ids=[document.id],
        max_turns=None,
    )
    task = create_task.sync(client=client, body=body)
    assert isinstance(task, Task)
    task_id = str(task.id)
    queued = UpdateTask(status=TaskStatus.QUEUED, priority=0)
    assert isinstance(
        update_task.sync(task_id, client=client, body=queued), TaskWithUsage
    )
    assert isinstance(execute_task.sync(task_id, client=client), Started)

    answering = threading.Thread(target=allow, args=(client, task_id))
    answering.start()
    text = stream_task_logs.sync(task_id, client=client)  # until the task's end
    answering.join()
    assert isinstance(text, str)
    entries = [
        LogEntry.from_dict(json.loads(line.removeprefix("data: ")))
        for line in text.split("\n")
        if line.startswith("data: ")
    ]
    assert entries[-1].event_type == "result"

    output = get_task_output.sync(task_id, client=client)
    assert isinstance(output, Output)
    assert (output.result, output.error) == ("# Done", None)
    finished = get_task.sync(task_id, client=client)
    assert isinstance(finished, TaskWithUsage)
    assert finished.usage
    assert finished.usage.cost_micros == 4500
    provenance = get_task_provenance.sync(task_id, client=client)
    assert isinstance(provenance, Provenance)
    assert provenance.permissions[0].status == "allowed"
    tasks = list_tasks.sync(client=client, status=ListTasksStatus.COMPLETED, limit=1)
    assert isinstance(tasks, list)
    assert len(tasks) == 1
    usage = get_usage.sync(client=client, task_id=task_id)
    assert isinstance(usage, UsageTotals)
    assert usage.requests == 1

    assert isinstance(resume_task.sync(task_id, client=client), Error)
    assert isinstance(delete_task.sync(task_id, client=client), Success)
    assert isinstance(get_task.sync(task_id, client=client), Error)
    print("done")  # noqa: T201


def allow(client: Client, task_id: str) -> None:
    """Allow what the task asks, as soon as it asks."""
    while True:
        asked = list_notifications.sync(client=client, task_id=task_id)
        assert isinstance(asked, list)
        if asked:
            body = Respond(notification_id=asked[0].id, behavior=Effect.ALLOW)
            said = respond_to_permission_request.sync(task_id, client=client, body=body)
            assert isinstance(said, Success)
            return


if __name__ == "__main__":
    main(sys.argv[1])

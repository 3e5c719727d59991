"""What the API answers about a task's files, for the OpenAPI description alone: see `tasks.api.responses`."""

from drf_spectacular.utils import (
    OpenApiResponse,
)
from rest_framework import serializers as drf

from tasks.api.responses.common import Error
from tasks.api.responses.fields import (
    ResponseBody,
    choice,
    nullable_text,
    nullable_time,
    text,
)
from tasks.files.changes import State

FILE_STATES = [state.value for state in State]


class TaskFile(ResponseBody):
    path = text(
        help_text="Relative to the task's folder. Bytes that are no UTF-8 are shown as \\xff."
    )
    state = choice(*FILE_STATES)
    size = drf.IntegerField(allow_null=True, help_text="Bytes. Null if it is deleted.")
    modified = nullable_time()
    mediaType = text(help_text="Guessed by the name.")
    url = nullable_text(help_text="Where to download it; null if it is not served.")
    reason = nullable_text(help_text="Why it is not served.")


class FileCounts(ResponseBody):
    new = drf.IntegerField()
    changed = drf.IntegerField()
    deleted = drf.IntegerField()
    unchanged = drf.IntegerField()


class TaskFiles(ResponseBody):
    since = nullable_time(
        help_text="When the run began that the states are of. Null if none did."
    )
    counts = FileCounts()
    isComplete = drf.BooleanField(
        help_text="False: there are more than are looked at. `under` looks at one folder."
    )
    files = TaskFile(many=True)


GONE = OpenApiResponse(Error, "The files of this task were removed.")

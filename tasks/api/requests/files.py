"""What a request about a task's files may say, in the API's own words."""

from tasks.api import zod
from tasks.files.changes import State

_STATES = "|".join(State)


class FilesQuery(zod.Serializer):
    state = zod.String(
        required=False,
        pattern=f"({_STATES})(,({_STATES}))*",
        hint=f"Some of {', '.join(State)}, with commas between them.",
        help_text=f"Only those of these states, with commas between them: {', '.join(State)}.",
    )


class FileListQuery(FilesQuery):
    under = zod.String(required=False, help_text="Only those in this folder.")


class DiffQuery(zod.Serializer):
    path = zod.String(required=False, help_text="Only of this file.")

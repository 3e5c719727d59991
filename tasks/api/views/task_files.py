"""/api/tasks/{id}/files: what is in a task's folder, while its agent works and after."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson
from django.http import Http404, HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from stagent.database.json_text import iso_text
from tasks.api import responses
from tasks.api.downloads import make_headers, send_file
from tasks.api.requests.files import DiffQuery, FileListQuery, FilesQuery
from tasks.api.views.base import ApiView
from tasks.api.views.lookups import get_task
from tasks.api.zod import Invalid
from tasks.exceptions import Gone
from tasks.files.archive import write_zip
from tasks.files.changes import State, TaskFile, TaskFiles, files_of, pruned_at
from tasks.files.diff import explain_not_served, write_diff
from tasks.files.folders import FilesGone, open_workspace
from tasks.files.listing import is_text, media_type_of, show_path
from tasks.files.workspace import PathRefused
from tasks.models import Task

JSON = dict[str, Any]
Download = HttpResponse | StreamingHttpResponse

validate_archive = FilesQuery.validator()
validate_diff = DiffQuery.validator()

NO_TEXT = "Its name is not valid text."
BINARY = OpenApiResponse(OpenApiTypes.BINARY)
RANGE = OpenApiParameter(
    "Range", str, OpenApiParameter.HEADER, description="One part, as bytes=0-1023."
)
NO_SUCH_PART = OpenApiResponse(description="The file has no such part.")


class TaskFilesView(ApiView):
    """What is in a task's folder, and what its run changed."""

    list_query = FileListQuery.reader()

    @extend_schema(
        parameters=[FileListQuery],
        responses={200: responses.TaskFiles, 410: responses.GONE},
    )
    def get(self, request: Request, task_id: str) -> StreamingHttpResponse:
        """List the files of a task and what became of each since its run began."""
        query = self.list_query(request.query_params)
        task = get_task_with_files(task_id)
        under = query.get("under", "")
        _check_folder(task, under)
        # Where files are looked through, it is not in a thread that answers all others.
        content = _list(task.pk, under, _states(query))
        return StreamingHttpResponse(content, content_type="application/json")


class TaskFileView(ApiView):
    """One file of a task."""

    @extend_schema(
        parameters=[RANGE],
        responses={
            (200, "application/octet-stream"): BINARY,
            (206, "application/octet-stream"): BINARY,
            304: OpenApiResponse(description="As If-None-Match names it."),
            410: responses.GONE,
            416: NO_SUCH_PART,
        },
    )
    def get(self, request: Request, task_id: str, path: str) -> Download:
        """Download a file of a task, or a part of it.

        Always as a download, under the file's name and with its media type. A link in the
        task's folder is followed as far as it stays in it.
        """
        task = get_task_with_files(task_id)
        try:
            workspace = open_workspace(task.pk)
            with workspace.open_file(
                workspace.locate(path), is_handed_out=True
            ) as opened:
                file = open(os.dup(opened.fileno()), "rb")  # noqa: SIM115 (the response closes it)
        except IsADirectoryError:
            raise Http404("It is a folder: ?under= lists one") from None
        except PathRefused as refused:
            raise Http404(str(refused)) from None
        except (FilesGone, OSError):
            raise Http404("File not found") from None
        name = path.rstrip("/").rpartition("/")[2]
        return send_file(request, file, name=name, media_type=media_type_of(path))


class TaskArchiveView(ApiView):
    """A task's files as a ZIP."""

    @extend_schema(
        parameters=[FilesQuery],
        # It is application/zip, for which generated clients have no type.
        responses={(200, "application/octet-stream"): BINARY, 410: responses.GONE},
    )
    def get(self, request: Request, task_id: str) -> StreamingHttpResponse:
        """Download the files of a task as a zip.

        Up to 20,000 files and 2 GiB. What is left out, and links, pipes and devices, is named
        in the archive in `NOT-IN-THIS-ARCHIVE.txt`.
        """
        query = validate_archive(request.query_params.dict())
        task = get_task_with_files(task_id)
        return StreamingHttpResponse(
            _pack(task.pk, _states(query)),
            content_type="application/zip",
            headers=make_headers(f"{task.title[:100]}.zip"),
        )


class TaskDiffView(ApiView):
    """What a run changed, as a diff."""

    @extend_schema(
        parameters=[DiffQuery],
        responses={(200, "text/plain"): OpenApiTypes.STR, 410: responses.GONE},
    )
    def get(self, request: Request, task_id: str) -> StreamingHttpResponse:
        """Show what changed since the run began, as a unified diff.

        As `git diff` writes it, so that `git apply` takes it; binary files are only named. A
        line that begins with # says what is not shown: a file over 1 MiB, or more than 1,000
        files or 10 MiB of differences.
        """
        query = validate_diff(request.query_params.dict())
        task = get_task_with_files(task_id)
        return StreamingHttpResponse(
            diff_of_task(task.pk, path=query.get("path", "")),
            content_type="text/plain; charset=utf-8",
            headers={"X-Content-Type-Options": "nosniff"},
        )


def get_task_with_files(task_id: str) -> Task:
    """Return the task, or raise Http404, or Gone if its files were removed."""
    task = get_task(task_id)
    if removed := pruned_at(task.pk):
        raise Gone(f"The files of this task were removed on {removed:%Y-%m-%d}.")
    return task


def diff_of_task(task_id: UUID, *, path: str = "") -> Iterator[bytes]:
    yield from write_diff(files_of(task_id), path=path)


def represent_files(files: TaskFiles, chosen: list[TaskFile], task_id: UUID) -> JSON:
    """Return files as the API lists them."""
    return {
        "since": iso_text(files.since) if files.since else None,
        "counts": files.counts(),
        "isComplete": files.is_complete,
        "files": [_represent_one(file, task_id) for file in chosen],
    }


def make_url(file: TaskFile, task_id: object) -> str | None:
    """Return where a file is downloaded; None if it is not served."""
    if file.found is None or explain_not_served(file.found) or not is_text(file.path):
        return None
    return f"/api/tasks/{task_id}/files/{quote(file.path)}"


def _represent_one(file: TaskFile, task_id: UUID) -> JSON:
    found, modified = file.found, file.modified_at
    reason = explain_not_served(found) if found else "It is deleted."
    return {
        "path": show_path(file.path),
        "state": file.state,
        "size": found.size if found else None,
        "modified": iso_text(modified) if modified else None,
        "mediaType": media_type_of(show_path(file.path)),
        "url": make_url(file, task_id),
        "reason": reason or (None if is_text(file.path) else NO_TEXT),
    }


def _list(task_id: UUID, under: str, states: frozenset[State]) -> Iterator[bytes]:
    files = files_of(task_id, under=under)
    yield orjson.dumps(represent_files(files, files.filter_states(states), task_id))


def _pack(task_id: UUID, states: frozenset[State]) -> Iterator[bytes]:
    files = files_of(task_id)
    yield from write_zip(files, files.filter_states(states))


def _states(query: JSON) -> frozenset[State]:
    asked = query.get("state")
    return frozenset(map(State, asked.split(","))) if asked else frozenset(State)


def _check_folder(task: Task, under: str) -> None:
    try:
        open_workspace(task.pk).locate(under)
    except PathRefused as refused:
        raise Invalid.field("under", str(refused)) from None
    except FilesGone:
        return

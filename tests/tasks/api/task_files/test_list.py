"""/api/tasks/{id}/files: what is in a task's folder, and what became of it."""

import os
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import lifecycle
from tasks.files import listing
from tasks.files.removal import prune_files
from tasks.files.workspace import Workspace
from tests.factories import DocumentFactory, TaskFactory
from tests.tasks.api.task_files.bodies import body

pytestmark = pytest.mark.django_db


def test_what_became_of_each_file_is_told(api, files, work):
    work.write(**{"old.txt": "old", "edited.txt": "one", "src/gone.py": "x"}).begin()
    work.write(**{"edited.txt": "two!", "reports/q4.md": "# Q4"})
    (work.folder / "src/gone.py").unlink()
    assert files(work) == {
        "edited.txt": "changed",
        "old.txt": "unchanged",
        "reports/q4.md": "new",
        "src/gone.py": "deleted",
    }
    found = body(api.get(f"{work.url}/files"))
    assert found["counts"] == {"new": 1, "changed": 1, "deleted": 1, "unchanged": 1}
    assert found["isComplete"] is True
    assert re.fullmatch(r"\d{4}-.*Z", found["since"])
    (report,) = [one for one in found["files"] if one["state"] == "new"]
    assert report | {"modified": None} == {
        "path": "reports/q4.md",
        "state": "new",
        "size": 4,
        "modified": None,
        "mediaType": "text/markdown",
        "url": f"{work.url}/files/reports/q4.md",
        "reason": None,
    }
    assert api.get(report["url"]).getvalue() == b"# Q4"


def test_documents_are_there_from_the_start(files, work):
    work.task.documents.add(DocumentFactory(name="notes.txt"))
    assert files(work.begin()) == {"documents/notes.txt": "unchanged"}


def test_a_task_that_never_ran_has_none(api):
    found = body(api.get(f"/api/tasks/{TaskFactory().pk}/files"))
    assert (found["files"], found["since"], found["isComplete"]) == ([], None, True)


def test_states_and_a_folder_can_be_asked_for(api, files, work):
    work.write(**{"a/x": "1", "a/y": "1", "ab/x": "1"}).begin()
    work.write(**{"a/new": "1", "new": "1"})
    (work.folder / "a/y").unlink()
    assert files(work, "?state=new") == {"a/new": "new", "new": "new"}
    assert set(files(work, "?state=new,deleted")) == {"a/new", "a/y", "new"}
    assert set(files(work, "?under=a")) == {"a/new", "a/x", "a/y"}
    assert set(files(work, "?under=/a/&state=new")) == {"a/new"}
    assert files(work, "?under=none") == {}
    assert files(work, "?under=a/x") == {}
    answer = api.get(f"{work.url}/files?state=old")
    assert answer.status_code == 400
    assert "state" in answer.json()["error"]["fieldErrors"]
    answer = api.get(f"{work.url}/files?under=../..")
    assert answer.status_code == 400
    assert "under" in answer.json()["error"]["fieldErrors"]


def test_a_touched_file_is_not_changed_and_a_rewritten_one_is(files, work):
    work.write(touched="same", rewritten="one", mode="x").begin()
    before = (work.folder / "rewritten").stat()
    (work.folder / "touched").write_text("same")
    (work.folder / "mode").chmod(0o755)
    # Its size and its time as they were: the kernel's own time tells.
    (work.folder / "rewritten").write_text("two")
    os.utime(work.folder / "rewritten", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files(work) == {
        "touched": "unchanged",
        "rewritten": "changed",
        "mode": "changed",
    }


def test_a_run_that_goes_on_is_compared_with_its_session_and_a_fresh_one_anew(
    files, work
):
    work.begin().write(first="1")
    assert files(work.begin()) == {"first": "new"}
    assert files(work.begin_again()) == {"first": "unchanged"}
    work.write(second="2")
    assert files(work) == {"first": "unchanged", "second": "new"}


def test_the_list_is_made_without_reading_the_files(files, work, monkeypatch):
    for number in range(300):
        work.write(**{f"{number % 20}/{number}.txt": "x"})
    work.begin().write(new="x")
    read = []
    monkeypatch.setattr(
        Workspace, "open_file", lambda _, path, **_how: read.append(path)
    )
    assert set(files(work, "?state=new,changed")) == {"new"}
    assert read == []


def test_more_than_are_listed_are_said_to_be_there(api, work, monkeypatch):
    work.begin().write(**{f"{number}": "x" for number in range(20)})
    monkeypatch.setattr(listing.list_files, "__kwdefaults__", {"under": "", "limit": 9})
    found = body(api.get(f"{work.url}/files"))
    assert (found["isComplete"], len(found["files"])) == (False, 9)


def test_of_more_files_than_are_written_down_the_old_ones_are_not_new(
    files, work, monkeypatch
):
    monkeypatch.setattr("tasks.files.baseline.MAX_BASELINE_FILES", 3)
    work.write(**{f"{number}": "x" for number in range(9)}).begin().write(new="x")
    assert files(work, "?state=new,changed,deleted") == {"new": "new"}


def test_a_deep_tree_is_listed_as_far_as_paths_go(api, files, work):
    work.begin()
    handle = os.open(work.folder, os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)
    work.write(top="x")
    found = body(api.get(f"{work.url}/files"))
    assert [file["path"] for file in found["files"]] == ["top"]
    assert found["isComplete"] is False
    assert prune_files(work.task.pk)


def test_files_are_there_until_they_are_pruned(api, work):
    work.begin().write(a="x")
    assert prune_files(work.task.pk)
    for route in ("files", "files/a", "files.zip", "diff"):
        answer = api.get(f"{work.url}/{route}")
        assert answer.status_code == 410
        assert "removed on" in answer.json()["error"]
    assert body(api.get(f"/api/tasks/{TaskFactory().pk}/files"))["files"] == []
    work.begin_again().write(b="x")
    assert [file["path"] for file in body(api.get(f"{work.url}/files"))["files"]] == [
        "b"
    ]


def test_the_files_of_a_deleted_task_are_not_found(api, work):
    work.begin().write(a="x")
    lifecycle.delete(work.task)
    for route in ("files", "files/a", "files.zip", "diff"):
        assert api.get(f"{work.url}/{route}").status_code == 404


@pytest.mark.parametrize("route", ["files", "files/a.txt", "files.zip", "diff"])
def test_they_take_one_statement_whatever_there_is(api, work, route):
    work.begin().write(**{"a.txt": "x"})
    counts = []
    for number in range(2):
        api.get("/api/runtimes")
        with CaptureQueriesContext(connection) as queries:
            api.get(f"{work.url}/{route}").getvalue()
        asked = [q["sql"] for q in queries if "tasks_apitoken" not in q["sql"]]
        counts.append(len(asked))
        work.write(**{f"{number}/{name}": "x" for name in range(50)})
    assert counts == [1, 1]

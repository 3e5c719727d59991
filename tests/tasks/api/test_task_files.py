"""/api/tasks/{id}/files: what an agent made is listed, downloaded and compared."""

import io
import json
import os
import re
import subprocess
import zipfile
from urllib.parse import unquote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import lifecycle
from tasks.files import archive, diff, listing
from tasks.files.removal import prune_files
from tasks.files.workspace import Workspace
from tests.factories import DocumentFactory, TaskFactory
from tests.tasks.files.work import Work

pytestmark = pytest.mark.django_db


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def files(api):
    """List a task's files as {path: state}, after checking that the counts fit."""

    def states(work, query=""):
        found = body(api.get(f"{work.url}/files{query}"))
        return {file["path"]: file["state"] for file in found["files"]}

    return states


def body(answer):
    assert answer.status_code == 200, answer.content
    return json.loads(answer.getvalue())


# --- The list -------------------------------------------------------------------------


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


ODD_NAMES = [
    "with blank.txt",
    "ümlaut/naïve.txt",
    "日本語.md",
    "a?b#c&d=e.txt",
    "100%.txt",
    "quo\"te's.txt",
    "new\nline.txt",
    "tab\there",
    "back\\slash",
    "semi;colon, comma",
    "..hidden",
    "...",
    "-rf",
    "~",
    "%2e%2e",
    "\u202etxt.exe",
    "x" * 255,
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_is_listed_and_downloaded_under_its_own_name(api, work, name):
    work.begin().write(**{name: "content"})
    (file,) = body(api.get(f"{work.url}/files"))["files"]
    assert (file["path"], file["reason"]) == (name, None)
    answer = api.get(file["url"])
    assert answer.getvalue() == b"content"
    assert "\n" not in answer["Content-Disposition"]
    plain, exact = re.fullmatch(
        r"""attachment; filename="([ !#-~]*)"; filename\*=UTF-8''([\w.~%-]*)""",
        answer["Content-Disposition"],
    ).groups()
    last = name.rpartition("/")[2]
    assert unquote(exact) == last
    assert len(plain) == len(last)
    archived = zipfile.ZipFile(io.BytesIO(api.get(f"{work.url}/files.zip").getvalue()))
    assert archived.testzip() is None
    assert len(archived.namelist()) == 1
    assert b"+content" in api.get(f"{work.url}/diff").getvalue()


def test_a_name_that_is_no_text_is_shown_and_in_the_archive(api, work):
    work.begin()
    with open(os.path.join(os.fsencode(work.folder), b"caf\xe9.txt"), "wb") as file:
        file.write(b"x")
    (file,) = body(api.get(f"{work.url}/files"))["files"]
    assert file["path"] == "caf\\xe9.txt"
    assert (file["url"], file["reason"]) == (None, "Its name is not valid text.")
    archived = zipfile.ZipFile(io.BytesIO(api.get(f"{work.url}/files.zip").getvalue()))
    assert archived.namelist() == ["caf_xe9.txt"]
    assert b'"a/caf\\351.txt"' in api.get(f"{work.url}/diff").getvalue()


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


# --- One file -------------------------------------------------------------------------


def test_a_download_is_for_no_browser_to_run(api, work):
    work.begin().write(**{"page.html": "<script>alert(1)</script>"})
    answer = api.get(f"{work.url}/files/page.html")
    assert answer.getvalue() == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "text/html"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert answer["X-Content-Type-Options"] == "nosniff"
    policy = answer["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert answer["Content-Length"] == "25"
    assert answer["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("asked", "status", "part", "extent"),
    [
        ("bytes=0-2", 206, b"012", "bytes 0-2/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-4", 206, b"6789", "bytes 6-9/10"),
        ("bytes=-40", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes = 1 - 1", 206, b"1", "bytes 1-1/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=" + "9" * 400 + "-", 200, b"0123456789", None),
    ],
)
def test_a_part_can_be_asked_for(api, work, asked, status, part, extent):
    work.begin().write(digits="0123456789")
    answer = api.get(f"{work.url}/files/digits", headers={"Range": asked})
    assert answer.status_code == status
    assert answer.getvalue() == part
    assert answer.get("Content-Range") == extent
    if status != 416:
        assert answer["Content-Length"] == str(len(part))
        assert answer["Accept-Ranges"] == "bytes"


def test_a_file_that_is_as_it_was_is_not_sent_again(api, work):
    work.begin().write(report="one")
    url = f"{work.url}/files/report"
    etag = api.head(url)["ETag"]
    answer = api.get(url, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.getvalue(), answer["ETag"]) == (304, b"", etag)
    part = {"Range": "bytes=0-0", "If-Range": etag}
    assert api.get(url, headers=part).getvalue() == b"o"
    work.write(report="two")
    assert api.get(url, headers={"If-None-Match": etag}).getvalue() == b"two"
    # The rest of another file must not be added to what the client has.
    assert api.get(url, headers=part).getvalue() == b"two"
    assert api.get(url, headers={"If-Match": etag}).status_code == 412


def test_head_tells_what_get_would_and_sends_nothing(api, work):
    work.begin().write(report="content")
    answer = api.head(f"{work.url}/files/report")
    assert (answer.status_code, answer["Content-Length"]) == (200, "7")
    assert answer.getvalue() == b""


def test_a_sparse_giant_is_sent_from_where_one_asks_and_left_out_of_the_archive(
    api, work
):
    work.begin()
    with (work.folder / "giant").open("wb") as file:
        file.truncate(2**40)
    answer = api.get(f"{work.url}/files/giant", headers={"Range": "bytes=-3"})
    assert answer.getvalue() == b"\0\0\0"
    archived = zipfile.ZipFile(io.BytesIO(api.get(f"{work.url}/files.zip").getvalue()))
    assert archived.namelist() == [archive.LEFT_OUT]
    assert b"too much" in archived.read(archive.LEFT_OUT)
    assert b"too large" in api.get(f"{work.url}/diff").getvalue()


def test_what_becomes_shorter_while_it_is_sent_is_not_taken_for_the_whole(api, work):
    work.begin().write(report="x" * 600_000)
    sent = iter(api.get(f"{work.url}/files/report").streaming_content)
    next(sent)
    (work.folder / "report").write_text("")
    with pytest.raises(Exception, match="bytes of a file are missing"):
        list(sent)


# --- The archive ----------------------------------------------------------------------


def archived(api, work, query=""):
    answer = api.get(f"{work.url}/files.zip{query}")
    return zipfile.ZipFile(io.BytesIO(answer.getvalue()))


def test_all_of_it_is_in_the_archive_or_what_is_asked_for(api, work):
    work.write(old="old").begin().write(**{"a/new.txt": "new" * 100_000, "empty": ""})
    (work.folder / "run.sh").write_text("x")
    (work.folder / "run.sh").chmod(0o755)
    os.utime(work.folder / "empty", (0, 0))  # before the first year of zips
    found = archived(api, work)
    assert found.testzip() is None
    assert set(found.namelist()) == {"old", "a/new.txt", "empty", "run.sh"}
    assert found.read("a/new.txt") == b"new" * 100_000
    assert found.getinfo("run.sh").external_attr >> 16 & 0o777 == 0o755
    assert found.getinfo("empty").date_time[0] == 1980
    made = archived(api, work, "?state=new,changed")
    assert "old" not in made.namelist()


def test_an_archive_is_bounded_and_says_so(api, work, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 10)
    work.begin().write(a="12345678", b="12345678", c="1")
    found = archived(api, work)
    assert found.namelist() == ["a", "c", archive.LEFT_OUT]
    assert b"'b': It is too much" in found.read(archive.LEFT_OUT)
    monkeypatch.setattr(archive, "MAX_FILES", 1)
    assert archived(api, work).namelist() == ["a", archive.LEFT_OUT]


def test_an_archive_is_made_as_it_is_read(api, work):
    work.begin().write(**{f"{n}": os.urandom(400_000) for n in range(5)})
    answer = api.get(f"{work.url}/files.zip")
    sent = iter(answer.streaming_content)
    assert len(next(sent)) < 1_000_000
    (work.folder / "4").unlink()  # not yet packed
    content = io.BytesIO(b"".join([b"", *sent]))
    assert b"NOT-IN-THIS-ARCHIVE" in content.getvalue()
    answer.close()


def test_who_stops_reading_an_archive_leaves_nothing_open(api, work):
    work.begin().write(**{f"{n}": os.urandom(400_000) for n in range(5)})
    answer = api.get(f"{work.url}/files.zip")
    before = len(os.listdir("/proc/self/fd"))
    next(iter(answer.streaming_content))
    answer.close()
    assert len(os.listdir("/proc/self/fd")) <= before


# --- The diff -------------------------------------------------------------------------


def test_the_diff_is_one_that_git_applies(api, work, tmp_path):
    before = {
        "edited.py": "".join(f"line {n}\n" for n in range(40)),
        "with blank.txt": "one\ntwo",
        "gone.txt": "a\nb\n",
        "same.txt": "same\n",
        "run.sh": "echo\n",
    }
    work.write(**before).begin()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, content in before.items():
        (copy / name).write_text(content)
    work.write(
        **{
            "edited.py": before["edited.py"].replace("line 20", "LINE 20"),
            "with blank.txt": "one\nthree",
            "new/file.txt": "no line end",
            "empty": "",
            'quo"te\n.txt': "x\n",
        }
    )
    (work.folder / "gone.txt").unlink()
    (work.folder / "run.sh").chmod(0o755)
    text = api.get(f"{work.url}/diff").getvalue()
    subprocess.run(["git", "apply", "-"], input=text, cwd=copy, check=True)
    made = {p.relative_to(copy): p.read_text() for p in copy.rglob("*") if p.is_file()}
    assert made == {
        p.relative_to(work.folder): p.read_text()
        for p in work.folder.rglob("*")
        if p.is_file()
    }
    assert (copy / "run.sh").stat().st_mode & 0o100
    assert b"same.txt" not in text


def test_binary_files_are_named_only(api, work):
    work.write(**{"logo.png": b"\x89PNG\0\1"}).begin().write(**{"logo.png": b"\0\2"})
    assert api.get(f"{work.url}/diff").getvalue().splitlines() == [
        b"diff --git a/logo.png b/logo.png",
        b"Binary files a/logo.png and b/logo.png differ",
    ]


def test_the_diff_of_one_file_and_what_is_too_much(api, work, monkeypatch):
    work.write(big="x").begin().write(a="1\n", b="2\n", big="x" * (2**20 + 1))
    assert b"+2\n" not in api.get(f"{work.url}/diff?path=a").getvalue()
    assert b"# It is too large" in api.get(f"{work.url}/diff?path=big").getvalue()
    monkeypatch.setattr(diff, "MAX_FILES", 1)
    text = api.get(f"{work.url}/diff").getvalue()
    assert b"# 2 more files differ" in text


def test_a_file_too_large_to_keep_is_changed_without_a_diff(api, files, work):
    work.write(big="x" * (2**20 + 1)).begin().write(big="small")
    assert files(work) == {"big": "changed"}
    assert b"# What it was is not kept" in api.get(f"{work.url}/diff").getvalue()


def test_latin_text_is_shown_as_it_is(api, work):
    work.write(old=b"caf\xe9\n").begin().write(old=b"caf\xe9s\n")
    assert b"-caf\xe9\n+caf\xe9s\n" in api.get(f"{work.url}/diff").getvalue()


# --- How long they are there ----------------------------------------------------------


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

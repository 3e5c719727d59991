"""/api/tasks/{id}/files.zip."""

import io
import os

import pytest

from tasks.files import archive
from tests.tasks.api.task_files.bodies import archived

pytestmark = pytest.mark.django_db


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

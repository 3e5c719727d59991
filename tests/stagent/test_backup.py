"""A backup of a running site, restored elsewhere: the same rows and documents, and work goes on."""

import json
import os
import tarfile
import threading

import pytest

from tests import live

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path):
    (tmp_path / "one").mkdir()
    with live.site(tmp_path / "one") as running:
        assert running.manage("migrate", "-v0").returncode == 0
        yield running


@pytest.fixture
def other(tmp_path):
    """Another site: a home and a database of its own."""
    (tmp_path / "two").mkdir()
    with live.site(tmp_path / "two", is_new=True) as running:
        yield running


@pytest.fixture
def file(tmp_path):
    return tmp_path / "site.tar.gz"


def backup(site, file, *options):
    made = site.manage("backup", str(file), *options)
    assert made.returncode == 0, made.stderr
    return made.stderr


def restore(site, file, *options):
    return site.manage("restore", str(file), *options)


def upload(site, content):
    answer = site.client.post("/api/documents", files={"file": ("a.txt", content)})
    assert answer.status_code == 201
    return answer.json()["id"]


def test_a_site_comes_back_with_its_documents_and_its_waiting_tasks_go_on(
    site, other, file
):
    site.serve()
    document = upload(site, b"a document")
    done = site.execute("finish: made it")
    site.wait_for_status(done, "completed")
    asking = site.execute("ask: write:/a.txt", "finish: was let")
    notification = site.pending(asking)["notificationId"]
    assert "1 documents" in backup(site, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert other.manage("migrate", "-v0").returncode == 0
    restored = restore(other, file)
    # The worker of the backup is in it, and still within its lease.
    while "A worker is at work" in restored.stderr:
        restored = restore(other, file)
    assert restored.returncode == 0, restored.stderr
    other.serve()
    assert other.task(done)["result"] == "made it"
    content = other.client.get(f"/api/documents/{document}/content")
    assert content.content == b"a document"
    other.client.post(
        f"/api/tasks/{asking}/respond",
        json={"notificationId": notification, "behavior": "allow"},
    )
    assert other.wait_for_status(asking, "completed")["result"] == "was let"
    new = other.execute("finish: new")  # numbers go on beyond those of the backup
    assert other.wait_for_status(new, "completed")["result"] == "new"


def test_what_is_written_meanwhile_leaves_it_whole(site, other, file):
    """Each row of the log is numbered without a gap, and each named document is there."""
    site.serve()
    stop = threading.Event()

    def write():
        while not stop.is_set():
            document = upload(site, b"x" * 1000)
            site.execute("say: one", "say: two", "finish: x")
            site.client.delete(f"/api/documents/{document}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        live.wait_for(lambda: len(site.client.get("/api/tasks").json()) > 3)
        said = backup(site, file)
    finally:
        stop.set()
        writer.join()
    assert "is not there" not in said
    restored = restore(other, file)
    assert restored.returncode == 0, restored.stderr
    gaps = other.rows(
        "SELECT task_id FROM tasks_logentry GROUP BY task_id"
        " HAVING count(*) <> max(sequence)"
    )
    assert gaps == []
    for (name,) in other.rows("SELECT file FROM tasks_document"):
        assert (other.home / "documents" / name).stat().st_size == 1000


def test_it_replaces_nothing_unasked_and_nothing_in_use(site, other, file):
    backup(site, file)
    assert other.manage("migrate", "-v0").returncode == 0
    other.manage("shell", "-c", "from tasks.models import *; Task(title='x').save()")
    refused = restore(other, file)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    worker = other.worker()
    live.wait_for(lambda: other.rows("SELECT name FROM tasks_worker"))
    refused = restore(other, file, "--replace")
    assert refused.returncode == 1
    assert "Stop web and workers first" in refused.stderr
    worker.terminate()
    worker.wait()
    assert restore(other, file, "--replace").returncode == 0
    assert other.rows("SELECT id FROM tasks_task") == []


def test_a_broken_or_foreign_file_changes_nothing(site, tmp_path, file):
    backup(site, file)
    site.manage("shell", "-c", "from tasks.models import *; Task(title='x').save()")
    whole = file.read_bytes()
    broken = tmp_path / "broken"
    for content, reason in (
        (whole[: len(whole) // 2], "no whole backup"),
        (b"no archive", "no whole backup"),
    ):
        broken.write_bytes(content)
        refused = restore(site, broken, "--replace")
        assert (refused.returncode, reason in refused.stderr) == (1, True)
        assert "Traceback" not in refused.stderr
    foreign = tmp_path / "foreign.tar"
    with tarfile.open(foreign, "w") as tar:
        tar.add(broken, "x")
    assert "none of `manage.py backup`" in restore(site, foreign, "--replace").stderr
    assert len(site.rows("SELECT id FROM tasks_task")) == 1


def test_one_of_a_newer_version_is_refused(site, tmp_path, file):
    site.execute_sql(
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('tasks', '0999_from_the_future', CURRENT_TIMESTAMP)"
    )
    backup(site, file)
    refused = restore(site, file)
    assert refused.returncode == 1
    assert "newer version" in refused.stderr


def test_one_of_an_earlier_version_is_brought_to_this_one(site, other, file):
    assert site.manage("migrate", "-v0", "tasks", "0018").returncode == 0
    backup(site, file)
    assert restore(other, file).returncode == 0
    assert "[ ]" not in other.manage("showmigrations").stdout


def test_it_says_what_it_is(site, file):
    (site.home / "profiles").mkdir()
    (site.home / "profiles" / "own.toml").write_text("x")
    backup(site, file)
    with tarfile.open(file) as tar:
        about = json.load(tar.extractfile("stagent-backup.json"))
        assert "home/profiles/own.toml" in tar.getnames()
        assert not any("secret-key" in name for name in tar.getnames())
    assert about["format"] == 1
    assert ["tasks", "0001_initial"] in about["migrations"]
    assert os.listdir(file.parent).count(file.name) == 1
    refused = site.manage("backup", str(file))
    assert (refused.returncode, "--force" in refused.stderr) == (2, True)
    assert [p.name for p in site.home.iterdir() if p.name.startswith("backup-")] == []

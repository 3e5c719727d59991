"""The page of a task's files: states, previews, the diff in colour, for who may see the task."""

import os

import pytest
from django.urls import reverse

from tasks.files.removal import prune_files
from tasks.models import Document
from tests.factories import TaskFactory
from tests.tasks.admin.pages import login_operator, page, press
from tests.tasks.files.work import Work

pytestmark = pytest.mark.django_db
PAGE = "tasks_task_files"


@pytest.fixture
def work():
    work = Work(title="Q4 <b>report</b>")
    work.write(
        **{"old.txt": "old", "edited.txt": "one\ntwo\n", "gone.txt": "x"}
    ).begin()
    (work.folder / "gone.txt").unlink()
    return work.write(
        **{
            "edited.txt": "one\nTWO\n",
            "report.md": "# Q4\n\n| a | b |\n|-|-|\n| 1 | 2 |\n",
        }
    )


def test_what_the_agent_made_is_listed_with_states_and_the_rest_on_demand(
    admin_client, work
):
    shown = page(admin_client, PAGE, work.task.pk)
    for text in (
        "report.md",
        "edited.txt",
        "gone.txt",
        "1 new",
        "1 changed",
        "1 deleted",
    ):
        assert text in shown
    assert "old.txt" not in shown
    assert f'href="/api/tasks/{work.task.pk}/files/report.md"' in shown
    assert f'href="/api/tasks/{work.task.pk}/files.zip"' in shown
    assert "old.txt" in page(admin_client, PAGE, work.task.pk, view="all")
    assert reverse(f"admin:{PAGE}", args=[work.task.pk]) in page(
        admin_client, "tasks_task_change", work.task.pk
    )


def opened(client, work, path):
    shown = page(client, PAGE, work.task.pk, path=path, view="all")
    return shown.partition('id="opened"')[2]


def test_markdown_is_rendered_and_text_is_shown(admin_client, work):
    shown = opened(admin_client, work, "report.md")
    assert "<h1>Q4</h1>" in shown
    assert "<td>1</td>" in shown
    shown = opened(admin_client, work, "edited.txt")
    assert "TWO" in shown
    assert '<span class="st-diff-removed">-two</span>' in shown
    assert '<span class="st-diff-added">+TWO</span>' in shown


def test_a_table_is_shown_as_one(admin_client, work):
    work.write(
        **{
            "a.csv": 'name;cost\n"x;y";1\n',
            "b.tsv": "a\tb\n1\t2\n",
            "c.csv": '"' + "x" * 200_000,
        }
    )
    shown = opened(admin_client, work, "a.csv")
    assert "<th>name</th><th>cost</th>" in shown
    assert "<td>x;y</td><td>1</td>" in shown
    assert "<td>1</td><td>2</td>" in opened(admin_client, work, "b.tsv")
    assert "xxx" in opened(admin_client, work, "c.csv")  # no table: as text


def test_an_image_is_shown_as_one_and_other_bytes_are_not(admin_client, work):
    work.write(**{"logo.png": b"\x89PNG\0", "logo.svg": "<svg/>", "data.bin": b"\0\1"})
    for name in ("logo.png", "logo.svg"):
        url = f"/api/tasks/{work.task.pk}/files/{name}"
        assert f'<img class="st-image" src="{url}"' in opened(admin_client, work, name)
    assert "It is no text" in opened(admin_client, work, "data.bin")


HOSTILE = "<script>alert(1)</script>"


def test_nothing_an_agent_writes_becomes_part_of_the_page(admin_client, work):
    names = {
        f"{HOSTILE[1:8]}<b>.{kind}": f"{HOSTILE}\n\u202e"
        for kind in ("md", "csv", "txt", "html")
    }
    work.write(**names)
    raw = admin_client.get(
        reverse(f"admin:{PAGE}", args=[work.task.pk]) + "?view=all&diff=1"
    )
    assert HOSTILE not in raw.content.decode()
    assert "<b>" not in raw.content.decode()
    for name in names:
        url = reverse(f"admin:{PAGE}", args=[work.task.pk])
        text = admin_client.get(url, {"path": name, "view": "all"}).content.decode()
        assert HOSTILE not in text
        assert "\u202e" not in text.partition('id="opened"')[2] or name.endswith("md")


def test_long_files_are_cut_and_say_so(admin_client, work):
    rows = "a,b\n" + "1,2\n" * 1_000
    work.write(
        **{"long.txt": "x" * 2_000_000, "long.csv": rows, "long.md": "- x\n" * 60_000}
    )
    assert "Its beginning is shown" in opened(admin_client, work, "long.txt")
    assert "Its first 200 rows" in opened(admin_client, work, "long.csv")
    assert "- x" in opened(admin_client, work, "long.md")


def test_what_is_not_there_or_no_file_is_said(admin_client, work):
    os.symlink("/etc/passwd", work.folder / "link")
    assert "There is no such file" in opened(admin_client, work, "none")
    assert "There is no such file" in opened(admin_client, work, "../../etc/passwd")
    shown = opened(admin_client, work, "link")
    assert "It is a link" in shown
    assert "root:" not in shown
    assert "It was deleted" in opened(admin_client, work, "gone.txt")


def test_the_diff_is_shown_in_colour(admin_client, work):
    shown = page(admin_client, PAGE, work.task.pk, diff="1").partition('id="diff"')[2]
    assert '<span class="st-diff-hunk">@@ ' in shown
    assert '<span class="st-diff-added">+# Q4</span>' in shown


def test_without_files_it_says_why(admin_client, work):
    assert "There are none yet" in page(admin_client, PAGE, TaskFactory().pk)
    done = TaskFactory(status="completed")
    assert "This task has no files" in page(admin_client, PAGE, done.pk)
    prune_files(work.task.pk)
    assert "were removed on" in page(admin_client, PAGE, work.task.pk)


def test_who_may_not_see_tasks_sees_no_files(client, work):
    for right, status in (("view_project", 403), ("view_task", 200)):
        login_operator(client, right)
        answer = client.get(reverse(f"admin:{PAGE}", args=[work.task.pk]))
        assert answer.status_code == status


def test_it_takes_the_same_queries_whatever_there_is(
    admin_client, django_assert_num_queries, django_assert_max_num_queries, work
):
    page(admin_client, PAGE, work.task.pk)
    with django_assert_max_num_queries(25) as first:
        page(admin_client, PAGE, work.task.pk)
    work.write(**{f"{number}.txt": "x" for number in range(600)})
    with django_assert_num_queries(len(first)):
        assert "more: " in page(admin_client, PAGE, work.task.pk, diff="1")


def keep(client, work, path):
    url = reverse("admin:tasks_task_keep_file", args=[work.task.pk])
    return press(client, url, path=path)


def test_a_file_is_kept_as_a_document(admin_client, work):
    assert 'value="report.md"' in page(admin_client, PAGE, work.task.pk)
    text = keep(admin_client, work, "report.md")
    document = Document.objects.get()
    assert f"/admin/tasks/document/{document.pk}/change/" in text
    assert (document.name, document.made_by) == ("report.md", work.task.pk)
    with document.file as file:
        assert file.read().startswith(b"# Q4")


@pytest.mark.parametrize("path", ["nothing.md", "../../etc/passwd", "", "a\x00b"])
def test_what_is_no_file_of_the_task_is_not_kept(admin_client, work, path):
    assert "Kept as a document" not in keep(admin_client, work, path)
    assert not Document.objects.exists()


def test_who_may_add_no_document_keeps_none(client, work):
    login_operator(client, "view_task")
    assert "Keep as document" not in page(client, PAGE, work.task.pk)
    keep(client, work, "report.md")
    assert not Document.objects.exists()

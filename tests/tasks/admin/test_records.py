"""The operator's pages of what belongs to tasks, what was written down, and who comes in."""

from contextlib import closing
from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tasks.models import ApiToken, Document, Project, Task
from tests.factories import (
    ApiTokenFactory,
    DocumentFactory,
    LogEntryFactory,
    PermissionRequestFactory,
    PermissionRuleFactory,
    ProjectFactory,
    RunFactory,
    ScheduleFactory,
    SessionFactory,
    TaskFactory,
    UserFactory,
    WorkflowFactory,
)
from tests.tasks.admin.pages import login_operator, page, select

pytestmark = pytest.mark.django_db

MODELS = {
    "apitoken": ApiTokenFactory,
    "document": DocumentFactory,
    "logentry": LogEntryFactory,
    "permissionrequest": PermissionRequestFactory,
    "permissionrule": PermissionRuleFactory,
    "project": ProjectFactory,
    "run": RunFactory,
    "schedule": ScheduleFactory,
    "session": SessionFactory,
    "task": TaskFactory,
    "workflow": WorkflowFactory,
}
RECORDS = ("logentry", "run", "session")


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_page_is_there_empty_full_and_searched(admin_client, model):
    assert " yet</h2>" in page(admin_client, f"tasks_{model}_changelist")
    row = MODELS[model]()
    assert page(admin_client, f"tasks_{model}_changelist")
    assert page(admin_client, f"tasks_{model}_changelist", q="nowhere")
    assert page(admin_client, f"tasks_{model}_change", row.pk)


@pytest.mark.parametrize("model", MODELS)
def test_a_list_takes_the_same_queries_however_long(
    admin_client, django_assert_max_num_queries, django_assert_num_queries, model
):
    MODELS[model]()
    page(admin_client, f"tasks_{model}_changelist")
    with django_assert_max_num_queries(12) as first:
        page(admin_client, f"tasks_{model}_changelist")
    for _ in range(5):
        MODELS[model]()
    with django_assert_num_queries(len(first)):
        page(admin_client, f"tasks_{model}_changelist")


@pytest.mark.parametrize("model", RECORDS)
def test_records_are_read_only(admin_client, model):
    row = MODELS[model]()
    assert admin_client.get(reverse(f"admin:tasks_{model}_add")).status_code == 403
    for view in ("change", "delete"):
        url = reverse(f"admin:tasks_{model}_{view}", args=[row.pk])
        assert admin_client.post(url, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", RECORDS)
def test_records_are_found_by_their_task(admin_client, model):
    wanted, other = MODELS[model](), MODELS[model]()
    text = page(admin_client, f"tasks_{model}_changelist", q=str(wanted.task_id))
    assert str(wanted.task_id) in text
    assert str(other.task_id) not in text


@pytest.mark.parametrize(
    ("model", "query", "fields"),
    [
        ("run", {"status__exact": "failed"}, {"status": "failed"}),
        ("run", {"profile": "researcher"}, {"profile": "researcher"}),
        ("run", {"runtime": "ollama"}, {"runtime": "ollama"}),
        ("session", {"checkpoint": "yes"}, {"state": "{}"}),
        ("session", {"runtime": "ollama"}, {"runtime": "ollama"}),
        ("logentry", {"event_type__exact": "error"}, {"event_type": "error"}),
    ],
)
def test_records_are_filtered(admin_client, model, query, fields):
    wanted, other = MODELS[model](**fields), MODELS[model]()
    text = page(admin_client, f"tasks_{model}_changelist", **query)
    assert str(wanted.task_id) in text
    assert str(other.task_id) not in text


def test_a_session_without_a_checkpoint_is_found(admin_client):
    wanted, other = SessionFactory(), SessionFactory(state="{}")
    text = page(admin_client, "tasks_session_changelist", checkpoint="no")
    assert str(wanted.pk) in text
    assert str(other.pk) not in text


def test_a_log_entry_shows_its_data(admin_client):
    entry = LogEntryFactory(message="Reading", data={"toolInput": {"path": "/a\u200b"}})
    text = page(admin_client, "tasks_logentry_change", entry.pk)
    assert "toolInput" in text
    assert "U+200B" in text


# --- Projects and documents --------------------------------------------------------------


def test_a_project_counts_its_tasks_and_documents(admin_client):
    project = ProjectFactory()
    for _ in range(3):
        TaskFactory(project=project)
        DocumentFactory(project=project)
    DocumentFactory(project=project)
    text = page(admin_client, "tasks_project_changelist")
    assert f'?project__id__exact={project.pk}">3</a>' in text
    assert f'?project__id__exact={project.pk}">4</a>' in text


def test_a_project_may_be_given_its_id_once(admin_client):
    url = reverse("admin:tasks_project_add")
    admin_client.post(url, {"name": "Q4", "id": "proj-8f3a-4b2c", "description": ""})
    project = Project.objects.get()
    assert project.pk == "proj-8f3a-4b2c"
    url = reverse("admin:tasks_project_change", args=[project.pk])
    admin_client.post(url, {"name": "Q5", "id": "other", "description": ""})
    assert Project.objects.get() == project
    response = admin_client.post(
        reverse("admin:tasks_project_add"), {"name": "Q4", "id": "a/b"}
    )
    assert "Use up to 128 letters" in response.content.decode()


def upload(client, file, **form):
    return client.post(reverse("admin:tasks_document_add"), {"file": file, **form})


def test_an_upload_keeps_the_blanks_of_its_name(admin_client):
    upload(admin_client, SimpleUploadedFile("a\u202fb\u3000c\u00a0d.txt", b"x"))
    assert Document.objects.get().name == "a\u202fb\u3000c\u00a0d.txt"


def test_an_upload_takes_name_type_and_size_from_the_file(admin_client):
    upload(admin_client, SimpleUploadedFile("q4.csv", b"a,b\n1,2\n", "text/csv"))
    document = Document.objects.get()
    assert (document.name, document.media_type, document.size) == (
        "q4.csv",
        "text/csv",
        8,
    )
    assert document.file.name == f"{document.pk}/content"
    url = reverse("document-content", args=[document.pk])
    assert url in page(admin_client, "tasks_document_changelist")
    with closing(admin_client.get(url)) as response:
        assert response.getvalue() == b"a,b\n1,2\n"


def test_a_type_that_the_browser_does_not_know_is_guessed(admin_client):
    file = SimpleUploadedFile("notes.txt", b"x", "application/octet-stream")
    upload(admin_client, file)
    assert Document.objects.get().media_type == "text/plain"


@pytest.mark.parametrize("name", ["é" * 130 + ".txt", "a" * 252 + ".txt"])
@pytest.mark.parametrize("size", [1, 3_000_000])  # held in memory, or in a file
def test_a_name_too_long_for_a_file_system_is_refused(admin_client, name, size):
    response = upload(admin_client, SimpleUploadedFile(name, b"x" * size))
    assert "longer than 255 bytes" in unescape(response.content.decode())
    assert not Document.objects.exists()


def test_a_large_upload_may_have_a_long_suffix(admin_client):
    name = "a." + "b" * 250
    upload(admin_client, SimpleUploadedFile(name, b"x" * 3_000_000))
    assert Document.objects.get().name == name


def test_a_document_keeps_its_content_and_may_change_its_project(admin_client):
    document, project = DocumentFactory(), ProjectFactory()
    url = reverse("admin:tasks_document_change", args=[document.pk])
    file = SimpleUploadedFile("other.txt", b"other")
    admin_client.post(url, {"project": project.pk, "file": file, "name": "other"})
    document.refresh_from_db()
    assert (document.project, document.name) == (project, "notes.txt")
    with document.file.open() as content:
        assert content.read() == b"notes"


def test_deleting_documents_removes_their_files(
    admin_client, django_capture_on_commit_callbacks, home
):
    documents = [DocumentFactory(), DocumentFactory(), DocumentFactory()]
    with django_capture_on_commit_callbacks(execute=True):
        url = reverse("admin:tasks_document_delete", args=[documents[0].pk])
        admin_client.post(url, {"post": "yes"})
        select(admin_client, "document", "delete_selected", *documents[1:], post="yes")
    assert not Document.objects.exists()
    assert not any((home / "documents").iterdir())


# --- Who comes in -------------------------------------------------------------------------


def test_a_token_is_shown_once(admin_client, api):
    user = get_user_model().objects.get()
    form = {"name": "ci", "user": user.pk, "expires_at_0": "", "expires_at_1": ""}
    response = admin_client.post(reverse("admin:tasks_apitoken_add"), form, follow=True)
    text = response.content.decode()
    token = text.partition("<code>")[2].partition("</code>")[0]
    assert ApiToken.objects.matching(token).get().name == "ci"
    assert token not in page(admin_client, "tasks_apitoken_changelist")
    # From now on nobody comes in without one.
    assert api.get("/api/tasks").status_code == 401
    assert (
        api.get("/api/tasks", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 200
    )


def test_only_a_superuser_makes_tokens_for_others(client):
    user = login_operator(client, "add_apitoken", "view_apitoken")
    other = UserFactory()
    form = {"name": "ci", "expires_at_0": "", "expires_at_1": ""}
    url = reverse("admin:tasks_apitoken_add")
    client.post(url, {**form, "user": other.pk})
    assert not ApiToken.objects.exists()
    client.post(url, {**form, "user": user.pk})
    assert ApiToken.objects.get().user == user


def test_deleting_the_last_token_opens_the_api_again(admin_client, api):
    token = ApiTokenFactory()
    assert api.get("/api/tasks").status_code == 401
    url = reverse("admin:tasks_apitoken_delete", args=[token.pk])
    admin_client.post(url, {"post": "yes"})
    assert api.get("/api/tasks").status_code == 200


@pytest.mark.parametrize("model", ["user", "group"])
def test_users_and_groups_have_pages(admin_client, model):
    for view in ("changelist", "add"):
        url = reverse(f"admin:auth_{model}_{view}")
        assert admin_client.get(url).status_code == 200


@pytest.mark.parametrize("model", ["user", "group"])
def test_who_is_no_superuser_gives_no_rights(client, model):
    """Who may change users could make themselves a superuser, or take one's password."""
    verbs = ("add", "change", "delete", "view")
    user = login_operator(client, *(f"{verb}_{model}" for verb in verbs))
    group = Group.objects.create(name="A group")
    pk = {"user": user.pk, "group": group.pk}[model]
    form = {"username": user.username, "name": "x", "is_superuser": "on"}
    for view, args in (("add", []), ("change", [pk]), ("delete", [pk])):
        url = reverse(f"admin:auth_{model}_{view}", args=args)
        assert client.post(url, form).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[user.pk])
    assert client.get(password).status_code == 403
    assert page(client, f"auth_{model}_change", pk)


def test_who_may_not_see_documents_gives_none_to_an_agent(client):
    login_operator(client, "add_task", "view_task", "change_task")
    form = {"title": "x", "priority": 2, "documents": [DocumentFactory().pk]}
    client.post(reverse("admin:tasks_task_add"), form)
    assert not Task.objects.get().documents.exists()

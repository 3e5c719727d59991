"""The inbox: cards with all that one needs to know, and decisions, edits and rules from them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stagent.admin_theme import UNFOLD
from tasks.admin import display
from tasks.files.folders import locate_workspace
from tasks.models import (
    EventType,
    LogEntry,
    NewEntry,
    PermissionRequest,
    PermissionRule,
    Run,
    Session,
)
from tests.factories import (
    PermissionRequestFactory,
    PermissionRuleFactory,
    ProjectFactory,
    RunFactory,
    TaskFactory,
)
from tests.tasks.admin.pages import login_operator, press
from tests.tasks.workflows.running import begin, end, step

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def layout(settings):
    settings.UNFOLD = UNFOLD


def ask(action="write:/reports/q4.md", given=None, **facts):
    project = facts.pop("project", None)
    run = RunFactory(
        status=Run.Status.RUNNING, task=TaskFactory(project=project, status="running")
    )
    given = {"path": action} if given is None else given
    return PermissionRequestFactory(run=run, action=action, tool_input=given, **facts)


def show(client, **query):
    response = client.get("/admin/approvals/", query)
    assert response.status_code == 200
    return response.content.decode()


def decide(client, asked, **form):
    """Decide as the page's script does, and return the status with the answer."""
    response = client.post(
        f"/admin/approvals/{asked.pk}/decide/",
        form,
        headers={"Accept": "application/json"},
    )
    asked.refresh_from_db()
    return response.status_code, response.json()


def test_the_oldest_is_open_and_another_is_opened_by_its_address(admin_client):
    now = timezone.now()
    newer = ask("write:/new.md", created_at=now)
    older = ask("write:/old.md", created_at=now - timedelta(minutes=5))
    text = show(admin_client)
    assert text.index(f'value="{older.pk}"') < text.index(f'value="{newer.pk}"')
    assert 'article class="st-card st-request st-approval"' in text
    assert f"/admin/approvals/{older.pk}/decide/" in text
    assert f"/admin/approvals/{newer.pk}/decide/" in show(
        admin_client, request=newer.pk
    )


def test_the_card_has_the_agents_last_words(admin_client):
    asked = ask(created_at=timezone.now() + timedelta(seconds=1))
    said = NewEntry(EventType.ASSISTANT, "I write the report <now>.")
    LogEntry.objects.append(asked.task_id, said)
    assert "I write the report &lt;now&gt;." in show(admin_client)


def test_commands_that_no_rule_covers_are_marked(admin_client):
    PermissionRuleFactory(pattern="run:git status")
    line = "git status && rm -rf build"
    ask(f"run:{line}", {"command": line})
    text = show(admin_client)
    assert '<span class="">git status</span>' in text
    assert '<span class="st-uncovered">rm -rf build</span>' in text
    assert "deletes" in text


def test_an_edit_is_a_diff(admin_client):
    edit = {"path": "a.py", "old_text": "one\ntwo\n", "new_text": "one\nthree\n"}
    ask("write:/a.py", edit)
    text = show(admin_client)
    assert '<span class="st-removed">-two\n</span>' in text
    assert '<span class="st-added">+three\n</span>' in text


def test_the_host_is_bold_and_what_hides_is_named(admin_client):
    address = "https://good.example@evil.example/\u202edocs"
    ask(f"fetch:{address}", {"url": address})
    text = show(admin_client)
    assert "<strong>evil.example</strong>" in text
    assert "U+202E" in text


def test_allow_once_and_deny_with_words(admin_client):
    first, second = ask(), ask()
    assert decide(admin_client, first, decision="allow")[0] == 200
    assert (first.status, first.decided_by) == ("allowed", "admin")
    decide(admin_client, second, decision="deny", message="Not there.")
    assert (second.status, second.decision_message) == ("denied", "Not there.")


def test_of_two_answers_the_first_holds(admin_client):
    asked = ask()
    decide(admin_client, asked, decision="allow")
    status, told = decide(admin_client, asked, decision="deny")
    assert status == 409
    assert "Already responded" in told["error"]
    assert asked.status == "allowed"


def test_without_its_script_the_page_decides_too(admin_client):
    asked, other = ask(), ask("write:/other.md")
    url = f"/admin/approvals/{asked.pk}/decide/"
    text = admin_client.post(url, {"decision": "allow"}, follow=True).content.decode()
    assert f"/admin/approvals/{other.pk}/decide/" in text
    assert "Allowed:" in text


def test_the_input_is_edited_in_place(admin_client):
    given = {"path": "/a.md", "content": "one\ntwo", "depth": 3}
    asked = ask("write:/a.md", given)
    form = {
        "input-path": "/a.md",
        "input-content": "one\r\nthree",
        "input-depth": "4",
    }
    assert decide(admin_client, asked, decision="allow", **form)[0] == 200
    assert asked.decided_input == {"path": "/a.md", "content": "one\nthree", "depth": 4}


def test_input_that_was_left_as_it_is_is_no_edit(admin_client):
    asked = ask("write:/a.md", {"path": "/a.md", "content": "one\ntwo"})
    form = {"input-path": "/a.md", "input-content": "one\r\ntwo"}
    decide(admin_client, asked, decision="allow", **form)
    assert asked.decided_input == asked.tool_input
    assert not LogEntry.objects.filter(message__contains="edited input").exists()


def test_an_edit_of_another_kind_is_refused(admin_client):
    asked = ask("write:/a.md", {"path": "/a.md", "depth": 3})
    status, told = decide(
        admin_client, asked, decision="allow", **{"input-depth": '"x"'}
    )
    assert (status, asked.status) == (400, "pending")
    assert "depth" in told["error"]


def test_a_runtime_that_takes_no_edits_offers_none(admin_client):
    asked = ask("write:/a.md", {"path": "/a.md"})
    Run.objects.filter(pk=asked.run_id).update(runtime="openai-codex-app-server")
    Session.objects.update(runtime="openai-codex-app-server")
    assert "input-path" not in show(admin_client)
    decide(admin_client, asked, decision="allow", **{"input-path": "/b.md"})
    assert asked.decided_input == {"path": "/a.md"}


@pytest.mark.parametrize("where", ["task", "project", "everywhere"])
def test_a_rule_holds_where_and_as_long_as_was_said(admin_client, where):
    asked = ask(project=ProjectFactory())
    form = {"pattern": asked.action, "where": where, "until": "24"}
    status, told = decide(admin_client, asked, decision="always", **form)
    rule = PermissionRule.objects.get()
    assert (status, told["rule"]) == (200, rule.pk)
    assert (rule.scope, rule.created_by) == (where, "admin")
    left = rule.expires_at - timezone.now()
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    assert rule.pattern in show(admin_client, saved=rule.pk)
    admin_client.post(f"/admin/approvals/undo/{rule.pk}/")
    assert not PermissionRule.objects.exists()


def test_nobody_takes_back_the_rule_of_another(admin_client):
    rule = PermissionRuleFactory(created_by="somebody")
    admin_client.post(f"/admin/approvals/undo/{rule.pk}/")
    assert PermissionRule.objects.filter(pk=rule.pk).exists()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"decision": "perhaps"}, "Choose"),
        ({"decision": "always", "pattern": "write:/x", "where": "task"}, "cover"),
        ({"decision": "always", "own": "nonsense", "where": "task"}, "starts with"),
        ({"decision": "always", "pattern": "write:/reports/*"}, "where"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(admin_client, form, words):
    asked = ask()
    status, told = decide(admin_client, asked, **form)
    assert (status, asked.status) == (400, "pending")
    assert words in told["error"]
    assert not PermissionRule.objects.exists()


def test_who_may_decide_may_not_make_rules_by_it(client):
    login_operator(client, "change_permissionrequest")
    asked = ask()
    assert 'value="always"' not in show(client)
    form = {"decision": "always", "pattern": asked.action, "where": "everywhere"}
    assert client.post(f"/admin/approvals/{asked.pk}/decide/", form).status_code == 403
    assert not PermissionRule.objects.exists()
    assert decide(client, asked, decision="allow")[0] == 200


def test_who_may_only_look_decides_nothing(client):
    login_operator(client, "view_permissionrequest")
    asked = ask()
    assert 'value="allow"' not in show(client)
    url = f"/admin/approvals/{asked.pk}/decide/"
    assert client.post(url, {"decision": "allow"}).status_code == 403
    login_operator(client, "view_task")
    for path in ("", "waiting/", f"{asked.pk}/check/"):
        assert client.get(f"/admin/approvals/{path}").status_code == 403


def test_a_pattern_is_checked_against_the_last_requests(admin_client):
    asked = ask("write:/reports/a.md")
    for number in range(3):
        ask(f"write:/reports/{number}.md")
    ask("write:/other/a.md")

    def told(pattern):
        url = f"/admin/approvals/{asked.pk}/check/"
        return admin_client.get(url, {"pattern": pattern}).json()

    assert told("write:/reports/*") == {
        "error": "",
        "text": "It would have covered 4 of the last 5 requests.",
    }
    assert "does not cover" in told("write:/other/*")["error"]


def test_every_page_can_tell_how_many_wait(admin_client):
    assert admin_client.get("/admin/approvals/waiting/").json()["count"] == 0
    asked = ask()
    told = admin_client.get("/admin/approvals/waiting/").json()
    assert (told["count"], told["newest"]) == (1, asked.pk)


def test_the_decided_say_who_when_and_whether_edited(admin_client):
    asked = ask("write:/a.md", {"path": "/a.md"})
    decide(admin_client, asked, decision="allow", **{"input-path": "/b.md"})
    text = show(admin_client, tab="decided")
    assert "write:/a.md" in text
    assert "edited" in text


def test_it_costs_the_same_for_10_requests_as_for_100(admin_client):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            show(admin_client)
        return len(captured)

    for _ in range(10):
        ask()
    few = queries()
    for _ in range(90):
        ask()
    assert queries() == few <= 15


def test_enter_in_a_field_presses_no_button(admin_client):
    ask()
    form = show(admin_client).partition('class="st-decide"')[2]
    first = form[form.index("<button") :]
    assert first.startswith("<button disabled hidden>")


def test_a_write_is_a_diff_against_the_workspace(admin_client):
    given = {"path": "notes.md", "content": "one\nthree\n"}
    asked = ask("write:/notes.md", given)
    (locate_workspace(asked.task_id) / "notes.md").write_text("one\ntwo\n")
    text = show(admin_client)
    assert '<span class="st-removed">-two\n</span>' in text
    assert '<span class="st-added">+three\n</span>' in text


def test_a_diff_shows_no_file_from_outside_the_workspace(admin_client, tmp_path):
    (tmp_path / "secret").write_text("very secret\n")
    asked = ask("write:/notes.md", {"path": "notes.md", "content": "new\n"})
    (locate_workspace(asked.task_id) / "notes.md").symlink_to(tmp_path / "secret")
    assert "very secret" not in show(admin_client)


def test_what_is_alike_stands_together_where_its_oldest_does(admin_client):
    actions = ["write:/src/a.py", "run:make test", "write:/src/b.py", "write:/doc/c.md"]
    for action in actions:
        PermissionRequestFactory(action=action)
    response = admin_client.get("/admin/approvals/")
    groups = response.context["groups"]
    assert [[one["action"] for one in group.requests] for group in groups] == [
        ["write:/src/a.py", "write:/src/b.py"],
        ["run:make test"],
        ["write:/doc/c.md"],
    ]
    text = response.content.decode()
    assert text.count('class="st-group"') == 1
    assert "2 alike: <code>write:/src/*</code>" in text


def ask_to_publish(draft="The figures are up."):
    """Start a workflow whose second step waits for a person."""
    publish = step("b", name="Publish", requiresApproval=True)
    run = begin(step("a", name="Draft"), publish, name="Announcement")
    end(run, "a", result=draft)
    return PermissionRequest.objects.get()


def test_a_step_that_waits_is_shown_with_what_it_goes_on_from(admin_client):
    asked = ask_to_publish("The figures <b>are up</b>.")
    text = show(admin_client)
    page = display.find_page(asked.task.workflow)
    workflow = f'<a class="st-link" href="{page}">Announcement</a>'
    assert f"Start the step “Publish” of the workflow “{workflow}” (run 1)?" in text
    assert "It goes on from:" in text
    assert "The figures &lt;b&gt;are up&lt;/b&gt;." in text
    assert "Approve<" not in text
    assert "checkpoint:b" not in text


def test_what_became_of_a_step_is_told_by_its_name(admin_client):
    asked = ask_to_publish()
    status, told = decide(admin_client, asked, decision="allow")
    assert (status, told["text"]) == (200, "Allowed: Publish of Announcement.")
    assert "Publish of Announcement" in show(admin_client, tab="decided")


def test_the_page_of_its_workflow_asks_first_and_says_what_was_allowed(admin_client):
    asked = ask_to_publish()
    text = admin_client.get(display.find_page(asked.task.workflow)).content.decode()
    assert text.index("Start the step") < text.index('data-section="workflow-summary"')
    assert text.index('value="allow"') < text.index("It goes on from:")
    assert "The figures are up." in text
    url = reverse("admin:tasks_permissionrequest_answer", args=[asked.pk])
    shown = press(admin_client, url, decision="allow", next="workflow")
    assert "Allowed: Publish." in shown


def test_the_tab_counts_all_that_waits(admin_client, monkeypatch):
    monkeypatch.setattr("tasks.admin.approvals.view.SHOWN", 2)
    for number in range(3):
        ask(f"write:/{number}.md")
    assert "data-waiting-count>3<" in show(admin_client)

"""The operator's pages of permissions: what is asked, the answers, the standing rules."""

from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from stagent.admin_theme import UNFOLD
from tasks.admin.permissions import SHOWN_IN_LIST
from tasks.models import LogEntry, PermissionRequest, PermissionRule, Task
from tests.factories import (
    PermissionRequestFactory,
    PermissionRuleFactory,
    ProjectFactory,
    RunFactory,
    TaskFactory,
)
from tests.tasks.admin.pages import login_operator, page, press, select

pytestmark = pytest.mark.django_db

LIST = "tasks_permissionrequest_changelist"
PAGE = "tasks_permissionrequest_change"
TASK = "tasks_task_change"
RULES = "tasks_permissionrule_changelist"


def answer(client, asked, decision, **form):
    url = reverse("admin:tasks_permissionrequest_answer", args=[asked.pk])
    text = press(client, url, decision=decision, **form)
    asked.refresh_from_db()
    return text


@pytest.mark.parametrize(
    ("decision", "status"),
    [("allow", "allowed"), ("always", "allowed"), ("deny", "denied")],
)
def test_an_answer_is_written_down_with_who_gave_it(admin_client, decision, status):
    asked = PermissionRequestFactory()
    answer(admin_client, asked, decision, pattern=asked.action)
    assert (asked.status, asked.decided_by) == (status, "admin")
    assert "by admin" in LogEntry.objects.get().message


def test_a_denial_tells_the_agent_why(admin_client):
    asked = PermissionRequestFactory()
    answer(admin_client, asked, "deny", message="Use /drafts.")
    assert asked.decision_message == "Use /drafts."


def test_always_allowing_saves_the_edited_pattern_for_the_project(admin_client):
    task = TaskFactory(status=Task.Status.RUNNING, project=ProjectFactory())
    asked = PermissionRequestFactory(run=RunFactory(task=task))
    answer(admin_client, asked, "always", pattern="write:/reports/*")
    rule = PermissionRule.objects.get()
    assert (rule.pattern, rule.project, rule.created_by) == (
        "write:/reports/*",
        task.project,
        "admin",
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "A pattern starts with one of"),
        ("sing:a song", "A pattern starts with one of"),
        ("run:python *", "“python” runs whatever it is given"),
        ("write:/drafts/*", "does not cover"),
    ],
)
def test_a_rule_that_would_not_help_is_refused_and_the_request_waits(
    admin_client, pattern, message
):
    asked = PermissionRequestFactory()
    assert message in answer(admin_client, asked, "always", pattern=pattern)
    assert asked.status == "pending"
    assert not PermissionRule.objects.exists()


@pytest.mark.parametrize("next_page", ["list", "task"])
def test_a_refused_pattern_stays_with_its_card_and_the_reason(admin_client, next_page):
    asked = PermissionRequestFactory()
    typed = "write:/drafts/<b>*"
    text = answer(admin_client, asked, "always", pattern=typed, next=next_page)
    assert 'name="pattern" value="write:/drafts/<b>*"' in text
    assert f'aria-describedby="error-{asked.pk}"' in text
    reason = text.partition(f'id="error-{asked.pk}" role="alert">')[2].partition(
        "</p>"
    )[0]
    assert "does not cover" in reason
    assert f'name="next" value="{next_page}"' in text
    assert "The agent asks for permission" in text


def test_a_long_request_is_answered_where_all_of_it_is_seen(admin_client):
    asked = PermissionRequestFactory(action="run:" + "x" * 400, message="y" * 400)
    url = reverse("admin:tasks_permissionrequest_answer", args=[asked.pk])
    listed = page(admin_client, LIST)
    assert url not in listed
    assert ">Review</a>" in listed
    assert "x" * 301 not in listed
    assert url in page(admin_client, PAGE, asked.pk)
    assert "x" * 400 in page(admin_client, PAGE, asked.pk)


def test_the_second_answer_is_told_that_it_came_too_late(admin_client):
    asked = PermissionRequestFactory()
    answer(admin_client, asked, "deny")
    assert "Already responded: denied by admin" in answer(admin_client, asked, "allow")
    assert asked.status == "denied"


def test_an_answer_goes_back_to_the_page_it_came_from(admin_client):
    asked = PermissionRequestFactory()
    url = reverse("admin:tasks_permissionrequest_answer", args=[asked.pk])
    form = {"decision": "deny", "next": "task"}
    assert admin_client.post(url, form).url == reverse(
        f"admin:{TASK}", args=[asked.task.pk]
    )
    assert admin_client.post(url, {"decision": "deny"}).url == reverse(f"admin:{LIST}")


@pytest.mark.parametrize("rights", [(), ("change_task",)])
def test_answering_needs_the_right_to_decide(client, rights):
    login_operator(client, "view_permissionrequest", "view_task", *rights)
    asked = PermissionRequestFactory()
    url = reverse("admin:tasks_permissionrequest_answer", args=[asked.pk])
    assert client.post(url, {"decision": "allow"}).status_code == 403
    assert url not in page(client, LIST)
    assert url not in page(client, PAGE, asked.pk)
    assert url not in page(client, TASK, asked.task_id)
    select(client, "permissionrequest", "allow_selected", asked)
    asked.refresh_from_db()
    assert asked.status == "pending"


def test_allowing_always_needs_the_right_to_make_rules(client):
    login_operator(
        client, "view_permissionrequest", "change_permissionrequest", "view_task"
    )
    asked = PermissionRequestFactory()
    url = reverse("admin:tasks_permissionrequest_answer", args=[asked.pk])
    form = {"decision": "always", "pattern": asked.action}
    assert client.post(url, form).status_code == 403
    asked.refresh_from_db()
    assert asked.status == "pending"
    assert not PermissionRule.objects.exists()
    for name, pk in ((PAGE, asked.pk), (TASK, asked.task_id)):
        text = page(client, name, pk)
        assert 'value="allow"' in text
        assert 'value="always"' not in text
    answer(client, asked, "allow")
    assert asked.status == "allowed"


def test_an_answer_is_no_link_and_needs_a_request(admin_client):
    url = reverse("admin:tasks_permissionrequest_answer", args=["gone"])
    assert admin_client.get(url).status_code == 405
    assert admin_client.post(url, {"decision": "allow"}).status_code == 404


@pytest.mark.parametrize("where", ["task", "request"])
def test_what_is_hidden_in_a_request_is_shown(admin_client, where):
    asked = PermissionRequestFactory(
        message="Run evil\u202egpj.sh",
        action="run:rm\u200b -rf \u3164x",
        tool_input={"command": "line 1\n\tline 2\x07", "more": {"k\u2066ey": ["<b>"]}},
    )
    text = (
        page(admin_client, TASK, asked.task.pk)
        if where == "task"
        else page(admin_client, PAGE, asked.pk)
    )
    for name in ("U+202E", "U+200B", "U+3164", "U+0007", "U+2066"):
        assert f">{name}</mark>" in text
    assert "line 1\n\tline 2" in text
    assert "No rule can cover this action" in text


def test_input_is_escaped(admin_client):
    asked = PermissionRequestFactory(
        message="<i>m</i>",
        action="write:/<i>a</i>",
        tool_input={"<i>k</i>": "<i>v</i>"},
    )
    for name, pk in ((TASK, asked.task.pk), (PAGE, asked.pk), (LIST, None)):
        url = reverse(f"admin:{name}", args=[pk] if pk else [])
        assert "<i>" not in admin_client.get(url).content.decode()


def test_the_list_shows_what_is_pending_unless_asked_for_more(admin_client):
    pending = PermissionRequestFactory(message="First asked")
    PermissionRequestFactory(message="Asked and denied", status="denied")
    text = page(admin_client, LIST)
    assert "First asked" in text
    assert "Asked and denied" not in text
    everything = admin_client.get(reverse(f"admin:{LIST}"), {"status": "all"})
    assert "Asked and denied" in everything.content.decode()
    url = reverse("admin:tasks_permissionrequest_answer", args=[pending.pk])
    assert text.count(url) == 2  # allow, deny


def test_selected_requests_are_answered(admin_client):
    asked = [PermissionRequestFactory(), PermissionRequestFactory()]
    for action, status in (("allow_selected", "allowed"), ("deny_selected", "denied")):
        PermissionRequest.objects.update(status="pending")
        select(admin_client, "permissionrequest", action, *asked)
        assert set(PermissionRequest.objects.values_list("status", flat=True)) == {
            status
        }


def test_what_the_list_does_not_show_whole_is_not_allowed_by_selecting_it(admin_client):
    short = PermissionRequestFactory()
    long = PermissionRequestFactory(action=f"run:{'x' * SHOWN_IN_LIST}; rm -rf /")
    told = select(admin_client, "permissionrequest", "allow_selected", short, long)
    assert "does not show all of what is asked: 1" in told
    statuses = PermissionRequest.objects.values_list("pk", "status")
    assert dict(statuses) == {short.pk: "allowed", long.pk: "pending"}
    select(admin_client, "permissionrequest", "deny_selected", long)
    assert PermissionRequest.objects.get(pk=long.pk).status == "denied"


def test_requests_are_not_edited(admin_client):
    asked = PermissionRequestFactory(status="allowed", decided_by="ada")
    assert "ada" in page(admin_client, PAGE, asked.pk)
    for name in ("change", "delete"):
        url = reverse(f"admin:tasks_permissionrequest_{name}", args=[asked.pk])
        assert admin_client.post(url, {"post": "yes"}).status_code == 403


def badge(client):
    groups = client.get(reverse(f"admin:{LIST}")).context["sidebar_navigation"]
    items = [item for group in groups for item in group["items"]]
    inbox = next(item for item in items if item["link"] == reverse("approvals"))
    return inbox.get("badge")


def test_the_sidebar_counts_what_is_pending(admin_client, settings):
    settings.UNFOLD = UNFOLD
    PermissionRequestFactory(status="denied")
    assert badge(admin_client) is None
    PermissionRequestFactory()
    PermissionRequestFactory()
    assert badge(admin_client) == "2"


# --- Rules -----------------------------------------------------------------------------

RULE = {"pattern": "read:/**", "effect": "deny", "expires_at_0": "", "expires_at_1": ""}


def test_a_rule_is_made_in_the_users_name(admin_client):
    admin_client.post(reverse("admin:tasks_permissionrule_add"), RULE)
    rule = PermissionRule.objects.get()
    assert (rule.pattern, rule.effect, rule.created_by) == ("read:/**", "deny", "admin")


def test_a_rule_that_means_nothing_is_refused(admin_client):
    task, project = TaskFactory(), ProjectFactory()
    for change, message in (
        ({"pattern": "sing"}, "A pattern starts with one of"),
        ({"pattern": "run:bash *", "effect": "allow"}, "“bash” runs what it is given"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "0:00"}, "This time is past."),
        ({"task": task.pk, "project": project.pk}, "not both"),
    ):
        response = admin_client.post(
            reverse("admin:tasks_permissionrule_add"), {**RULE, **change}
        )
        assert message in unescape(response.content.decode())
    assert not PermissionRule.objects.exists()


def test_rules_are_listed_with_their_scope_and_use(admin_client):
    an_hour_ago = timezone.now() - timedelta(hours=1)
    PermissionRuleFactory(
        task=TaskFactory(title="One task"), use_count=14, last_used_at=an_hour_ago
    )
    expired = PermissionRuleFactory(pattern="fetch:x", expires_at=an_hour_ago)
    text = page(admin_client, RULES)
    for shown in (
        "write:/reports/*",
        "One task",
        "all tasks",
        "14",
        "hour ago",
        "never",
    ):
        assert shown in text
    assert "One task" in page(admin_client, RULES, scope="task")
    assert "One task" not in page(admin_client, RULES, scope="everywhere")
    assert "write:/reports/*</code>" not in page(admin_client, RULES, scope="project")
    assert expired.pattern not in page(admin_client, RULES, valid="yes")
    assert "write:/reports/*</code>" not in page(admin_client, RULES, valid="no")


def test_a_rule_is_looked_at_and_deleted_but_not_changed(admin_client):
    rule = PermissionRuleFactory(created_by="ada")
    url = reverse("admin:tasks_permissionrule_change", args=[rule.pk])
    assert "ada" in admin_client.get(url).content.decode()
    assert admin_client.post(url, RULE).status_code == 403
    url = reverse("admin:tasks_permissionrule_delete", args=[rule.pk])
    admin_client.post(url, {"post": "yes"})
    assert not PermissionRule.objects.exists()

"""The pages of profiles: made, copied from a file's, changed, and refused in words."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks import catalog
from tasks.models import StoredProfile
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

ADD = reverse("admin:tasks_storedprofile_add")
LIST = reverse("admin:tasks_storedprofile_changelist")
FORM = {
    "id": "own",
    "name": "Own",
    "description": "Of this test.",
    "instructions": "Be brief.",
    "model": "claude-opus-5-5",
    "models": "ollama = qwen3:8b\n",
    "effort": "high",
    "runtimes": ["anthropic-direct", "ollama"],
    "tools": ["read"],
    "allowed": "read\nwrite:/reports/**",
    "denied": "fetch",
    "network": "on",
    "max_turns": "7",
    "max_budget_usd": "0.5",
    "domain": "writing",
    "tags": "a, b",
    "author": "Ann",
}


def page(profile_id):
    return reverse("admin:tasks_storedprofile_change", args=[profile_id])


def test_one_is_made_and_means_what_the_form_says(admin_client):
    assert admin_client.post(ADD, FORM).status_code == 302
    profile = catalog.profile("own")
    assert profile.models == {"ollama": "qwen3:8b"}
    assert profile.allowed == ("read", "write:/reports/**")
    assert profile.denied == ("fetch",)
    assert profile.runtimes == ("anthropic-direct", "ollama")
    assert (profile.network, profile.max_turns, profile.max_budget_usd) == (
        True,
        7,
        0.5,
    )
    assert (profile.effort, profile.tags) == ("high", ("a", "b"))
    assert StoredProfile.objects.get().changed_by == "admin"


def test_its_page_shows_it_and_saves_what_is_changed(admin_client):
    admin_client.post(ADD, FORM)
    shown = admin_client.get(page("own")).context["adminform"].form
    initial = {
        name: shown.get_initial_for_field(shown.fields[name], name)
        for name in shown.fields
    }
    assert initial["allowed"] == "read\nwrite:/reports/**"
    assert initial["tools"] == ["read"]
    changed = {**FORM, "effort": "", "max_turns": "", "allowed": ""}
    assert admin_client.post(page("own"), changed).status_code == 302
    profile = catalog.profile("own")
    assert (profile.effort, profile.max_turns, profile.allowed) == ("", None, ())
    assert profile.instructions == "Be brief."


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("id", "No!", "Small letters"),
        ("id", "general", "exists"),
        ("allowed", "nonsense:x", ""),
        ("models", "qwen3:8b", "A line each"),
        ("models", "nowhere = x", "Nowhere is none of"),
        ("model", "-p", "A model"),
        ("max_turns", "0", "greater than or equal to 1"),
        ("instructions", " ", "required"),
    ],
)
def test_a_mistake_is_told_at_its_field_and_the_text_is_kept(
    admin_client, name, value, words
):
    answer = admin_client.post(ADD, {**FORM, name: value})
    assert answer.status_code == 200
    form = answer.context["adminform"].form
    assert list(form.errors) == [name]
    assert words in form.errors[name][0]
    assert "Of this test." in answer.content.decode()
    assert not StoredProfile.objects.exists()


def test_those_of_files_are_listed_and_copied(admin_client):
    listed = admin_client.get(LIST).content.decode()
    assert "Make one, or copy one" in listed
    assert f"{ADD}?copy=code-reviewer" in listed
    form = admin_client.get(ADD, {"copy": "code-reviewer"}).context["adminform"].form
    original = catalog.profile("code-reviewer")
    assert form.initial["instructions"] == original.instructions
    assert form.initial["name"] == f"{original.name} (copy)"
    assert form.initial["denied"] == "\n".join(original.denied) != ""


def test_who_may_only_look_copies_nothing(client):
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_storedprofile"))
    client.force_login(user)
    assert "?copy=" not in client.get(LIST).content.decode()
    assert client.post(ADD, FORM).status_code == 403


def test_the_list_asks_as_often_for_fifty_as_for_one(admin_client):
    def fill(count):
        for number in range(count):
            settings = {"name": f"P{number}", "description": "D", "instructions": "I"}
            StoredProfile.objects.update_or_create(
                id=f"p{number}", defaults={"settings": settings}
            )

    fill(1)
    admin_client.get(LIST)
    counts = []
    for count in (1, 50):
        fill(count)
        with CaptureQueriesContext(connection) as asked:
            admin_client.get(LIST)
        counts.append(len(asked))
    assert counts[0] == counts[1]

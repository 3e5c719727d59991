"""The command `issuetoken`."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.utils import timezone

from tasks.access import roles
from tasks.models import ApiToken
from tests.factories import (
    SuperuserFactory,
    UserFactory,
)
from tests.tasks.management.commands import manage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def groups(db):
    roles.make_groups(apps)


def role_of(name):
    return list(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_a_token_is_the_only_line_on_stdout_and_works():
    result = manage("issuetoken", "ci")
    [text] = result.lines
    token = ApiToken.objects.matching(text).get()
    assert (token.user.username, token.name, token.expires_at) == ("ci", "ci", None)
    assert text not in result.err
    assert "ci (Operator)" in result.err


@pytest.mark.parametrize(
    ("options", "role"),
    [
        ([], "Operator"),
        (["--role", "viewer"], "Viewer"),
        (["--role", "operator"], "Operator"),
        (["--role", "administrator"], "Administrator"),
    ],
)
def test_a_token_has_a_user_of_its_own_in_a_role(options, role):
    SuperuserFactory()
    manage("issuetoken", "ci", *options)
    user = ApiToken.objects.get().user
    assert role_of("ci") == [role]
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert not user.has_usable_password()


def test_a_second_token_of_a_name_keeps_its_role_until_another_is_named():
    manage("issuetoken", "ci", "--role", "viewer")
    manage("issuetoken", "ci")
    assert role_of("ci") == ["Viewer"]
    manage("issuetoken", "ci", "--role", "administrator")
    assert role_of("ci") == ["Administrator"]
    assert ApiToken.objects.filter(user__username="ci").count() == 3


def test_a_token_for_a_named_user_expires_and_changes_no_rights():
    user = UserFactory(username="ann")
    manage("issuetoken", "ci", "--user", "ann", "--expires-in-days", 30)
    token = ApiToken.objects.get(user=user)
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert role_of("ann") == []


def test_a_token_of_a_superuser_says_so():
    SuperuserFactory(username="root")
    assert "everything" in manage("issuetoken", "ci", "--user", "root").err


@pytest.mark.parametrize(
    ("name", "options", "code", "reason"),
    [
        ("ci", ["--user", "nobody"], 2, "no user “nobody”"),
        ("ci", ["--user", "gone"], 1, "not active"),
        ("gone", [], 1, "not active"),
        ("root", [], 2, "--user root"),
        ("ann", ["--role", "viewer"], 2, "--user ann"),
        ("ci", ["--role", "viewer"], 1, "no group Viewer"),
    ],
)
def test_without_somebody_to_act_with_it_there_is_no_token(name, options, code, reason):
    unusable = make_password(None)
    UserFactory(username="gone", is_active=False, password=unusable)
    SuperuserFactory(username="root", password=unusable)
    UserFactory(username="ann", password=make_password("secret"))
    Group.objects.filter(name="Viewer").delete()
    result = manage("issuetoken", name, *options)
    assert (result.code, result.out) == (code, "")
    assert reason in result.err
    assert not ApiToken.objects.exists()
    assert not User.objects.filter(username="ci").exists()


def test_a_role_and_a_user_are_not_named_together():
    with pytest.raises(CommandError):
        call_command("issuetoken", "ci", "--role", "viewer", "--user", "x")


@pytest.mark.parametrize("options", [["x" * 101], [" "], ["ci", "--expires-in-days=0"]])
def test_a_token_has_a_name_and_a_sensible_end(options):
    with pytest.raises(CommandError):
        call_command("issuetoken", *options)


def test_a_token_is_bound_to_scopes_of_what_its_user_may():
    result = manage("issuetoken", "ci", "--scope", "approve", "--scope", "run")
    assert ApiToken.objects.get().scopes == "run approve"
    assert "bound to run, approve" in result.err


def test_a_scope_of_which_the_user_has_no_right_is_refused():
    UserFactory(username="ann")
    refused = manage("issuetoken", "ci", "--scope", "admin")
    assert (refused.code, refused.out) == (1, "")
    assert "no right of the scope admin" in refused.err
    refused = manage("issuetoken", "ci", "--user", "ann", "--scope", "read")
    assert "no right of the scope read" in refused.err
    assert not ApiToken.objects.exists()
    manage("issuetoken", "ci", "--role", "administrator", "--scope", "admin")
    assert ApiToken.objects.get().scopes == "admin"

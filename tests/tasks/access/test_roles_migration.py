"""The migration that brings rights: nobody's token stops working without a word."""

import logging

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from tests.factories import ApiTokenFactory, SuperuserFactory, UserFactory

pytestmark = pytest.mark.django_db

MIGRATION = "tasks.migrations.0008_roles"


class Editor:
    connection = connection


def migrate():
    for step in ("make_groups", "keep_access"):
        import_string(f"{MIGRATION}.{step}")(_state(), Editor)


def _state():
    loader = MigrationExecutor(connection).loader
    return loader.project_state(("tasks", "0008_roles")).apps


@pytest.fixture
def anew(caplog):
    """A database as it was before, with its users; what is logged meanwhile is heard."""
    Group.objects.all().delete()
    logging.getLogger("tasks").addHandler(caplog.handler)
    yield caplog
    logging.getLogger("tasks").removeHandler(caplog.handler)


def groups_of(user):
    return list(user.groups.values_list("name", flat=True))


def test_the_groups_are_made_with_their_rights(anew):
    migrate()
    viewer = User.objects.create(username="v")
    viewer.groups.add(Group.objects.get(name="Viewer"))
    assert viewer.has_perm("tasks.view_task")
    assert viewer.has_perm("ledger.view_ledgerentry")
    assert not viewer.has_perm("tasks.add_task")
    assert set(Group.objects.values_list("name", flat=True)) == {
        "Viewer",
        "Operator",
        "Administrator",
    }


def test_the_user_of_a_token_without_any_right_keeps_all_and_is_named(anew):
    user = ApiTokenFactory(user__username="old-ci").user
    migrate()
    assert groups_of(user) == ["Administrator"]
    assert "“old-ci”" in anew.text
    assert "Administrator" in anew.text


def test_who_was_given_rights_has_those_and_is_named(anew):
    user = ApiTokenFactory(user__username="reader").user
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    migrate()
    assert groups_of(user) == []
    assert "“reader”" in anew.text


def test_superusers_and_users_without_a_token_stay_as_they_are(anew):
    root = ApiTokenFactory(user=SuperuserFactory()).user
    plain = UserFactory()
    migrate()
    assert groups_of(root) == groups_of(plain) == []
    assert anew.text == ""


def test_a_group_of_the_sites_own_with_such_a_name_is_left_alone(anew):
    own = Group.objects.create(name="Viewer")
    migrate()
    assert not own.permissions.exists()
    assert apps.get_model("auth", "Group").objects.count() == 3

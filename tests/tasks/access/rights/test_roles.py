"""The groups that are there from the start."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from tasks.access import roles

pytestmark = pytest.mark.django_db


def test_every_model_of_ours_belongs_to_a_role():
    """A new model is decided about in `tasks.access.roles`, and given to the groups by a migration."""
    decided = {
        right.replace(".view_", ".")
        for right in roles.ROLES["Administrator"]
        if ".view_" in right
    }
    parts = {
        "tasks.failedlogins",
        "tasks.sessionitem",
        "tasks.leftover",
        "tasks.message",  # a task's: who may see and change the one, may the other
        *("tasks.workflowrun", "tasks.steprun", "tasks.workflowdocument"),
        *("tasks.runtotal", "tasks.idempotencykey", "tasks.documenttext"),
        "tasks.tasktag",  # a task's
        "tasks.modellist",  # what a provider tells anybody
        "tasks.delivery",  # a webhook's
        "tasks.auditpruning",  # the audit's own
        *("tasks.outboxevent", "tasks.outboxcounter"),  # each by what it tells of
        *("ledger.dailyspend", "ledger.dailytaskspend"),
        *("ledger.modeltotal", "ledger.tasktotal"),
        "ledger.openrequest",
    }
    ours = {
        model._meta.label_lower
        for app in ("tasks", "ledger")
        for model in apps.get_app_config(app).get_models()
    }
    assert ours == decided | parts


def test_the_roles_name_rights_that_there_are():
    names = {
        f"{row.content_type.app_label}.{row.codename}"
        for row in Permission.objects.select_related("content_type")
    }
    assert roles.ROLES["Administrator"] <= names
    assert not any("auth." in right for right in roles.ROLES["Administrator"])


def test_a_group_that_a_site_has_changed_stays_as_it_is():
    viewers = Group.objects.get(name="Viewer")
    viewers.permissions.clear()
    roles.make_groups(apps)
    assert not viewers.permissions.exists()

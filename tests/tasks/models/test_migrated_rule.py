"""The rule that a migration brings: a person may remove it, and then it stays away."""

import pytest
from django.apps import apps
from django.db import connection
from django.utils.module_loading import import_string

from tasks.models import PermissionRule

pytestmark = pytest.mark.django_db

MIGRATION = "tasks.migrations.0005_allow_reads_by_a_rule"


class Editor:
    connection = connection


def migrate(step):
    import_string(f"{MIGRATION}.{step}")(apps, Editor)


def patterns():
    return list(PermissionRule.objects.values_list("pattern", "expires_at"))


@pytest.fixture(autouse=True)
def _migrated():
    PermissionRule.objects.all().delete()
    migrate("add_rule")


def test_it_stands_once_after_going_back_and_forth():
    for _ in range(2):
        migrate("keep_as_it_is")
        migrate("add_rule")
    assert patterns() == [("read:/**", None)]


@pytest.mark.parametrize(
    "change", [PermissionRule.objects.all().delete, lambda: PermissionRule.objects.update(effect="deny")]
)  # fmt: skip
def test_what_a_person_removed_or_changed_does_not_come_back(change):
    change()
    left = patterns()
    for _ in range(2):
        migrate("keep_as_it_is")
        assert not PermissionRule.objects.filter(effect="allow", expires_at=None)
        migrate("add_rule")
        assert patterns() == left

"""The start of an id will do, if it is only one task's."""

import pytest

from tests.factories import (
    TaskFactory,
)
from tests.tasks.management.commands import manage, status_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "spell", [str, lambda pk: pk.hex, lambda pk: str(pk).upper()[:34]]
)
def test_an_id_or_its_start_finds_the_task(spell):
    task = TaskFactory()
    assert manage("cancel", spell(task.pk)).code == 0
    assert status_of(task) == "cancelled"


def test_a_start_that_several_ids_share_is_refused_with_the_candidates():
    first = TaskFactory(id="0199a3c4-7d21-7000-8000-000000000001", title="one")
    second = TaskFactory(id="0199a3c4-7d21-7000-8000-000000000002", title="two")
    result = manage("cancel", "0199a3c4")
    assert result.code == 2
    for task in (first, second):
        assert f"{task.pk}  {task.title}" in result.err
        assert status_of(task) == "planned"


@pytest.mark.parametrize("given", ["0199a3c", "task-9d4e-a1b2", "", "0199a3c4" * 5])
def test_what_is_no_id_is_not_found(given):
    TaskFactory(id="0199a3c4-7d21-7000-8000-000000000001")
    result = manage("logs", given)
    assert result.code == 2
    assert "There is no task" in result.err

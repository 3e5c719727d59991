"""`manage.py workflows`: what there is, how far it is, and the examples that ship."""

import pytest

from tasks.models import Workflow
from tasks.workflows.definition_reader import parse
from tasks.workflows.examples import examples
from tasks.workflows.graph import make_graph
from tests.factories import WorkflowFactory
from tests.tasks.management.commands import manage
from tests.tasks.workflows.running import begin, end, step

pytestmark = pytest.mark.django_db


def test_the_table_tells_how_far_each_is():
    run = begin(step("a"), step("b"), name="Two steps")
    end(run, "a")
    WorkflowFactory(name="Not begun")
    heading, draft, active = manage("workflows").lines

    assert heading.split() == ["ID", "STATUS", "RUN", "STEPS", "NAME"]
    assert draft.split()[1:] == ["draft", "Not", "begun"]
    assert "active" in active
    assert "1 of 2" in active
    assert active.endswith("Two steps")


def test_it_takes_as_many_statements_whatever_there_is(django_assert_num_queries):
    for _ in range(5):
        begin(step("a"))
    with django_assert_num_queries(3):
        manage("workflows")


def test_as_json_it_is_what_the_api_lists(api):
    WorkflowFactory()

    assert manage("workflows", "--json").json == api.get("/api/workflows").json()


def test_only_those_of_a_status():
    WorkflowFactory(status="paused", name="It waits")
    WorkflowFactory()

    assert len(manage("workflows", "--status", "paused").lines) == 2
    assert manage("workflows", "--status", "failed").lines == []


def test_an_example_is_added_and_started():
    added = manage("workflows", "--example", "one_by_one", "--execute")

    workflow = Workflow.objects.get(pk=added.out.strip())
    assert workflow.status == "active"
    assert workflow.name == "One by one"
    assert workflow.created_by.startswith("manage.py")


def test_execute_alone_is_refused():
    assert manage("workflows", "--execute").code == 2


@pytest.mark.parametrize("name", examples())
def test_each_example_can_be_read(name):
    assert make_graph(parse(examples()[name]))

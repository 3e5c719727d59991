"""A task's folder, and the list of what is in it."""

import pytest

from tests.tasks.api.task_files.bodies import body
from tests.tasks.files.work import Work


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def files(api):
    """List a task's files as {path: state}, after checking that the counts fit."""

    def states(work, query=""):
        found = body(api.get(f"{work.url}/files{query}"))
        return {file["path"]: file["state"] for file in found["files"]}

    return states

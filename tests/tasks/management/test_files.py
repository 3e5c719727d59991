"""manage.py files: lists, shows, packs and compares what an agent made."""

import io
import json
import zipfile

import pytest

from tasks.files.removal import prune_files
from tests.factories import TaskFactory
from tests.tasks.files.work import Work
from tests.tasks.management.commands import Terminal, manage

pytestmark = pytest.mark.django_db


@pytest.fixture
def work():
    work = Work().write(old="old\n", edited="one\n").begin()
    return work.write(edited="two\n", **{"reports/q4.md": "# Q4"})


def test_the_list_tells_states_and_sizes(work):
    found = manage("files", work.task.pk)
    assert [line.split() for line in found.lines] == [
        ["changed", "4", "edited"],
        ["unchanged", "4", "old"],
        ["new", "4", "reports/q4.md"],
    ]
    assert found.code == 0


def test_as_json_it_is_the_apis(api, work):
    found = manage("files", work.task.pk, "--json").json
    assert found == json.loads(api.get(f"{work.url}/files").getvalue())


class Pipe(io.StringIO):
    """What is not a terminal takes bytes as they are."""

    def __init__(self):
        super().__init__()
        self.buffer = io.BytesIO()


def test_a_file_goes_to_stdout_as_it_is(work):
    work.write(**{"data.bin": b"\0\xff\x1b[31m"})
    pipe = Pipe()
    assert manage("files", work.task.pk, "--get", "data.bin", stdout=pipe).code == 0
    assert pipe.buffer.getvalue() == b"\0\xff\x1b[31m"


def test_what_an_agent_wrote_drives_no_terminal(work):
    work.write(**{"evil\x1b[31m.txt": "\x1b]0;title\x07 text\n"})
    for arguments in ([], ["--get", "evil\x1b[31m.txt"], ["--diff"]):
        found = manage("files", work.task.pk, *arguments, stdout=Terminal())
        assert "\x1b" not in found.out
        assert "\x07" not in found.out
        assert found.out


@pytest.mark.parametrize("path", ["../../etc/passwd", "none", "reports", "a\0b"])
def test_a_path_that_is_no_file_is_refused_with_the_reason(work, path):
    found = manage("files", work.task.pk, "--get", path)
    assert (found.code, found.out) == (2, "")
    assert found.err


def test_all_of_them_go_into_a_new_zip(work, tmp_path):
    target = tmp_path / "all.zip"
    assert manage("files", work.task.pk, "--zip", target).code == 0
    archive = zipfile.ZipFile(target)
    assert archive.read("reports/q4.md") == b"# Q4"
    again = manage("files", work.task.pk, "--zip", target)
    assert again.code == 2
    assert "exists" in again.err


def test_the_diff_is_as_the_apis(api, work):
    found = manage("files", work.task.pk, "--diff")
    assert found.out.encode() == api.get(f"{work.url}/diff").getvalue()
    assert "-one\n+two\n" in found.out


def test_without_files_it_says_why(work):
    found = manage("files", TaskFactory().pk)
    assert (found.code, found.out) == (0, "")
    assert "No files" in found.err
    prune_files(work.task.pk)
    found = manage("files", work.task.pk)
    assert found.code == 1
    assert "were removed on" in found.err
    assert manage("files", "0" * 8).code == 2


def test_only_one_of_the_ways_is_asked_for(work):
    assert manage("files", work.task.pk, "--diff", "--json").code != 0

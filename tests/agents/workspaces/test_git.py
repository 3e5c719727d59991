"""A workspace that an agent fills does not configure the git that a rule lets run."""

import subprocess

import pytest

from agents.tools import Toolbox
from tasks.rules.patterns import covers

CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = false
\tworktree = .
\tfsmonitor = "touch ran; false"
"""


@pytest.fixture
def bare_layout(tmp_path):
    """Files that `write:/**` covers, and that git takes for a repository."""
    for folder in ("objects", "refs"):
        (tmp_path / folder).mkdir()
    files = {"HEAD": "ref: refs/heads/main\n", "config": CONFIG}
    for name, content in files.items():
        assert covers("write:/**", f"write:/{name}")
        (tmp_path / name).write_text(content)
    return tmp_path


def test_git_alone_would_run_what_they_say(bare_layout):
    subprocess.run(["git", "status"], cwd=bare_layout, capture_output=True)
    assert (bare_layout / "ran").exists()


async def test_our_commands_do_not(bare_layout):
    toolbox = Toolbox(bare_layout)
    call = toolbox.prepare("call-1", "run", {"command": "git status"})
    assert covers("run:git status", call.action)
    assert "cannot use bare repository" in await toolbox.execute(call)
    assert not (bare_layout / "ran").exists()


def test_no_wildcard_covers_the_configuration_of_a_repository():
    for path in ("/.git/config", "/a/.git/hooks/post-checkout", "/.gitattributes"):
        for pattern in ("write:/**", "write:/*", "write:/a/**", "write:/**/config"):
            assert not covers(pattern, f"write:{path}")

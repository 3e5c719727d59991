"""As root, a workspace and what is in it belong to a user of its own."""

import os

import pytest

from agents.tools import Toolbox
from tasks.access import agent_user

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="Only root gives workspaces to others."
)


@pytest.fixture
def workspace(tmp_path):
    """One that was made while agents still ran as root."""
    folder = tmp_path / "workspace"
    (folder / "old").mkdir(parents=True)
    (folder / "old" / "notes.txt").write_text("old\n")
    return folder


def owner(path):
    return path.lstat().st_uid


def test_a_workspace_of_before_is_given_to_its_user(workspace):
    user = agent_user.take_over(str(workspace))
    assert user != 0
    paths = [workspace, *workspace.rglob("*")]
    assert {owner(path) for path in paths} == {user}
    assert agent_user.take_over(str(workspace)) == user


def test_what_lies_outside_is_not_given_along(workspace, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (workspace / "link").symlink_to(secret)
    (workspace / "hard").hardlink_to(secret)
    user = agent_user.take_over(str(workspace))
    assert owner(secret) == 0
    assert owner(workspace / "link") == user


async def test_an_agent_goes_on_in_it(workspace):
    toolbox = Toolbox(workspace)

    async def use(name, **given):
        return await toolbox.execute(toolbox.prepare("1", name, given))

    assert await use("run", command="echo new >> old/notes.txt; id -u") != "0\n"
    assert await use("read", path="old/notes.txt") == "old\nnew\n"
    await use("write", path="made/by/tool.txt", content="tool\n")
    assert await use("run", command="echo more >> made/by/tool.txt") == "(No output.)"
    assert await use("read", path="made/by/tool.txt") == "tool\nmore\n"


async def test_two_workspaces_do_not_see_each_other(workspace, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    assert agent_user.take_over(str(workspace)) != agent_user.take_over(str(other))
    assert other.stat().st_mode & 0o077 == 0

"""What rules see of a path that an agent with file tools of its own names."""

import os

import pytest

from tasks.files.workspace import Workspace, path_action
from tasks.rules.patterns import covers


@pytest.fixture
def workspace(tmp_path):
    root = tmp_path / "workspace"
    (root / "reports").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "workspace2").mkdir()
    return Workspace(root)


@pytest.mark.parametrize(
    "raw",
    [
        "reports/q4.md",
        "./reports/q4.md",
        "reports/../reports//q4.md",
        "reports/q4.md/",
        "{root}/reports/q4.md",
        "{root}/../workspace/reports/q4.md",
        "link/q4.md",
        "chain/q4.md",
        "file",
    ],
)
def test_one_file_is_one_action_whatever_it_is_called(workspace, raw):
    os.symlink("reports", f"{workspace.root}/link")
    os.symlink(f"{workspace.root}/link", f"{workspace.root}/chain")
    os.symlink("reports/q4.md", f"{workspace.root}/file")
    raw = raw.format(root=workspace.root)
    assert path_action(workspace, "write", raw) == "write:/reports/q4.md"


@pytest.mark.parametrize(
    "raw",
    [
        "/etc/hosts",
        "/reports/q4.md",
        "../outside/a",
        "reports/../../outside/a",
        "{root}2/a",
        "{root}/../workspace2/a",
        "away/a",
        "next/a",
        "file",
        "gone",
        "up/workspace2/a",
        "/proc/self/root/etc/hosts",
        "/",
        "..",
        "~/.bashrc",
        "~root/a",
        "~",
        "a\0b",
        "a\ud800b",
        "n" * 256,
        "a/" * 600,
        "/dev/fd/3",
    ],
)
def test_no_rule_allows_what_leads_out_or_cannot_be_told(workspace, tmp_path, raw):
    os.symlink(tmp_path / "outside", f"{workspace.root}/away")
    os.symlink("away", f"{workspace.root}/next")
    os.symlink("../outside/a", f"{workspace.root}/file")
    os.symlink(tmp_path / "outside" / "missing", f"{workspace.root}/gone")
    os.symlink("..", f"{workspace.root}/up")
    for beneath in (False, True):
        action = path_action(
            workspace, "write", raw.format(root=workspace.root), beneath=beneath
        )
        assert action.startswith("write:outside:")
        action.encode()
        for pattern in ("write", "write:**", "write:/**", action):
            assert not covers(pattern, action)


def test_the_workspace_itself_is_its_root(workspace):
    for raw in ("", ".", "reports/..", workspace.root, f"{workspace.root}/"):
        assert path_action(workspace, "read", raw) == "read:/"
        assert path_action(workspace, "read", raw, beneath=True) == "read:/**"


def test_going_through_a_folder_names_all_that_is_beneath(workspace):
    action = path_action(workspace, "read", "reports", beneath=True)
    assert action == "read:/reports/**"


def test_an_outside_path_is_told_resolved(workspace, tmp_path):
    action = path_action(workspace, "write", "../outside/../outside/a")
    assert action == f"write:outside:{tmp_path}/outside/a"

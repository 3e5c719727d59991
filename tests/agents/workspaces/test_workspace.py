"""Nothing that a model names leads out of its workspace, whatever happens meanwhile."""

import os
import socket

import pytest

from agents.tools import Toolbox, ToolFailed, ToolRefused
from tasks.files.workspace import PathRefused, Workspace


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "workspace"
    root.mkdir()
    return root


@pytest.fixture
def outside(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    return outside


@pytest.fixture
def toolbox(root):
    return Toolbox(root)


CALLS = {
    "list": {},
    "read": {},
    "search": {"pattern": "s"},
    "write": {"content": "x"},
    "edit": {"old_text": "secret", "new_text": "x"},
}


@pytest.fixture(params=CALLS)
def prepare(request, toolbox):
    """Prepare a call of each tool that takes a path."""

    def prepare(path):
        return toolbox.prepare(
            "call-1", request.param, {"path": path, **CALLS[request.param]}
        )

    return prepare


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.txt",
        "/../outside/secret.txt",
        "a/../../outside/secret.txt",
        "../workspace2",
    ],
)
def test_dots_that_leave_are_refused(prepare, outside, path):
    with pytest.raises(ToolRefused, match="outside of the workspace"):
        prepare(path)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("{outside}", "link/secret.txt"),
        ("../outside", "link/secret.txt"),
        ("{outside}/missing", "link/new.txt"),
        ("{outside}/secret.txt", "link"),
        ("../outside/missing.txt", "link"),
    ],
)
@pytest.mark.parametrize("is_chained", [False, True])
def test_links_that_leave_are_refused(prepare, root, outside, target, path, is_chained):
    first = root / ("next" if is_chained else "link")
    first.symlink_to(target.format(outside=outside))
    if is_chained:
        (root / "link").symlink_to("next")
    with pytest.raises(
        ToolRefused, match=r"outside of the workspace|not written through links"
    ):
        prepare(path)


def test_a_sibling_whose_name_starts_alike_is_outside(prepare, root):
    root.with_name("workspace2").mkdir()
    with pytest.raises(ToolRefused, match="outside of the workspace"):
        prepare(f"{root}/../workspace2/a.txt")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a\0b", "NUL"),
        ("a\ud800b", "not valid text"),
        ("n" * 256, "longer than 255 bytes"),
        ("ü" * 128, "longer than 255 bytes"),
        ("a/" * 600, "longer than 1,024 bytes"),
    ],
)
def test_a_path_that_cannot_be_one_is_refused(prepare, path, reason):
    with pytest.raises(ToolRefused, match=reason):
        prepare(path)


def test_a_link_to_a_name_that_is_no_text_is_refused(toolbox, root):
    target = os.path.join(os.fsencode(root), b"\xff.txt")
    with open(target, "wb"):
        os.symlink(target, root / "link")
    with pytest.raises(ToolRefused, match="not valid text"):
        toolbox.prepare("call-1", "read", {"path": "link"})


@pytest.mark.parametrize(
    "path", ["a.txt", "/a.txt", "./a.txt", "b/../a.txt", "//a.txt", "b//..//a.txt"]
)
def test_one_file_has_one_name(toolbox, root, path):
    (root / "b").mkdir()
    assert toolbox.prepare("call-1", "read", {"path": path}).action == "read:/a.txt"


def test_the_workspaces_own_path_is_understood(toolbox, root):
    call = toolbox.prepare("call-1", "read", {"path": f"{root}/a.txt"})
    assert call.action == "read:/a.txt"


async def test_a_link_that_stays_inside_is_followed_and_named_by_its_target(
    toolbox, root
):
    (root / "data").mkdir()
    (root / "data" / "a.txt").write_text("inside")
    (root / "link").symlink_to("data")
    (root / "absolute.txt").symlink_to(root / "data" / "a.txt")
    for path in ("link/a.txt", "absolute.txt"):
        call = toolbox.prepare("call-1", "read", {"path": path})
        assert call.action == "read:/data/a.txt"
        assert await toolbox.execute(call) == "inside"


async def test_writing_beneath_a_link_that_stays_inside_lands_at_its_target(
    toolbox, root
):
    (root / "data").mkdir()
    (root / "link").symlink_to("data")
    call = toolbox.prepare("call-1", "write", {"path": "link/a.txt", "content": "x"})
    assert call.action == "write:/data/a.txt"
    await toolbox.execute(call)
    assert (root / "data" / "a.txt").read_text() == "x"


@pytest.mark.parametrize("name", ["write", "edit"])
def test_no_file_is_written_through_a_link(toolbox, root, name):
    (root / "a.txt").write_text("secret")
    (root / "link.txt").symlink_to("a.txt")
    with pytest.raises(ToolRefused, match="not written through links"):
        toolbox.prepare("call-1", name, {"path": "link.txt", **CALLS[name]})


@pytest.mark.parametrize("path", ["", "/", ".", "b/..", "b/."])
def test_a_folder_is_no_file_to_write(toolbox, root, path):
    (root / "b").mkdir()
    with pytest.raises(ToolRefused, match="is a folder"):
        toolbox.prepare("call-1", "write", {"path": path, "content": "x"})


async def test_a_loop_of_links_fails(toolbox, root):
    (root / "loop").symlink_to("loop")
    with pytest.raises((ToolRefused, ToolFailed)):
        await toolbox.execute(toolbox.prepare("call-1", "read", {"path": "loop/a.txt"}))


# --- What is no plain file -------------------------------------------------------------


@pytest.fixture(params=["pipe", "socket", "device"])
def special(request, root, monkeypatch):
    monkeypatch.chdir(root)  # a socket's path is short
    if request.param == "pipe":
        os.mkfifo("special")
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("special")
    else:
        try:
            os.mknod("special", 0o600 | 0o020000, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root makes devices")
    return "special"


@pytest.mark.parametrize("name", ["read", "search", "write", "edit"])
async def test_what_is_no_plain_file_is_refused_at_once(toolbox, special, name):
    with pytest.raises(ToolRefused, match="not a plain file"):
        await toolbox.execute(
            toolbox.prepare("call-1", name, {"path": special, **CALLS[name]})
        )


async def test_writing_a_hard_link_leaves_the_other_name_alone(toolbox, root, outside):
    os.link(outside / "secret.txt", root / "hard.txt")
    for name in ("edit", "write"):
        await toolbox.execute(
            toolbox.prepare("call-1", name, {"path": "hard.txt", **CALLS[name]})
        )
    assert (outside / "secret.txt").read_text() == "secret"
    assert (root / "hard.txt").read_text() == "x"


# --- What is changed between check and use ----------------------------------------------


@pytest.mark.parametrize("name", CALLS)
async def test_a_folder_swapped_for_a_link_after_the_decision_is_refused(
    toolbox, root, outside, name
):
    (root / "a").mkdir()
    (root / "a" / "secret.txt").write_text("secret")
    path = "a" if name in {"list", "search"} else "a/secret.txt"
    call = toolbox.prepare("call-1", name, {"path": path, **CALLS[name]})
    (root / "a").rename(root / "b")
    (root / "a").symlink_to(outside)
    with pytest.raises(ToolRefused, match="outside of the workspace"):
        await toolbox.execute(call)
    assert (outside / "secret.txt").read_text() == "secret"


async def test_a_link_that_leads_elsewhere_after_the_decision_is_refused(toolbox, root):
    for folder in ("allowed", "other"):
        (root / folder).mkdir()
    (root / "link").symlink_to("allowed")
    call = toolbox.prepare("call-1", "write", {"path": "link/a.txt", "content": "x"})
    (root / "link").unlink()
    (root / "link").symlink_to("other")
    with pytest.raises(ToolRefused, match="no longer what was allowed"):
        await toolbox.execute(call)
    assert not list((root / "other").iterdir())


def test_a_located_path_is_used_without_following_links(root, outside):
    (root / "a").mkdir()
    (root / "a" / "secret.txt").touch()
    workspace = Workspace(root)
    located = workspace.locate("a/secret.txt")
    (root / "a").rename(root / "b")
    (root / "a").symlink_to(outside)
    with pytest.raises(NotADirectoryError), workspace.open_file(located):
        pass
    with pytest.raises(NotADirectoryError):
        workspace.replace_file(located, b"x")
    assert (outside / "secret.txt").read_text() == "secret"


def test_a_located_file_that_became_a_link_is_neither_read_nor_written(root, outside):
    workspace = Workspace(root)
    (root / "a.txt").symlink_to(outside / "secret.txt")
    with pytest.raises(PathRefused), workspace.open_file("/a.txt"):
        pass
    with pytest.raises(PathRefused):
        workspace.replace_file("/a.txt", b"x")
    assert (outside / "secret.txt").read_text() == "secret"

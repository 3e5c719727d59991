"""Files swapped for links while they are used: nothing outside is touched."""

import ctypes
import os
import threading
from contextlib import suppress

import pytest

from agents.tools import Toolbox, ToolFailed, ToolRefused

ROUNDS = 300
# Of renameat2(2).
AT_FDCWD = -100
RENAME_EXCHANGE = 2


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


@pytest.fixture
def swapping(root, outside):
    """Exchange the folder `a` with a link to outside, all the time and without a gap."""
    (root / "a").mkdir()
    (root / "link").symlink_to(outside)
    names = os.fsencode(root / "a"), os.fsencode(root / "link")
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    is_over = threading.Event()

    def swap():
        while not is_over.is_set():
            assert (
                exchange(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0
            )

    thread = threading.Thread(target=swap)
    thread.start()
    yield
    is_over.set()
    thread.join()


@pytest.mark.usefixtures("swapping")
async def test_however_links_are_swapped_nothing_lands_outside(toolbox, outside):
    for number in range(ROUNDS):
        with suppress(ToolRefused, ToolFailed):
            tool_input = {"path": f"a/{number}/new.txt", "content": "x"}
            await toolbox.execute(toolbox.prepare("call-1", "write", tool_input))
    assert [file.name for file in outside.iterdir()] == ["secret.txt"]


@pytest.mark.usefixtures("swapping")
async def test_however_links_are_swapped_nothing_is_read_from_outside(toolbox):
    for name, tool_input in [
        ("read", {"path": "a/secret.txt"}),
        ("list", {"path": "a"}),
    ] * ROUNDS:
        with suppress(ToolRefused, ToolFailed):
            output = await toolbox.execute(toolbox.prepare("call-1", name, tool_input))
            assert "secret" not in output

"""search finds lines, within bounds, whatever the pattern."""

import asyncio
import os
import random

import pytest

from agents.tools import Toolbox, ToolFailed
from agents.tools import search as search_tool

CATASTROPHIC = ["(a+)+$", "(a|aa)+$", "(.*)*!$", "(a?){100}a{100}$", "(a*)*b"]
# What RE2 takes long for, in proportion to the text: it does so without its automaton.
SLOW = "[ab]*a[ab]{500}z"


@pytest.fixture
def use(tmp_path):
    """Prepare and execute a call, as an agent loop does."""
    toolbox = Toolbox(tmp_path)

    async def use(name, **tool_input):
        return await toolbox.execute(toolbox.prepare("call-1", name, tool_input))

    return use


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "deep" / "b.py").write_text("import os\n# Needle\n")
    (tmp_path / "a.py").write_text("needle = 1\n")
    (tmp_path / "a.md").write_text("no\nthe needle\n")


@pytest.mark.usefixtures("tree")
async def test_searching_answers_path_number_and_line(use):
    assert (
        await use("search", pattern="needle")
        == "a.md:2: the needle\na.py:1: needle = 1"
    )


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("tool_input", "found"),
    [
        ({"glob": "*.py"}, ["a.py:1", "src/deep/b.py:2"]),
        ({"glob": "**/*.py"}, ["a.py:1", "src/deep/b.py:2"]),
        ({"glob": "src/*.py"}, ["src/deep/b.py:2"]),
        ({"path": "src"}, ["src/deep/b.py:2"]),
        ({"path": "/src/deep", "glob": "*.md"}, ["(Nothing was found.)"]),
        ({"path": "a.md"}, ["a.md:2"]),
    ],
)
async def test_a_search_can_be_narrowed(use, tool_input, found):
    output = await use("search", pattern="(?i)needle", **tool_input)
    assert [line.partition(": ")[0] for line in output.splitlines()] == found


async def test_binary_files_links_and_version_control_are_not_searched(use, tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("needle")
    (tmp_path / "a.bin").write_bytes(b"needle\0")
    (tmp_path / "a.txt").write_text("needle")
    (tmp_path / "link.txt").symlink_to("a.txt")
    os.mkfifo(tmp_path / "pipe")
    assert await use("search", pattern="needle") == "a.txt:1: needle"
    assert await use("search", pattern="needle", path=".git") == ".git/config:1: needle"


async def test_matches_are_bounded(use, tmp_path):
    (tmp_path / "a.txt").write_text("needle\n" * 1_000)
    output = await use("search", pattern="needle")
    assert output.endswith(
        "a.txt:300: needle\n… and more: the first 300 matches are shown"
    )


async def test_long_lines_are_bounded(use, tmp_path):
    (tmp_path / "a.txt").write_text(f"needle{'x' * 5_000_000}\n" + "needle" * 1_000)
    lines = (await use("search", pattern="needle")).splitlines()
    assert [len(line) for line in lines] == [len("a.txt:1: ") + 301] * 2


@pytest.mark.parametrize("pattern", CATASTROPHIC)
async def test_no_pattern_backtracks(use, tmp_path, pattern):
    (tmp_path / "a.txt").write_text("a" * 1_900 + "!b\n")
    found = await use("search", pattern=f"{pattern}|needle")
    assert found.startswith("a.txt:1: aaa" if pattern == "(a*)*b" else "(Nothing")


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("[a-b].txt", ["a.txt", "b.txt"]),
        ("[!a].txt", ["[.txt", "b.txt"]),
        ("[[].txt", ["[.txt"]),
        ("?.txt", ["[.txt", "a.txt", "b.txt"]),
        ("a.txt", ["a.txt"]),
        ("*" * 999 + "!", ["(Nothing was found.)"]),
        ("*a" * 400, ["(Nothing was found.)"]),
    ],
)
async def test_a_glob_has_wildcards_and_sets(use, tmp_path, glob, found):
    for name in ("a.txt", "b.txt", "[.txt", "a" * 250):
        (tmp_path / name).write_text("needle")
    output = await use("search", pattern="needle", glob=glob)
    assert [line.partition(":")[0] for line in output.splitlines()] == found


@pytest.fixture
def slow_file(tmp_path):
    """A file that SLOW takes minutes for, behind one that it is through with at once."""
    line = "".join(random.choices("ab", k=2_000)) + "\n"
    (tmp_path / "a.txt").write_text("a" * 501 + "z\n")
    (tmp_path / "b.txt").write_text(line * 5_000)


@pytest.mark.usefixtures("slow_file")
async def test_a_search_that_takes_long_is_stopped(use, monkeypatch):
    monkeypatch.setattr(search_tool, "SEARCH_SECONDS", 1)
    with pytest.raises(ToolFailed, match=r"(?s)a\.txt:1: aaa.*stopped after 1 seconds"):
        await use("search", pattern=SLOW)


@pytest.mark.usefixtures("slow_file")
async def test_a_search_can_be_cancelled(use):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await use("search", pattern=SLOW)


@pytest.mark.usefixtures("tree")
async def test_searching_a_missing_path_fails(use):
    with pytest.raises(ToolFailed, match="No such file"):
        await use("search", pattern="x", path="missing")

"""list, read, write and edit do what they say, within bounds."""

import asyncio
import os
import stat

import pytest

from agents.protocol.tool_text import MAX_OUTPUT_CHARACTERS
from agents.tools import Toolbox, ToolFailed


@pytest.fixture
def use(tmp_path):
    """Prepare and execute a call, as an agent loop does."""
    toolbox = Toolbox(tmp_path)

    async def use(name, **tool_input):
        return await toolbox.execute(toolbox.prepare("call-1", name, tool_input))

    return use


# --- list ------------------------------------------------------------------------------


async def test_a_listing_tells_folders_files_and_links_apart(use, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "a.txt").write_text("x" * 1234)
    (tmp_path / "link").symlink_to("a.txt")
    assert await use("list") == "a.txt  1,234 bytes\nlink -> a.txt\nsrc/"


async def test_a_name_that_is_no_text_is_listed(use, tmp_path):
    os.mknod(os.path.join(os.fsencode(tmp_path), b"\xff.txt"))
    assert await use("list") == "\N{REPLACEMENT CHARACTER}.txt  0 bytes"


async def test_an_empty_folder_says_so(use):
    assert "empty" in await use("list")


async def test_a_listing_is_bounded(use, tmp_path):
    for number in range(1_100):
        (tmp_path / f"{number:04}").touch()
    output = await use("list")
    assert output.startswith("0000  0 bytes\n0001")
    assert output.endswith("… 100 more")


async def test_a_listing_of_long_names_is_cut(use, tmp_path):
    for number in range(200):
        (tmp_path / f"{number:0250}").touch()
    output = await use("list")
    assert len(output) == MAX_OUTPUT_CHARACTERS
    assert "… cut: the output has" in output


@pytest.mark.parametrize("path", ["missing", "a.txt"])
async def test_what_is_no_folder_cannot_be_listed(use, tmp_path, path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(ToolFailed, match=f"Listing files: {path}: "):
        await use("list", path=path)


# --- read ------------------------------------------------------------------------------


async def test_reading_answers_the_text_as_it_is(use, tmp_path):
    (tmp_path / "a.txt").write_bytes("äöü\r\n\tb".encode())
    assert await use("read", path="a.txt") == "äöü\r\n\tb"


async def test_a_long_file_is_read_in_parts_that_join_to_the_whole(use, tmp_path):
    text = "".join(f"line {number}\n" for number in range(1, 10_001))
    (tmp_path / "a.txt").write_text(text)
    parts, offset = [], 1
    while offset:
        part, _, note = (await use("read", path="a.txt", offset=offset)).partition("…")
        parts.append(part)
        offset = int(note.partition("offset=")[2] or 0)
    assert "".join(parts) == text
    assert len(parts) == 5


async def test_a_part_says_how_many_lines_are_left(use, tmp_path):
    (tmp_path / "a.txt").write_text("x\n" * 1_244)
    output = await use("read", path="a.txt", offset=6, limit=5)
    assert output == "x\n" * 5 + "… 1,234 more lines, read on with offset=11"


async def test_a_last_line_without_its_end_is_counted_and_read(use, tmp_path):
    (tmp_path / "a.txt").write_text("a\nb")
    assert (
        await use("read", path="a.txt", limit=1)
        == "a\n… 1 more lines, read on with offset=2"
    )
    assert await use("read", path="a.txt", offset=2) == "b"


async def test_long_lines_end_a_part_early(use, tmp_path):
    (tmp_path / "a.txt").write_text(f"{'x' * 999}\n" * 100)
    output = await use("read", path="a.txt")
    assert output.endswith("x\n… 71 more lines, read on with offset=30")


async def test_a_line_too_long_is_cut_and_the_next_can_be_read(use, tmp_path):
    (tmp_path / "a.txt").write_text(f"{'x' * 500_000}\nnext\n")
    output = await use("read", path="a.txt")
    assert len(output) <= MAX_OUTPUT_CHARACTERS
    assert output.endswith("… line 1 is too long and was cut; after it, offset=2")
    assert await use("read", path="a.txt", offset=2) == "next\n"


async def test_past_the_end_there_is_nothing(use, tmp_path):
    (tmp_path / "a.txt").write_text("a\n")
    assert (
        await use("read", path="a.txt", offset=10**12)
        == f"(The file has no line {10**12:,}.)"
    )


async def test_an_empty_file_says_so(use, tmp_path):
    (tmp_path / "a.txt").touch()
    assert await use("read", path="a.txt") == "(The file is empty.)"


async def test_a_binary_file_is_only_described(use, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\x7fELF\0" + b"x" * 1_229)
    assert await use("read", path="a.bin") == "(A binary file of 1,234 bytes.)"


async def test_output_holds_nothing_that_a_database_refuses(use, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"x" * 70_000 + b"\n\xff\0\n")
    output = await use("read", path="a.txt", offset=2)
    assert output == "\N{REPLACEMENT CHARACTER}" * 2 + "\n"


async def test_a_huge_file_costs_neither_time_nor_memory(use, tmp_path):
    (tmp_path / "a.txt").write_text("first\n" * 20_000)
    os.truncate(tmp_path / "a.txt", 2**40)
    assert (await use("read", path="a.txt", limit=1)).startswith("first\n… more lines")
    with pytest.raises(ToolFailed, match="use run"):
        await use("read", path="a.txt", offset=30_000)


@pytest.mark.parametrize(
    ("path", "reason"), [("missing", "No such file"), ("b", "Is a directory")]
)
async def test_what_is_no_file_cannot_be_read(use, tmp_path, path, reason):
    (tmp_path / "b").mkdir()
    with pytest.raises(ToolFailed, match=f"Reading file: {path}: {reason}"):
        await use("read", path=path)


# --- write -----------------------------------------------------------------------------


async def test_writing_makes_the_folders_it_needs(use, tmp_path):
    assert (
        await use("write", path="a/b/c.txt", content="ä\n")
        == "Wrote 3 bytes to a/b/c.txt."
    )
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "ä\n".encode()


async def test_overwriting_keeps_the_mode_and_leaves_no_draft(use, tmp_path):
    file = tmp_path / "a.sh"
    file.write_text("old and longer")
    file.chmod(0o750)
    await use("write", path="a.sh", content="new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o750
    assert [found.name for found in tmp_path.iterdir()] == ["a.sh"]


async def test_a_failed_write_leaves_everything_as_it_was(use, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b.txt").touch()
    for path in ("a", "b.txt/c"):
        with pytest.raises(ToolFailed, match="directory"):
            await use("write", path=path, content="x")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b.txt"]


# --- edit ------------------------------------------------------------------------------


async def test_editing_replaces_the_one_place(use, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    output = await use("edit", path="a.txt", old_text="two", new_text="zwei")
    assert output == "Changed 1 place in a.txt."
    assert (tmp_path / "a.txt").read_bytes() == b"one\r\nzwei\r\n"


async def test_an_ambiguous_edit_changes_nothing_unless_all_are_meant(use, tmp_path):
    (tmp_path / "a.txt").write_text("x x x")
    with pytest.raises(ToolFailed, match="occurs 3 times"):
        await use("edit", path="a.txt", old_text="x", new_text="y")
    assert (tmp_path / "a.txt").read_text() == "x x x"
    await use("edit", path="a.txt", old_text="x", new_text="y", replace_all=True)
    assert (tmp_path / "a.txt").read_text() == "y y y"


@pytest.mark.parametrize(
    ("old_text", "reason"), [("c", "copied exactly"), ("a\nb", r"end in \\r\\n")]
)
async def test_text_that_is_not_there_is_explained(use, tmp_path, old_text, reason):
    (tmp_path / "a.txt").write_bytes(b"a\r\nb\r\n")
    with pytest.raises(ToolFailed, match=reason):
        await use("edit", path="a.txt", old_text=old_text, new_text="x")


async def test_an_edit_cannot_blow_a_file_up(use, tmp_path):
    (tmp_path / "a.txt").write_text("x" * 1_000_000)
    with pytest.raises(ToolFailed, match="longer than"):
        await use(
            "edit", path="a.txt", old_text="x", new_text="y" * 100_000, replace_all=True
        )
    assert (tmp_path / "a.txt").stat().st_size == 1_000_000


async def test_editing_a_missing_file_fails(use):
    with pytest.raises(ToolFailed, match="No such file"):
        await use("edit", path="a.txt", old_text="a", new_text="b")


async def test_of_edits_at_once_none_is_lost(use, tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"<{number}>" for number in range(30)))
    edits = [
        use("edit", path="a.txt", old_text=f"<{number}>", new_text=f"[{number}]")
        for number in range(30)
    ]
    await asyncio.gather(*edits)
    assert (tmp_path / "a.txt").read_text() == "".join(
        f"[{number}]" for number in range(30)
    )

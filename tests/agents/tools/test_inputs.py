"""What a tool call must look like, and what it says it would do."""

import pytest

from agents.tools import ALL, Toolbox, ToolRefused


@pytest.fixture
def prepare(tmp_path):
    toolbox = Toolbox(tmp_path)
    return lambda name, **tool_input: toolbox.prepare("call-1", name, tool_input)


def test_tools_come_in_a_stable_order_whatever_order_they_are_named_in(tmp_path):
    assert ALL == ("list", "read", "search", "write", "edit", "run", "ask")
    assert [schema.name for schema in Toolbox(tmp_path).schemas] == list(ALL)
    some = Toolbox(tmp_path, names=["run", "read", "list"]).schemas
    assert [schema.name for schema in some] == ["list", "read", "run"]


def test_the_first_tool_needs_nothing(tmp_path):
    assert Toolbox(tmp_path).schemas[0].parameters["required"] == []


def test_schemas_are_closed_objects(tmp_path):
    for schema in Toolbox(tmp_path).schemas:
        assert schema.parameters["type"] == "object"
        assert schema.parameters["additionalProperties"] is False
        assert all(
            "description" in rule for rule in schema.parameters["properties"].values()
        )


def test_a_toolbox_of_unknown_tools_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="fetch"):
        Toolbox(tmp_path, names=["read", "fetch"])


def test_an_unknown_tool_is_refused_with_what_there_is(tmp_path):
    with pytest.raises(ToolRefused, match="there are: read"):
        Toolbox(tmp_path, names=["read"]).prepare("call-1", "run", {"command": "true"})


@pytest.mark.parametrize(
    ("name", "tool_input", "reason"),
    [
        ("read", {}, "needs path"),
        ("read", {"path": None}, "needs path"),
        ("read", {"path": 5}, "path must be a string"),
        ("read", {"path": "a", "offset": "1"}, "offset must be a whole number"),
        ("read", {"path": "a", "offset": True}, "offset must be a whole number"),
        ("read", {"path": "a", "offset": 1.5}, "offset must be a whole number"),
        ("read", {"path": "a", "offset": 0}, "at least 1"),
        ("ask", {}, "needs question"),
        ("ask", {"question": " "}, "The question is empty"),
        ("ask", {"question": "Q?", "options": "a"}, "options must be a list of texts"),
        ("ask", {"question": "Q?", "options": [{"label": "a"}]}, "must be a string"),
        ("ask", {"question": "Q?", "options": ["a"] * 21}, "more than 20 options"),
        ("write", {"path": "a"}, "needs content"),
        ("write", {"path": "a", "content": "\ud800"}, "not valid text"),
        ("write", {"path": "a", "content": "\0"}, "NUL"),
        ("write", {"path": "a", "content": "x" * (10 * 2**20 + 1)}, "longer than"),
        ("edit", {"path": "a", "old_text": "", "new_text": "b"}, "old_text is empty"),
        ("edit", {"path": "a", "old_text": "b", "new_text": "b"}, "are the same"),
        (
            "edit",
            {"path": "a", "old_text": "b", "new_text": "c", "replace_all": 1},
            "true or false",
        ),
        ("search", {}, "needs pattern"),
        ("search", {"pattern": "("}, "no regular expression: missing"),
        ("search", {"pattern": "a" * 1001}, "longer than"),
        ("search", {"pattern": "(" * 900}, "no regular expression"),
        ("run", {"command": "true", "timeout_seconds": 601}, "at most 600"),
        ("run", {"command": ""}, "command is empty"),
        ("run", {"command": "a\0b"}, "NUL"),
        ("run", {"command": "x" * 30_001}, "longer than"),
    ],
)
def test_an_invalid_input_is_refused_with_the_reason(
    tmp_path, name, tool_input, reason
):
    with pytest.raises(ToolRefused, match=reason):
        Toolbox(tmp_path).prepare("call-1", name, tool_input)


def test_an_input_that_is_no_object_is_refused(tmp_path):
    with pytest.raises(ToolRefused, match="must be an object"):
        Toolbox(tmp_path).prepare("call-1", "list", ["src"])


def test_unknown_keys_and_nulls_are_dropped(prepare):
    call = prepare("list", path=None, nonsense={"a": 1})
    assert (call.tool_input, call.action) == ({}, "read:/")


def test_a_whole_float_is_a_whole_number(prepare):
    assert prepare("read", path="a", offset=3.0).tool_input["offset"] == 3


@pytest.mark.parametrize(
    ("name", "tool_input", "action", "message"),
    [
        ("list", {}, "read:/", "Listing files: /"),
        ("list", {"path": "/src/"}, "read:/src", "Listing files: src"),
        (
            "read",
            {"path": "src/data/revenue.csv"},
            "read:/src/data/revenue.csv",
            "Reading file: src/data/revenue.csv",
        ),
        (
            "search",
            {"pattern": "x", "path": "src"},
            "read:/src",
            "Searching for 'x' in src",
        ),
        (
            "write",
            {"path": "/reports/q4.md", "content": ""},
            "write:/reports/q4.md",
            "Writing file: reports/q4.md",
        ),
        (
            "edit",
            {"path": "a.txt", "old_text": "a", "new_text": "b"},
            "write:/a.txt",
            "Editing file: a.txt",
        ),
        ("run", {"command": "git status"}, "run:git status", "Running: git status"),
    ],
)
def test_a_call_says_what_it_would_do(prepare, name, tool_input, action, message):
    call = prepare(name, **tool_input)
    assert (call.action, call.message, call.tool_input) == (action, message, tool_input)


def test_a_message_hides_nothing_invisible(prepare):
    call = prepare("run", command="ls \u202egpj.exe\nrm -r x\u200b")
    assert call.message == r"Running: ls \u202egpj.exe\nrm -r x\u200b"
    assert call.action == "run:ls \u202egpj.exe\nrm -r x\u200b"


def test_preparing_changes_nothing(prepare, tmp_path):
    prepare("write", path="a/b.txt", content="x")
    assert not list(tmp_path.iterdir())


async def test_an_input_edited_by_a_person_is_what_runs(tmp_path):
    toolbox = Toolbox(tmp_path)
    asked = toolbox.prepare("call-1", "write", {"path": "a.txt", "content": "asked"})
    edited = {**asked.tool_input, "path": "b.txt", "content": "edited"}
    await toolbox.execute(toolbox.prepare("call-1", "write", edited))
    assert [file.name for file in tmp_path.iterdir()] == ["b.txt"]
    assert (tmp_path / "b.txt").read_text() == "edited"

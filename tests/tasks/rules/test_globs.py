"""Globs match as regular expressions would, in linear time.

What backtracks, or takes quadratic time, would not end here within the suite's timeout.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.rules import commands, patterns, programs
from tasks.rules.globs import Glob, Wildcard, parse_glob
from tasks.rules.patterns import covers, denies

REGEX = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
# As in shells, where a wildcard is not meant for names that start with a dot.
REGEX_WITHOUT_DOTS = {
    "**": r"(?:(?<!/)\.|[^.])*",
    "*": r"(?:(?<!/)\.|[^./])*",
    "?": r"(?:(?<!/)\.|[^./])",
}
PATTERNS = st.lists(st.sampled_from(["a", "é", ".", "/", "[", "?", "*", "**"]))
TEXTS = st.text("aé./[*?\n")


def as_regex(parts, wildcards):
    return re.compile(
        "".join(wildcards.get(part) or re.escape(part) for part in parts), re.DOTALL
    )


@given(parts=PATTERNS, path=TEXTS)
def test_a_path_matches_as_by_a_regular_expression(parts, path):
    glob = parse_glob("".join(parts))
    parts = re.split(r"(\*\*|\*|\?)", "".join(parts))
    for wildcards in (REGEX, REGEX_WITHOUT_DOTS):
        expected = as_regex(parts, wildcards).fullmatch(path) is not None
        assert glob.matches_path(path, dots=wildcards is REGEX) is expected


@given(parts=PATTERNS, word=TEXTS)
def test_in_a_word_wildcards_match_any_character(parts, word):
    wildcards = {"**": ".*", "*": ".*", "?": "."}
    expected = as_regex(parts, wildcards).fullmatch(word) is not None
    assert parse_glob("".join(parts)).matches_word(word) is expected


def test_quoted_wildcards_are_text():
    glob = Glob.from_parts(["*", Wildcard.MANY, "?"])
    assert glob.matches_word("*a?")
    assert not glob.matches_word("aa?")


LONG = 100_000
HOSTILE = [
    ("/*-*-*-*-*.md", "/" + "-" * 200),
    ("/*-*-*-*-*.md", "/" + "-" * LONG),
    ("/**a**a**a**a", "/" + "a" * LONG + "b"),
    ("/" + "*a" * 900, "/" + "a" * LONG + "b"),
    ("/" + "?*" * 900 + "b", "/" + "a" * LONG),
    ("/" + "*" * 1_900 + "b", "/" + "a" * LONG),
    ("/" + "**/" * 600 + "b", "/a" * LONG),
    ("/*.*.*.*.*", "/." * LONG),
    ("/**" + "?" * 1_900, "/" + "é" * LONG),
]


@pytest.mark.parametrize(("pattern", "path"), HOSTILE)
def test_hostile_pairs_are_matched_in_linear_time(pattern, path):
    for kind in ("read", "write"):
        covers(f"{kind}:{pattern}", f"{kind}:{path}")
        denies(f"{kind}:{pattern}", f"{kind}:{path}")
    covers(f"fetch:https://x.org{pattern}", f"fetch:https://x.org{path}")
    denies(f"fetch:https://x.org{pattern}", f"fetch:https://x.org{path}")
    parse_glob(pattern).matches_path(path, dots=False)
    parse_glob(pattern).matches_word(path)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("r*r*r*r*m *a*a*a*a*b", "r" * LONG + " " + "a" * LONG),
        ("rm " + "-*a*a*a*b " * 3, "rm " + " ".join(f"-{n}aa" for n in range(5_000))),
        ("a" * 1_900, "/bin/" + "*a" * LONG),  # the agent's own glob
        ("a" * 1_900, " ".join(["*a*a*a*a*b"] * 10_000)),
        ("a" * 255, " ".join(["*a*a*a*a*b"] * 2_000)),
        ("rm *", "1" * 10 * LONG + "x"),
        ("rm *", "-." * 10 * LONG + "x y"),
        ("[" * 1_900, "[" * LONG),
    ],
)
def test_hostile_commands_are_looked_at_in_linear_time(rule, line):
    denies(f"run:{rule}", f"run:{line}")
    covers(f"run:{rule}", f"run:{line}")


@pytest.mark.parametrize("kind", ["write:/", "fetch:https://x.org/", "mcp:x/"])
def test_marks_that_take_quadratic_time_to_sort_are_not_sorted(kind):
    marks = "a" + "\u0300\u0327" * 5 * LONG
    assert denies(f"{kind}b", f"{kind}{marks}")  # rather too much than too little
    assert not covers(f"{kind}b", f"{kind}{marks}")


def test_a_programs_version_is_cut_off_in_linear_time():
    assert programs.name_of("Python-3.11.7") == "python"
    assert programs.name_of("1" * 10 * LONG + "x") == "1" * 10 * LONG + "x"


def test_no_pattern_becomes_a_regular_expression():
    for module in (patterns, commands):
        assert "fnmatch" not in vars(module)
        assert "fnmatchcase" not in vars(module)

"""Whatever a rule lets through is one simple command to bash too, with the rule's words first."""

import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tasks.rules.patterns import covers

RULES = tomllib.loads(Path(__file__).with_name("bypasses.toml").read_text())["rules"]
PROGRAMS = sorted({rule.split()[0] for rule in RULES})
# In place of every program (-p ignores BASH_ENV): writes down what it was given, one line of quoted words a call.
TRACER = """#!/bin/bash -p
printf '%q ' "${0##*/}" "$@" >> "$TRACE"
printf '\\n' >> "$TRACE"
"""
# Functions and builtins would not be traced.
BASH_ENV = "enable -n echo pwd printf test [ kill true false; set +o history"

PIECES = [
    *tuple(";&|<>(){}$`'\"!#*?~^=[]%@+,:-/.a1\\"),
    *(" ", "\n", "\t", "\r", "\u00a0", "\u200b", "é", "", " \\\n"),
    *(
        "&&",
        "||",
        "|&",
        ";;",
        ">>",
        "2>&1",
        "<<<",
        "<<E",
        "$(",
        "${",
        "$((",
        "$'",
        '$"',
    ),
    *("$HOME", "$@", "${x}", "`id`", "$(id)", "<(id)", "{a,b}", "[[", "]]", "((", "))"),
    *("X=1", "a[0]=1", "if", "then", "time", "coproc", "env", "sudo", "exec", "eval"),
    *("-x", "-c", "-o", "-exec", "--", "-", "--pre=id", "-n5", "-la", "--stat", "+x"),
    *("'a b'", '"a b"', "'$x'", '"$x"', "'a;b'", '"a;b"', "''", '""', "'a'b\"c\""),
    *("HEAD~1", "HEAD^", "a=b", "~/x", "a~", "x^y", "src/a.py", "../x", "@{u}", "=ls"),
]
words = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
safe_words = st.sampled_from(
    ["a", "src/a.py", "'a b'", '"it\'s"', "HEAD~2^", "''", "x=y", "-", "--", "'$(id)'"]
)
rests = st.lists(st.one_of(words, safe_words), max_size=4).map(" ".join)
lines = st.one_of(
    st.builds("{} {}".format, st.sampled_from(RULES).map(lambda r: r[:-2]), rests),
    st.builds("{}{}".format, st.sampled_from(RULES), words),
    st.builds("{} {}".format, words, st.sampled_from(RULES)),
    rests,
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A folder in which every program only writes down its arguments."""
    root = tmp_path_factory.mktemp("traced")
    (root / "bin").mkdir()
    (root / "work").mkdir()
    (root / "env").write_text(BASH_ENV)
    for name in PROGRAMS:
        program = root / "bin" / name
        program.write_text(TRACER)
        program.chmod(0o755)
    return root


def traced(root, line):
    """Return the arguments of each program that bash starts for `line`."""
    trace = root / "trace"
    trace.write_text("")
    environment = {"PATH": f"{root}/bin", "TRACE": str(trace), "HOME": "/nowhere"}
    subprocess.run(
        ["/bin/bash", "--norc", "--noprofile", "-c", line],
        cwd=root / "work",
        env={**environment, "BASH_ENV": str(root / "env"), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert os.listdir(root / "work") == []
    return [shlex.split(call) for call in trace.read_text().splitlines()]


def fixed_words(rule):
    return rule.removesuffix(" *").split()


@settings(
    max_examples=int(os.environ.get("STAGENT_TEST_EXAMPLES", "1500")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example("git log 'a;b' \"c d\" HEAD~1^")
@example("echo 'it''s' a'b'\"c\"")
@given(lines)
def test_what_is_let_through_is_one_command_that_starts_with_the_rules_words(
    sandbox, line
):
    rules = [rule for rule in RULES if covers(f"run:{rule}", f"run:{line}")]
    if not rules:
        return
    calls = traced(sandbox, line)
    assert len(calls) == 1
    for rule in rules:
        assert calls[0][: len(fixed_words(rule))] == fixed_words(rule)
    # By another reading too: plain quoting, and no other character that a shell knows.
    assert shlex.split(line) == calls[0]
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
    assert not re.search(r"[;&|<>()$`\\!*?{}\[\]#\n\r\t]|(^|[\s=:])~", unquoted)

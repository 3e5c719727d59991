"""What a rule for `run:` lets through, and what it never does."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from tasks.rules.patterns import covers, pattern_for, validate

HERE = Path(__file__).parent
BYPASSES = tomllib.loads((HERE / "bypasses.toml").read_text())
ATTEMPTS = [line for lines in BYPASSES["lines"].values() for line in lines]
EVERYDAY = tomllib.loads((HERE / "everyday.toml").read_text())


def lets_through(rule, line):
    return covers(f"run:{rule}", f"run:{line}")


def reason_against(pattern):
    with pytest.raises(ValidationError) as caught:
        validate(pattern)
    return caught.value.messages[0]


# --- The corpora -----------------------------------------------------------------------


def test_the_corpora_are_as_large_as_they_should_be():
    assert len(set(ATTEMPTS)) == len(ATTEMPTS) >= 300
    assert len(BYPASSES["rules"]) == 20
    assert sum(map(len, EVERYDAY.values())) >= 150


@pytest.mark.parametrize("kind", BYPASSES["lines"])
def test_no_bypass_is_let_through_by_any_rule(kind):
    lines = BYPASSES["lines"][kind]
    assert not [
        (rule, line)
        for line in lines
        for rule in BYPASSES["rules"]
        if lets_through(rule, line)
    ]


# Of the others, some are plain commands of programs that a rule may name.
@pytest.mark.parametrize(
    "kind", sorted(BYPASSES["lines"].keys() - {"other_programs", "options_of_others"})
)
def test_no_bypass_is_let_through_by_a_rule_for_just_that_line(kind):
    named = ("python3 evil.py", "python3 ./", "python3 scripts/", "python3 -m ")
    assert not [
        line
        for line in BYPASSES["lines"][kind]
        if lets_through(line, line) and not line.startswith(named)
    ]


@pytest.mark.parametrize("rule", EVERYDAY)
def test_everyday_commands_are_let_through_by_their_rule(rule):
    validate(f"run:{rule}")
    assert [line for line in EVERYDAY[rule] if not lets_through(rule, line)] == []


# --- Words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("git log *", "git logout"),
        ("git log", "git log -1"),
        ("git log -1", "git log"),
        ("ls src", "ls srcs"),
        ("ls * x", "ls x"),
        ("ls * x", "ls a b x"),
        ("pytest tests/*", "pytest tests/../evil.py"),
        ("pytest tests/*", "pytest"),
        ("mytool *", "mytool"[:-1]),
        ("cat 'a*'", "cat ab"),
    ],
)
def test_a_rule_is_for_its_words_only(rule, line):
    assert not lets_through(rule, line)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("git log *", "  git   log  -1 "),
        ("git log *", "'git' \"log\" -1"),
        ("cat 'a*'", 'cat "a*"'),
        ("ls * x", "ls a x"),
        ("ls ?", "ls a"),
        ("git commit -m 'Fix it'", 'git commit -m "Fix it"'),
    ],
)
def test_words_count_however_they_are_quoted_and_spaced(rule, line):
    assert lets_through(rule, line)


def test_a_line_may_not_be_longer_than_a_person_reads():
    assert lets_through("echo *", f"echo {'a' * 1_900}")
    assert not lets_through("echo *", f"echo {'a' * 2_000}")


def test_a_pattern_is_made_of_a_command_that_a_rule_may_cover():
    assert pattern_for("run:git log -1") == "run:git log -1"
    assert pattern_for("run:grep 'a*' x") == "run:grep 'a*' x"
    for action in ("run:ls *", "run:ls; id", "run:sudo ls", "run:git -c a=b log"):
        assert pattern_for(action) is None


def test_looking_at_a_long_hostile_line_takes_no_time():
    started = time.perf_counter()
    for line in ("(" * 1_900, "$(" * 900, "'" * 1_901, "a=" * 900, "<<" * 900):
        assert not lets_through("git *", f"git {line}")
    assert time.perf_counter() - started < 2


def test_the_grammar_is_not_loaded_before_it_is_needed():
    check = "import sys, tasks.rules.patterns; print('tree_sitter' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.stdout == "False\n"


# --- What may be saved -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("run", "“run” alone would allow any command. Name one"),
        ("run:*", "names the program"),
        ("run:* -l", "names the program"),
        ("run:git*", "names the program"),
        ("run:python", "write out the script that it may run, as in “run:python"),
        ("run:python *", "write out the script"),
        ("run:/usr/bin/python3.11 *", "write out the script"),
        ("run:python -c *", "write out the script"),
        ("run:python -c 'print()'", "write out the script"),
        ("run:python -m *", "write out the script"),
        ("run:node -e *", "write out the script"),
        ("run:node inspect *", "write out the script"),
        ("run:perl *", "write out the script"),
        ("run:ruby", "write out the script"),
        ("run:bash", "runs what it is given"),
        ("run:bash -c *", "runs what it is given"),
        ("run:bash script.sh", "runs what it is given"),
        ("run:/bin/sh *", "runs what it is given"),
        ("run:env *", "runs what it is given"),
        ("run:sudo git status", "runs what it is given"),
        ("run:xargs *", "runs what it is given"),
        ("run:ssh host *", "runs what it is given"),
        ("run:awk *", "runs what it is given"),
        ("run:cd *", "runs what it is given"),
        ("run:eval *", "runs what it is given"),
        ("run:make *", "writes all of them out"),
        ("run:npm run *", "writes all of them out"),
        ("run:npm run build:*", "writes all of them out"),
        ("run:pip install *", "writes all of them out"),
        ("run:gcc *", "writes all of them out"),
        ("run:npx *", "runs what it is given"),
        ("run:git -c *", "not among the commands"),
        ("run:git config *", "not among the commands"),
        ("run:git log --output=x", "not among the options of git log"),
        ("run:find . -delete", "not among the options of find"),
        ("run:sort -o x y", "not among the options of sort"),
        ("run:git status && ls", "names one simple command"),
        ("run:ls > x", "names one simple command"),
        ("run:ls $HOME", "names one simple command"),
        ("run:X=1 ls", "names one simple command"),
    ],
)
def test_a_rule_that_would_allow_anything_cannot_be_saved(pattern, reason):
    assert reason in reason_against(pattern)


@pytest.mark.parametrize(
    "pattern", ["run", "run:python *", "run:sudo *", "run:rm -rf *"]
)
def test_what_cannot_be_allowed_can_be_denied(pattern):
    validate(pattern, is_allow=False)


@pytest.mark.parametrize("rule", ["python *", "bash *", "env *", "make *", ""])
def test_a_rule_from_before_that_could_not_be_saved_now_covers_nothing(rule):
    for line in ("python -c x", "python x.py", "bash -c ls", "env ls", "make x", "ls"):
        assert not lets_through(rule, line)

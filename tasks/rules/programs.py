"""What a rule may let a program be handed: `programs.toml` lists what is harmless.

git runs programs that its configuration names, also for `git status` (core.fsmonitor,
filters, text converters, hooks). The list takes git nevertheless, for the workspace's
configuration is not the agent's to write unasked: a rule's wildcards do not cover files
whose name starts with a dot, `git config` is asked about, and a clone brings none along.
Who unpacks a foreign repository with its `.git` folder should have no rule for git.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Program:
    """What is harmless of one program, or of one of its subcommands."""

    short: re.Pattern[str]
    options: frozenset[str]
    first: re.Pattern[str]
    operands: re.Pattern[str]
    most: int
    is_literal: bool

    @classmethod
    def from_lists(
        cls,
        *,
        flags: str = "",
        values: str = "",
        long: str = "",
        words: str = "",
        first: str = ".*",
        operands: str = ".*",
        most: int = 1_000,
        literal: bool = False,
    ) -> "Program":
        joined = f"-[{flags}]*" if flags else "-"
        attached = f"(?:[{values}].*)?" if values else ""
        return cls(
            short=re.compile(joined + attached),
            options=frozenset(words.split()) | {f"--{name}" for name in long.split()},
            first=re.compile(first),
            operands=re.compile(operands),
            most=most,
            is_literal=literal,
        )

    def takes_option(self, word: str) -> bool:
        return (
            word.partition("=")[0] in self.options
            or self.short.fullmatch(word) is not None
        )


@dataclass(frozen=True)
class Known:
    """What is known of all programs, from the table beside this file."""

    programs: dict[str, Program]
    groups: frozenset[str]  # programs that are listed by their subcommands
    never: frozenset[str]
    interpreters: frozenset[str]
    runners: frozenset[str]


@cache
def load_known() -> Known:
    table: dict[str, Any] = tomllib.loads(
        Path(__file__).with_suffix(".toml").read_text()
    )
    programs = {
        key: Program.from_lists(**entry) for key, entry in table["programs"].items()
    }
    return Known(
        programs=programs,
        groups=frozenset(key.partition(" ")[0] for key in programs if " " in key),
        never=frozenset(table["never"].split()),
        interpreters=frozenset(table["interpreters"].split()),
        runners=frozenset(table["runners"].split()),
    )


def refusal(words: Sequence[str], written: Sequence[bool]) -> str | None:
    """Say why a rule may not cover the command `words`, None if it may.

    `written` tells of each word whether the rule writes it out: what only a wildcard stands
    for was never seen by who made the rule.
    """
    name = name_of(words[0])
    if name in load_known().never or name.startswith(("git-", "ld-")):
        return f"“{name}” runs what it is given, so it is always asked about: name the program itself."
    if len(words) == 2 and words[1] == "--version":
        return None
    if name in load_known().interpreters:
        return _judge_interpreter(name, words, written)
    if name in load_known().runners:
        return _unless_written(name, written)
    found = _find(name, words)
    if found is None and name in load_known().groups:
        return _judge_group(name, words)
    if found is None:
        return _judge_unknown(words, written)
    program, depth = found
    if program.is_literal and not all(written):
        return _unless_written(" ".join((name, *words[1:depth])), written)
    return _judge_listed(program, " ".join((name, *words[1:depth])), words[depth:])


def is_known(words: Sequence[str]) -> bool:
    """Tell whether it is known what `words` do, and that they run nothing else."""
    from_lists = _find(name_of(words[0]), words) is not None
    return from_lists and refusal(words, [True] * len(words)) is None


def name_of(word: str) -> str:
    """Name a program whatever its folder, version and case: /usr/bin/Python3.11 is python."""
    name = word.rpartition("/")[2].casefold().removesuffix(".exe")
    plain = name.rstrip("-.0123456789")
    return plain if name not in _names() and plain in _names() else name


@cache
def _names() -> frozenset[str]:
    found = load_known()
    return (
        found.never
        | found.interpreters
        | found.runners
        | found.groups
        | frozenset(found.programs)
    )


def _find(name: str, words: Sequence[str]) -> tuple[Program, int] | None:
    """Find what is listed of a command, by its longest key, and how many words that has."""
    for depth in (3, 2, 1):
        key = " ".join((name, *words[1:depth]))
        if len(words) >= depth and (program := load_known().programs.get(key)):
            return program, depth
    return None


def _judge_listed(program: Program, name: str, rest: Sequence[str]) -> str | None:
    options = [
        word for word in rest if word.startswith("-") and word not in {"-", "--"}
    ]
    for word in options:
        if not program.takes_option(word):
            return f"“{word}” is not among the options of {name} that a rule may cover."
    operands = [word for word in rest if word == "-" or not word.startswith("-")]
    if len(operands) > program.most:
        return f"A rule covers {name} with at most {program.most} operands."
    if operands and not program.first.fullmatch(operands[0]):
        return f"“{operands[0]}” is not something that a rule may give to {name}."
    for word in operands:
        if not program.operands.fullmatch(word):
            return f"“{word}” is not something that a rule may give to {name}."
    return None


def _judge_group(name: str, words: Sequence[str]) -> str | None:
    if len(words) == 1:
        return None
    return f"“{' '.join((name, words[1]))}” is not among the commands that a rule may cover."


def _judge_interpreter(
    name: str, words: Sequence[str], written: Sequence[bool]
) -> str | None:
    first = words[1] if len(words) > 1 and written[1] else ""
    if first == "-m" and len(words) > 2 and written[2]:
        return _judge_module(words[2:], written[2:])
    if re.match(
        r"[^-].*[./]|[./]", first
    ):  # a file, not a command as in `node inspect`
        return _judge_unknown(words[1:], written[1:])
    return (
        f"“{name}” runs whatever it is given: write out the script that it may run,"
        f" as in “run:{name} report.py *”."
    )


def _judge_module(words: Sequence[str], written: Sequence[bool]) -> str | None:
    if _find(words[0], words) or name_of(words[0]) in load_known().never:
        return refusal(words, written)
    return _unless_written(words[0], written)


def _unless_written(name: str, written: Sequence[bool]) -> str | None:
    if all(written):
        return None
    return f"{name} runs what its arguments name, so a rule writes all of them out, without wildcards."


def _judge_unknown(words: Sequence[str], written: Sequence[bool]) -> str | None:
    """Of a program that is not listed, a wildcard stands for plain operands only."""
    for word, is_written in zip(words, written, strict=True):
        if not is_written and (word[:1] in {"-", "+", "@"} or "=" in word):
            return f"“{word}” may be an option, so a rule must write it out."
    return None

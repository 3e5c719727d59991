"""Rules for `run:`: what an allow rule covers for certain, what a deny rule catches at all.

The two err in opposite directions. An allow rule is for one simple command whose words
start with the rule's, of a program that can do nothing else with them. A deny rule is a
safety net: it also catches the command in a chain, under a wrapper, in quotes or by its
path, and where a line cannot be understood, it is enough that the words occur in it. It
cannot catch what only comes about when the line runs: text that is decoded, downloaded,
put together from variables, or read from a script.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, zip_longest

from tasks.rules.globs import Glob, has_wildcard, parse_glob, split_parts
from tasks.rules.programs import is_known, name_of, refusal
from tasks.rules.shell import Piece, Word, parse, simple_command

MAX_NAME = 255  # of a program: no file has a longer one
ANY_MORE = (Piece("*", is_quoted=False),)  # at the end of a rule: any further words

_SEPARATORS = re.compile(r"[\s;&|<>(){}\[\]=`$!,:@%]+")
_SET = re.compile(r"\[!?\]?[^\]\s]*\]")
# What bash takes out of a word: quotes, escapes, and variables that are empty.
_EMPTY = re.compile(r"\\\n|['\"\\]|\$\{[^}]{0,99}\}|\$[@*#?\w]|\$\(\)|``")


def problem(rule: str) -> str | None:
    """Say why an allow rule for `run:` with this rest cannot be saved."""
    wanted = _rule_words(rule)
    if wanted is None:
        return (
            "A rule for “run” names one simple command, as in “run:git log *”: no chains,"
            " redirections, variables or backslashes, and quotes around what has a blank."
        )
    if not wanted or not _is_written(wanted[0]):
        return "A rule for “run” names the program: “run:git status”, “run:pytest *”."
    fixed, is_open = _split(wanted)
    words = _texts(fixed)
    written = [_writes_out(glob, word) for glob, word in zip(fixed, words, strict=True)]
    return refusal(words, written) or (_judge_more(words, written) if is_open else None)


def _judge_more(words: list[str], written: list[bool]) -> str | None:
    """Say why a rule that leaves further words open can cover none of them."""
    when_open = refusal([*words, "x"], [*written, False])
    when_written = refusal([*words, "x"], [*written, True])
    return when_open if when_open != when_written else None


def covers_command(rule: str, line: str) -> bool:
    """Tell whether the allow rule is for this line, word by word, and may be."""
    words, wanted = simple_command(line), _rule_words(rule)
    if words is None or not wanted:
        return False
    fixed, is_open = _split(wanted)
    if len(words) < len(fixed) or (len(words) > len(fixed) and not is_open):
        return False
    if not all(_matches(glob, word) for glob, word in zip(fixed, words, strict=False)):
        return False
    written = [
        glob is not None and _writes_out(glob, word)
        for glob, word in zip_longest(fixed, words)
    ]
    return written[0] and refusal(words, written) is None


def denies_command(rule: str, line: str) -> bool:
    """Tell whether the deny rule catches anything in this line."""
    wanted = [word for word in _deny_words(rule) if word != "*"]
    if not wanted:
        return True
    words = simple_command(line)
    if words is not None and is_known(words):
        return _starts_like(words, wanted)
    return any(_occurs(wanted, tokens) for tokens in _readings(line))


# --- Allow ----------------------------------------------------------------------------


@lru_cache(maxsize=1_000)
def _rule_words(rule: str) -> tuple[Word, ...] | None:
    return parse(rule)


def _split(wanted: tuple[Word, ...]) -> tuple[tuple[Word, ...], bool]:
    """Return the words that must be there, and whether more may follow."""
    is_open = wanted[-1] == ANY_MORE
    return (wanted[:-1] if is_open else wanted), is_open


def _matches(glob: Word, word: str) -> bool:
    if not _is_written(glob) and ".." in word.split("/"):
        return False  # of "tests/*", "tests/../../x" is none
    return _glob(glob).matches_word(word)


@lru_cache(maxsize=1_000)
def _glob(word: Word) -> Glob:
    parts = (
        [piece.text] if piece.is_quoted else split_parts(piece.text) for piece in word
    )
    return Glob.from_parts(chain.from_iterable(parts))


def _is_written(glob: Word) -> bool:
    return all(piece.is_quoted or not re.search(r"[*?]", piece.text) for piece in glob)


def _writes_out(glob: Word, word: str) -> bool:
    """Tell whether the rule says which word, or which option with a value, this is."""
    if _is_written(glob):
        return True
    head = re.split(r"[*?]", glob[0].text)[0]
    return head.startswith("-") and "=" in head and word.startswith(head)


def _texts(words: Sequence[Word]) -> list[str]:
    return ["".join(piece.text for piece in word) for word in words]


# --- Deny -----------------------------------------------------------------------------


@lru_cache(maxsize=1_000)
def _deny_words(rule: str) -> tuple[str, ...]:
    """Read the rule; any character will do for a set of them, such as [a-z]."""
    words = _EMPTY.sub("", _SET.sub("?", rule)).split()
    return tuple(word.casefold() for word in words)


def _starts_like(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Of an understood command: the same program and operands, whatever options between."""
    rest = [word.casefold() for word in words[1:]]
    operands, wanted_operands = _operands(rest), _operands(wanted[1:])
    return (
        _same_program(wanted[0], words[0])
        and len(operands) >= len(wanted_operands)
        and all(map(_is_like, operands, wanted_operands))
        and _has_options(rest, wanted)
    )


def _operands(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]


def _has_options(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Tell whether all options of the rule are there; -r -f and -fr are -rf."""
    given = {word for word in words if word.startswith("-")}
    letters = {letter for word in given if _is_short(word) for letter in word}
    return all(
        option in given
        or (_is_short(option) and letters.issuperset(option))
        or (has_wildcard(option) and any(_is_like(word, option) for word in given))
        for option in wanted
        if option.startswith("-")
    )


def _is_like(word: str, wanted: str) -> bool:
    return parse_glob(wanted).matches_word(word)


def _is_short(word: str) -> bool:
    return re.fullmatch(r"-\w+", word) is not None


def _readings(line: str) -> Iterator[list[str]]:
    """Cut a line into words in two ways: quotes join words, or quotes part them."""
    for text in (_EMPTY.sub("", line), re.sub(r"['\"\\]", " ", line)):
        yield [token.casefold() for token in _SEPARATORS.split(text) if token]


def _occurs(wanted: Sequence[str], tokens: list[str]) -> bool:
    """Tell whether the program occurs, and after it the other words, operands in order.

    What follows a later occurrence follows the first one too.
    """
    left = iter(tokens)
    if not any(_same_program(wanted[0], token) for token in left):
        return False
    rest = list(left)
    left = iter(rest)
    return _has_options(rest, wanted) and all(
        any(_is_like(word, operand) for word in left)
        for operand in _operands(wanted[1:])
    )


def _same_program(wanted: str, token: str) -> bool:
    """Tell whether a word may be the program: by its path, version or a glob as well."""
    name = token.casefold().rpartition("/")[2]
    if _is_like(name, wanted) or name_of(token) == name_of(wanted):
        return True
    if len(wanted) > MAX_NAME or not (has_wildcard(name) and re.search(r"\w", name)):
        return False
    return Glob.from_parts(split_parts(name)).matches_word(wanted)

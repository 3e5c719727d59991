"""Globs, matched in linear time: users and agents write them, against texts of any length.

A regular expression would backtrack: four asterisks against 200 dashes took half a minute.
Here a pattern is an automaton whose states are the bits of one integer, and a character of
the text is one step of it, however much of the pattern has matched so far.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Wildcard(Enum):
    """The wildcards of a pattern, by how far each goes."""

    ONE = "?"
    MANY = "*"
    ALL = "**"  # of a path: across its slashes


Part = str | Wildcard  # text that is meant literally, or a wildcard

_WILDCARDS = re.compile(r"(\*\*|\*|\?)")


@dataclass(frozen=True)
class Glob:
    """A pattern. In each integer, bit `i` stands for its place `i`."""

    literals: dict[str, int]  # by character, the places where it is written
    within: int  # wildcards that stay within a segment of a path
    across: int  # wildcards that do not
    repeated: int  # those of them that take any number of characters
    end: int

    @classmethod
    def from_parts(cls, parts: Iterable[Part]) -> "Glob":
        literals: dict[str, int] = {}
        kinds = dict.fromkeys(Wildcard, 0)
        place = 1
        for part in _join(parts):
            if isinstance(part, Wildcard):
                kinds[part] |= place
            else:
                literals[part] = literals.get(part, 0) | place
            place <<= 1
        one, many, everything = kinds.values()
        return cls(literals, one | many, everything, many | everything, end=place)

    def matches_path(self, path: str, *, dots: bool = True) -> bool:
        """Tell whether all of `path` matches.

        Without `dots`, wildcards match no name that starts with a dot, as in shells.
        """
        states, before = self._onwards(1), ""
        for character in path:
            wildcards = self.across if character == "/" else self.across | self.within
            if before == "/" and character == "." and not dots:
                wildcards = 0
            states = self._step(states, character, wildcards)
            if not states:
                return False
            before = character
        return bool(states & self.end)

    def matches_word(self, word: str) -> bool:
        """Tell whether all of `word` matches, in which a slash is like any character."""
        states = self._onwards(1)
        for character in word:
            states = self._step(states, character, self.across | self.within)
            if not states:
                return False
        return bool(states & self.end)

    def _step(self, states: int, character: str, wildcards: int) -> int:
        taken = states & (self.literals.get(character, 0) | wildcards)
        return self._onwards((taken & self.repeated) | (taken & ~self.repeated) << 1)

    def _onwards(self, states: int) -> int:
        """Add the places behind asterisks, which may stand for nothing."""
        return states | (states & self.repeated) << 1


def _join(parts: Iterable[Part]) -> list[Part]:
    """Cut text into characters, and make one asterisk of several in a row."""
    joined: list[Part] = []
    repeated = (Wildcard.MANY, Wildcard.ALL)
    for part in parts:
        if isinstance(part, str):
            joined.extend(part)
        elif part in repeated and joined and joined[-1] in repeated:
            joined[-1] = max(part, joined[-1], key=repeated.index)
        else:
            joined.append(part)
    return joined


def split_parts(text: str) -> list[Part]:
    """Cut a pattern at its wildcards."""
    return [
        Wildcard(part) if _WILDCARDS.fullmatch(part) else part
        for part in _WILDCARDS.split(text)
    ]


@lru_cache(maxsize=1_000)
def parse_glob(pattern: str) -> Glob:
    return Glob.from_parts(split_parts(pattern))


def has_wildcard(text: str) -> bool:
    return re.search(r"[*?\[]", text) is not None

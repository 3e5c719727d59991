"""A shell line as the words of one simple command, by bash's own grammar, or not at all.

What is taken is a small part of the language, in which a word means what it says: plain
words and quoted text. Whatever chains, substitutes, redirects, assigns, expands or cannot
be parsed is None. The tree must account for every character of the line, and what is not
quoted is checked against a list of harmless characters besides, so that a flaw of the
grammar does not let anything through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from tasks.rules.visible_text import is_plain

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MAX_CHARACTERS = 2_000

# "~" and "^" only as in HEAD~2^: elsewhere they expand. "=" never first: zsh looks it up.
# No letters beyond ASCII: some locales make blanks of their bytes.
_UNQUOTED = re.compile(r"(?:[A-Za-z0-9_./,:=@%+-]|(?<=[A-Za-z0-9@~^])[~^])+")
_IN_DOUBLE_QUOTES = re.compile(r'[^"$`\\!]*')


@dataclass(frozen=True)
class Piece:
    """A part of a word, without its quotes."""

    text: str
    is_quoted: bool


Word = tuple[Piece, ...]


@lru_cache(maxsize=1_000)
def simple_command(line: str) -> tuple[str, ...] | None:
    """Return the words of `line` as the program is given them, None if in any doubt."""
    words = parse(line)
    if words is None or not all(map(_is_literal, words)):
        return None
    return tuple("".join(piece.text for piece in word) for word in words)


def parse(line: str) -> tuple[Word, ...] | None:
    """Return the words of one simple command, None if it is anything else.

    Unquoted "*" and "?" are kept, which a rule has and a line must not have.
    """
    line = line.strip(" ")
    if not line or len(line) > MAX_CHARACTERS or not is_plain(line):
        return None
    source = line.encode()
    root = parse_tree(source)
    if root.has_error or root.child_count != 1 or root.children[0].type != "command":
        return None
    nodes = root.children[0].children
    if nodes[0].type != "command_name" or not _fills(source, nodes):
        return None
    words = [_word(node) for node in nodes]
    known = tuple(word for word in words if word)
    return known if len(known) == len(words) else None


def _fills(source: bytes, nodes: list[Node]) -> bool:
    """Tell whether between the nodes there are spaces and nothing else."""
    ends = [0, *(node.end_byte for node in nodes)]
    starts = [*(node.start_byte for node in nodes), len(source)]
    gaps = [source[end:start] for end, start in zip(ends, starts, strict=True)]
    return not (gaps[0] or gaps[-1] or any(gap.strip(b" ") for gap in gaps)) and all(
        gaps[1:-1]
    )


def _word(node: Node) -> Word | None:
    pieces = [_piece(part) for part in _parts(node)]
    known = tuple(piece for piece in pieces if piece)
    if len(known) != len(pieces) or _starts_oddly(known):
        return None
    return known


def _parts(node: Node) -> Iterator[Node]:
    if node.type in {"command_name", "concatenation"}:
        for child in node.children:
            yield from _parts(child)
    else:
        yield node


def _piece(node: Node) -> Piece | None:
    text = (node.text or b"").decode()
    match node.type:
        case "word" | "number" if _UNQUOTED.fullmatch(re.sub(r"[*?]", "x", text)):
            return Piece(text, is_quoted=False)
        case "raw_string" if "'" not in text[1:-1]:
            return Piece(text[1:-1], is_quoted=True)
        case "string" if _IN_DOUBLE_QUOTES.fullmatch(text[1:-1]):
            return Piece(text[1:-1], is_quoted=True)
    return None


def _starts_oddly(word: Word) -> bool:
    return not word or (not word[0].is_quoted and word[0].text.startswith("="))


def _is_literal(word: Word) -> bool:
    return all(piece.is_quoted or not re.search(r"[*?]", piece.text) for piece in word)


@cache
def _grammar() -> Language:
    # Not at the top: the web process rarely needs it.
    language: Language = import_module("tree_sitter").Language(
        import_module("tree_sitter_bash").language()
    )
    return language


def parse_tree(source: bytes) -> Node:
    """Return the root of bash's syntax tree of `source`."""
    # A parser is not for two threads at once, and costs next to nothing to make.
    root: Node = import_module("tree_sitter").Parser(_grammar()).parse(source).root_node
    return root

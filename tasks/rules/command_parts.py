"""The simple commands that a shell line is made of, for a person to see which no rule covers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.rules.shell import MAX_CHARACTERS, parse_tree


@dataclass(frozen=True)
class Part:
    """A part of a command line: one command, or what stands between two."""

    text: str
    is_command: bool  # else what stands between: "&&", "|", blanks, line ends


def parts_of_line(line: str) -> list[Part]:
    """Return the whole line in parts, in order. What cannot be parsed is one command."""
    if len(line) > MAX_CHARACTERS:
        return [Part(line, is_command=True)]
    source = line.encode("utf-8", "replace")
    root = parse_tree(source)
    if root.has_error:
        return [Part(line, is_command=True)]
    return list(
        _cut(source, [(one.start_byte, one.end_byte) for one in _commands(root)])
    )


def _commands(node: Any) -> Iterator[Any]:
    """Yield the outermost commands: what is substituted within one belongs to it."""
    for child in node.children:
        if child.type in {"command", "redirected_statement"}:
            yield child
        else:
            yield from _commands(child)


def _cut(source: bytes, spans: list[tuple[int, int]]) -> Iterator[Part]:
    end = 0
    for start, stop in spans:
        if start > end:
            yield Part(source[end:start].decode(), is_command=False)
        yield Part(source[start:stop].decode(), is_command=True)
        end = stop
    if end < len(source):
        yield Part(source[end:].decode(), is_command=False)

"""Tells what a result is written in, so that a client knows how to show it.

JSON is certain: it is what a JavaScript client's `JSON.parse` takes and an object or an
array. The rest is judged by the shape of the first lines, so that a result of any length
costs the same. In doubt it is text, which shows everything as it is.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import orjson

ContentType = Literal["text", "markdown", "code", "json", "unknown"]

# How much of a result is looked at, in characters. Bounding lines too keeps the patterns
# below linear, whatever the text.
SAMPLE = 20_000
LINE = 400
# The share of lines that read as code in what is code; prose has next to none.
CODE_SHARE = 0.4
# What text must score to be Markdown: a heading, two list items, one link and so on.
MARKDOWN_SCORE = 2


def content_type_of(result: str) -> ContentType:
    """Return what `result` is written in; `unknown` if it is empty or no text at all."""
    sample = result[:SAMPLE]
    if not result.strip() or not _is_text(sample):
        return "unknown"
    if _is_json(result):
        return "json"
    layout = _layout([line[:LINE] for line in sample.splitlines()])
    if _is_code(sample, layout):
        return "code"
    return "markdown" if _is_markdown(layout) else "text"


def _is_text(sample: str) -> bool:
    odd = sum(not (char.isprintable() or char.isspace()) for char in sample)
    return odd * 10 <= len(sample)


def _is_json(result: str) -> bool:
    if not re.match(r"[ \t\r\n]*[\[{]", result):
        return False
    try:
        orjson.loads(result)
    except orjson.JSONDecodeError:
        return False
    return True


@dataclass(frozen=True)
class _Layout:
    """A text taken apart: the lines outside of fenced blocks, and what these blocks are."""

    lines: list[str]
    languages: list[str]  # as the opening fences name them

    @property
    def is_one_block(self) -> bool:
        return len(self.languages) == 1 and not any(map(str.strip, self.lines))


_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^`]*)$")


def _layout(lines: list[str]) -> _Layout:
    outside: list[str] = []
    languages: list[str] = []
    fence = ""  # the one that is open
    for line in lines:
        found = _FENCE.match(line)
        if fence:
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
        elif found:
            fence = found[1]
            languages.append(found[2].strip().lower())
        else:
            outside.append(line)
    return _Layout(outside, languages)


# --- Code ---------------------------------------------------------------------------

_COMMENT = re.compile(r"\s*(#|//|/\*|\*/|--\s)")

_CODE = re.compile(
    r"""
      .*\{\s*$                                                # opens a block
    | \s*[\])}]+[;,)]*\s*$                                    # closes one
    | .*(\w\((?!e?s\))|[={}\[\]<>]).*;\s*$                             # a statement
    | \s*[\w-]+:\s[^.]*;\s*$                                  # a CSS property
    | \s*(async\s+)?def\s+\w+\s*\(.*                          # Python
    | \s*class\s+\w+\(.*\):\s*$
    | \s*(if|elif|while)\b.*[=<>()!\[\]_].*:\s*$
    | \s*(async\s+)?with\s.+(\w\(|\sas\s).*:\s*$
    | \s*@\w[\w.]*\(.*\)\s*$
    | \s*from\s+[\w.]+\s+import\s+\S.*$
    | \s*(export\s+)?(default\s+)?(const|let|var)\s+[\w{\[].*=
    | \s*(export\s+)?(default\s+)?(async\s+)?function\b\s*\w*\(
    | \s*(import|export)\b.*\bfrom\s+['"]
    | \s*(pub\s+)?(fn|func)\s+\w+.*\(
    | \s*\#include\s*[<"]
    | \s*(SELECT\s.+\sFROM|INSERT\ INTO|DELETE\ FROM|UPDATE\s\S+\sSET)\s\S
    | \s*(CREATE|ALTER|DROP)\ (TABLE|INDEX|VIEW|DATABASE)\s\S
    | \s*<[/!?]?[a-zA-Z][^<>]*>                               # HTML, XML
    | (diff\ --git\ |@@\ -\d|(---|\+\+\+)\ [ab]/)             # a patch
    | \s*(if|for|while)\b.*;\s(then|do)\s*$                   # a shell's script
    | \s*export\s\w+=
    | \s*[\w.]+\((?!e?s\)).*\)[;,]?\s*$                       # a call, not "file(s)"
    """,
    re.VERBOSE,
)
# What prose may begin with too: one line alone is no code, two are.
_KEYWORD = re.compile(
    r"""
      \s*(return|break|continue|throw|package|using|use)\b.*;\s*$
    | \s*class\s+\w+:\s*$
    | \s*(async\s+)?for\s.+\sin\s.+:\s*$
    | \s*(else|try|finally|except(\s[\w.,() ]+)?):\s*$
    | \s+(return|raise|yield|await)\b.*$
    | \s*@\w[\w.]*\s*$
    | \s*import\s+[\w.]+(\s+as\s+\w+)?\s*$
    | \s*(SELECT|FROM|WHERE|(LEFT|INNER|RIGHT)\ JOIN|GROUP\ BY|ORDER\ BY|VALUES)\s\S
    | (RUN|COPY|WORKDIR|ENTRYPOINT|CMD|ENV|EXPOSE)\s\S        # a Dockerfile
    | \$\s[a-z]                                               # a shell's prompt
    | \s*(fi|done|esac)\s*$
    """,
    re.VERBOSE,
)
# Reads as code beside other code. Alone it may be prose: "Total = 12".
_ASSIGNMENT = re.compile(r"\s*[\w.$\[\]'\"-]+\s*(=|:=|\+=|-=)\s*\S")
_SECTION = re.compile(r"\s*\[{1,2}[\w.\"' -]+\]{1,2}\s*$")
# YAML: nothing but keys and items, and a key with keys under it.
_YAML = re.compile(r"(\s*(- )*[\"']?[\w./-]+[\"']?:(\s.*)?|\s*- .*|---)$")
_NESTED_KEY = re.compile(r"^( *)(?:- )?[\w./-]+:\n\1 +(?:- )?[\w./-]+:(?: |\n|$)", re.M)


def _is_code(sample: str, layout: _Layout) -> bool:
    if layout.is_one_block:
        return layout.languages[0] not in {"markdown", "md"}
    if re.match(r"#!\s*/", sample):
        return True
    lines = [line for line in layout.lines if line.strip() and not _COMMENT.match(line)]
    kinds = Counter(map(_kind_of, lines))
    is_enough = kinds["code"] or kinds["keyword"] > 1 or kinds["setting"] > 2
    if is_enough and len(lines) - kinds["prose"] >= CODE_SHARE * len(lines):
        return True
    return all(map(_YAML.match, lines)) and bool(_NESTED_KEY.search("\n".join(lines)))


def _kind_of(line: str) -> Literal["code", "keyword", "setting", "prose"]:
    if _CODE.match(line):
        return "code"
    if _KEYWORD.match(line):
        return "keyword"
    return "setting" if _ASSIGNMENT.match(line) or _SECTION.match(line) else "prose"


# --- Markdown -----------------------------------------------------------------------

_LINE_SCORES = (
    (2, re.compile(r" {0,3}#{1,6}\s+\S")),  # a heading
    (1, re.compile(r"\s*([-*+]|\d{1,3}[.)])\s+\S")),  # a list item
    (1, re.compile(r" {0,3}>\s?\S")),  # a quotation
    (1, re.compile(r" {0,3}(\*{3,}|-{3,}|_{3,}|(\* ?){3,}|(- ?){3,})\s*$")),  # a rule
)
_INLINE_SCORES = (
    (2, re.compile(r"!?\[[^\]\[]{1,200}\]\([^()\s]{1,300}\)")),  # a link, an image
    (2, re.compile(r"(?<![\w*])\*\*[^\s*][^*]{0,200}\*\*(?![\w*])")),  # strong
    (1, re.compile(r"(?<![\w*])\*[^\s*][^*]{0,200}(?<!\s)\*(?![\w*])")),  # emphasis
    (1, re.compile(r"(?<![\w`])`[^`]{1,200}`(?![\w`])")),  # code
)


def _is_markdown(layout: _Layout) -> bool:
    score = 2 * len(layout.languages)
    for points in _scores(layout.lines):
        score += points
        if score >= MARKDOWN_SCORE:
            return True
    return score >= MARKDOWN_SCORE


def _scores(lines: list[str]) -> Iterator[int]:
    for before, line in zip(["", *lines], lines, strict=False):
        if before.strip() and (_is_underline(line) or _is_table_rule(line)):
            yield 2
            continue
        yield sum(points for points, pattern in _LINE_SCORES if pattern.match(line))
        yield sum(
            points * len(pattern.findall(line)) for points, pattern in _INLINE_SCORES
        )


def _is_underline(line: str) -> bool:
    """Whether `line` makes a heading of the one before it."""
    marks = line.strip()
    return len(marks) > 2 and set(marks) in ({"="}, {"-"})


def _is_table_rule(line: str) -> bool:
    return "|" in line and "--" in line and set(line) <= set("|-: \t")

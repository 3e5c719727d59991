"""Text as a person must see it who decides by it: nothing in it hides."""

import re
import unicodedata

MAX_CHARACTERS = 500

# Characters without a width, or that look like a space, though Unicode calls them printable:
# the first and the last of each range.
BLANK_RANGES = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
_BLANK = frozenset(
    chr(code) for first, last in BLANK_RANGES for code in range(first, last + 1)
)


def is_plain(text: str) -> bool:
    """Tell whether a person sees all of `text`: no control, format or odd space characters."""
    return text.isprintable() and _BLANK.isdisjoint(text)


def replace_hidden(text: str) -> str:
    """Put a replacement character for each that a person would not see, but for ends of lines and tabs."""
    if is_plain(text):
        return text
    return "".join(
        char if char in "\n\t" or is_plain(char) else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def name_of(character: str) -> str:
    """Return Unicode's name of a character, for a person who cannot see it."""
    return unicodedata.name(character, "control character")


def make_readable(text: str) -> str:
    """Show on one line: what is invisible escaped, padding counted, both ends kept."""
    shown = text if is_plain(text) else "".join(map(_escape, text))
    shown = re.sub(" {8,}", lambda run: f"[{len(run[0]):,} spaces]", shown)
    if len(shown) <= MAX_CHARACTERS:
        return shown
    note = f" [… {len(shown) - MAX_CHARACTERS:,} more characters …] "
    half = (MAX_CHARACTERS - len(note)) // 2
    return f"{shown[:half]}{note}{shown[-half:]}"


def _escape(character: str) -> str:
    if is_plain(character):
        return character
    return character.encode("unicode_escape").decode()

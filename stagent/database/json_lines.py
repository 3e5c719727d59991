"""JSON in protocols of lines: what is one line to JSON is one line to every reader."""

# JSON takes them as they are, but readers that split lines as Unicode does cut there:
# Python's splitlines(), httpx's iter_lines(), JavaScript's parsers before 2019.
_UNICODE_LINE_ENDS = {
    ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"
}


def escape_line_ends(json_text: str) -> str:
    """Escape the line ends of Unicode in JSON that is written without others."""
    return json_text if json_text.isascii() else json_text.translate(_UNICODE_LINE_ENDS)

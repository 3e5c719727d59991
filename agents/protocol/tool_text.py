"""How the output of a tool and the path it works on are shown."""

from tasks.rules.visible_text import make_readable

MAX_OUTPUT_CHARACTERS = 30_000


def clip_output(text: str) -> str:
    """Return at most MAX_OUTPUT_CHARACTERS of an output, the end replaced by a note."""
    if len(text) <= MAX_OUTPUT_CHARACTERS:
        return text
    note = f"\n… cut: the output has {len(text):,} characters"
    return text[: MAX_OUTPUT_CHARACTERS - len(note)] + note


def format_path(located: str) -> str:
    """Return a located path, such as "/src/a.py", as people read it: "src/a.py"."""
    return make_readable(located.lstrip("/") or "/")

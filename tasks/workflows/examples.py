"""Three definitions that ship, to begin with: they run on any runtime, the embedded model too."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("example_definitions")

# What the editor of a new workflow begins with.
BLANK = (FOLDER / "review_before_publishing.json").read_text()


@cache
def examples() -> dict[str, str]:
    """Return each definition's text by its name."""
    return {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.json"))}

"""Globs over paths: `*` and `?` stay within one segment, `**` crosses."""

import re
from functools import lru_cache

_WILDCARDS = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
# As in shells, where a wildcard is not meant for names that start with a dot.
_WILDCARDS_WITHOUT_DOTS = {
    "**": r"(?:(?<!/)\.|[^.])*",
    "*": r"(?:(?<!/)\.|[^./])*",
    "?": r"(?:(?<!/)\.|[^./])",
}


@lru_cache(maxsize=1_000)
def compiled(glob: str, *, dots: bool = True) -> re.Pattern[str]:
    """Translate a glob; without `dots`, wildcards match no name that starts with a dot."""
    wildcards = _WILDCARDS if dots else _WILDCARDS_WITHOUT_DOTS
    parts = re.split(r"(\*\*|\*|\?)", glob)
    return re.compile(
        "".join(wildcards.get(part) or re.escape(part) for part in parts), re.DOTALL
    )


def has_wildcard(text: str) -> bool:
    return re.search(r"[*?\[]", text) is not None

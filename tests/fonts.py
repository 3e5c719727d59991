"""Cuts unfold's fonts down to what is used: `python -m tests.fonts`, after a change of icons.

Needs fonttools and brotli, which nothing else does: `pip install --target /tmp/fonts fonttools
brotli`, and that folder in PYTHONPATH. The results are in static/unfold/fonts, whose files are
served in the place of unfold's.
"""

import re
from importlib import import_module
from pathlib import Path

import unfold

ROOT = Path(__file__).resolve().parent.parent
UNFOLD = Path(unfold.__file__).parent
ICONS = "material-symbols/Material-Symbols-Outlined.woff2"
# Latin with its accents, punctuation, money, arrows and shapes; others have the system's font.
TEXT = "U+0020-017F,U+2010-2027,U+2030-205E,U+20A0-20BF,U+2122,U+2190-2199,U+2212,U+25B8,U+25BE"
WEIGHTS = ["Regular", "Medium", "SemiBold", "Bold"]


def words() -> set[str]:
    """Return all words that may be icons' names, in unfold's files and in ours."""
    places = [
        UNFOLD,
        ROOT / "templates",
        ROOT / "static",
        ROOT / "tasks",
        ROOT / "stagent",
    ]
    found: set[str] = set()
    for place in places:
        for file in place.rglob("*"):
            if file.suffix in {".html", ".py"}:
                found |= set(re.findall(r"[a-z0-9_]{3,}", file.read_text()))
    return found


def icons(file: Path) -> dict[str, str]:
    """Return the glyph of each icon by its name, which is a ligature of its letters."""
    font = import_module("fontTools.ttLib").TTFont(file)
    letters = {glyph: chr(code) for code, glyph in font.getBestCmap().items()}
    found = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, ligatures in getattr(table, "ligatures", {}).items():
                for one in ligatures:
                    name = "".join(letters.get(g, "?") for g in [first, *one.Component])
                    found[name] = one.LigGlyph
    return found


def cut(name: str, *options: str) -> None:
    source, target = (
        UNFOLD / "static/unfold/fonts" / name,
        ROOT / "static/unfold/fonts" / name,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    import_module("fontTools.subset").main(
        [str(source), f"--output-file={target}", "--flavor=woff2", *options]
    )


def main() -> None:
    by_name = icons(UNFOLD / "static/unfold/fonts" / ICONS)
    used = sorted(by_name.keys() & words())
    glyphs = ",".join(by_name[name] for name in used)
    letters = "".join(sorted(set("".join(used))))
    cut(ICONS, f"--glyphs={glyphs}", f"--text={letters}", "--no-layout-closure")
    for weight in WEIGHTS:
        cut(
            f"inter/Inter-{weight}.woff2",
            f"--unicodes={TEXT}",
            "--layout-features=kern,liga,calt,tnum,ccmp,mark",
        )


if __name__ == "__main__":
    main()

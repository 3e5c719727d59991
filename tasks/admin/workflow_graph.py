"""Draws a workflow as inline SVG: each step a box in the colour of its state, each wait an arrow."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tasks.admin import display
from tasks.workflows.graph import Graph

WIDTH, HEIGHT = 190, 58  # of a box
COLUMN, ROW = 250, 82
MARGIN = 6
LETTERS = 24  # of a name that fit into a box

SYMBOLS = {
    "completed": "✓",
    "failed": "✕",
    "running": "▶",
    "waiting_approval": "?",
    "delayed": "…",
}


@dataclass(frozen=True)
class Box:
    """What is drawn of a step beside its place."""

    name: str
    status: str
    url: str = ""  # of its task's page
    words: str = ""  # that say how far it is; else the status does


def draw(graph: Graph, boxes: Mapping[str, Box], *, title: str) -> SafeString:
    """Return the SVG. Steps that wait for nothing stand at the left."""
    places = _places(graph)
    columns = 1 + max(column for column, _ in places.values())
    rows = 1 + max(row for _, row in places.values())
    width = columns * COLUMN - (COLUMN - WIDTH) + 2 * MARGIN
    height = rows * ROW - (ROW - HEIGHT) + 2 * MARGIN
    return format_html(
        '<svg class="st-graph" role="group" aria-label="{}" width="{}" height="{}"'
        ' viewBox="0 0 {} {}"><defs><marker id="st-arrow" viewBox="0 0 8 8" refX="7" refY="4"'
        ' markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker>'
        "</defs>{}{}</svg>",
        title,
        width,
        height,
        width,
        height,
        _arrows(graph, places),
        _boxes(boxes, places),
    )


def _places(graph: Graph) -> dict[str, tuple[int, int]]:
    """Return the column and row of each step: a column further than all it waits for."""
    columns: dict[str, int] = {}
    waiting = list(graph)
    while waiting:
        for step_id in list(waiting):
            before = graph[step_id].waits_for
            if all(name in columns for name in before):
                columns[step_id] = 1 + max(
                    (columns[name] for name in before), default=-1
                )
                waiting.remove(step_id)
    used: dict[int, int] = {}
    places = {}
    for step_id in graph:
        column = columns[step_id]
        places[step_id] = (column, used.get(column, 0))
        used[column] = used.get(column, 0) + 1
    return places


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    column, row = place
    return MARGIN + column * COLUMN, MARGIN + row * ROW


def _arrows(graph: Graph, places: Mapping[str, tuple[int, int]]) -> SafeString:
    paths = []
    for step_id, node in graph.items():
        x2, y2 = _corner(places[step_id])
        for name in node.waits_for:
            x1, y1 = _corner(places[name])
            start, end = (x1 + WIDTH, y1 + HEIGHT // 2), (x2, y2 + HEIGHT // 2)
            middle = end[0] - (COLUMN - WIDTH) // 2
            paths.append(
                (
                    f"M{start[0]} {start[1]}C{middle} {start[1]} {middle} {end[1]} {end[0]} {end[1]}",
                )
            )
    return format_html_join(
        "", '<path class="st-edge" d="{}" marker-end="url(#st-arrow)"/>', paths
    )


def _boxes(
    boxes: Mapping[str, Box], places: Mapping[str, tuple[int, int]]
) -> SafeString:
    return format_html_join(
        "", "{}", ((_box(box, *_corner(places[key])),) for key, box in boxes.items())
    )


def _box(box: Box, x: int, y: int) -> SafeString:
    words = box.words or box.status.replace("_", " ")
    shown = format_html(
        '<g class="st-node" data-state="{}"><title>{}: {}</title>'
        '<rect x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<text x="{}" y="{}">{}</text><text class="st-node-state" x="{}" y="{}">{} {}</text></g>',
        box.status,
        display.reveal(box.name),
        display.reveal(words),
        x,
        y,
        WIDTH,
        HEIGHT,
        x + 12,
        y + 24,
        display.reveal(_cut(box.name)),
        x + 12,
        y + 44,
        SYMBOLS.get(box.status, "·"),
        display.reveal(_cut(words)),
    )
    return format_html('<a href="{}">{}</a>', box.url, shown) if box.url else shown


def _cut(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"

"""The graph of migrations: drawn with lines, for Mermaid, for Graphviz, for machines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from whimbrel.commands.graph import AppLayout, GraphLayout, Row
from whimbrel.commands.show import Mark
from whimbrel.report.show import box, conflict_line, migration_json, notes_of

_PLAIN = str.maketrans("●◌│─├╮┬╯┴", "*o|-+..''")


def graph_text(layout: GraphLayout, *, plain: bool = False) -> str:
    """By app, the first migration on top. ``plain``: with ASCII alone."""
    return "\n".join(line for app in layout.apps for line in _app(app, plain))


def _app(app: AppLayout, plain: bool) -> Iterator[str]:
    yield app.app
    if not app.rows:
        yield "  (no migrations)"
    for row in app.rows:
        if row.joined:
            yield _lane_text(_links(row, row.joined, "┴╯"), plain)
        yield f"{_lane_text(_around(row), plain)} {_row_text(row)}"
        if row.forked:
            yield _lane_text(_links(row, row.forked, "┬╮"), plain)
    if app.is_conflict:
        yield f"  {conflict_line(app.leaves)}"


def _lane_text(lanes: str, plain: bool) -> str:
    return f"  {lanes.translate(_PLAIN) if plain else lanes}"


def _around(row: Row) -> str:
    """The lanes beside a migration, and its dot."""
    cells = dict.fromkeys(row.passing, "│") | {row.lane: "◌" if row.is_loose else "●"}
    return " ".join(cells.get(lane, " ") for lane in range(max(cells) + 1))


def _links(row: Row, ends: tuple[int, ...], corners: str) -> str:
    """The line between a migration and lanes to its right; those that pass by go over it."""
    last = max(ends)
    cells = {row.lane: "├", **dict.fromkeys(ends, corners[0]), last: corners[1]}
    cells |= dict.fromkeys(row.passing, "│")
    drawn = ""
    for lane in range(max(cells) + 1):
        is_between = row.lane <= lane < last
        empty = "─" if row.lane < lane < last else " "
        drawn += cells.get(lane, empty) + ("─" if is_between else " ")
    return drawn.rstrip()


def _row_text(row: Row) -> str:
    shown = row.shown
    marked = "" if shown.mark is Mark.UNKNOWN else f"{box(shown)} "
    waits = f" <- {', '.join(row.elsewhere)}" if row.elsewhere else ""
    notes = [*notes_of(shown), *(["leaf"] if row.is_leaf else [])]
    return f"{marked}{shown.name}{waits}" + (f"  ({'; '.join(notes)})" if notes else "")


# -- for other tools

#: How a migration looks: its fill and its border, by class.
_LOOKS = {
    "applied": ("#d9f2d9", "#2e7d32"),
    "unapplied": ("#ffffff", "#757575"),
    "odd": ("#fff3cd", "#b26a00"),
    "conflict": ("#fde0e0", "#c62828"),
}

_LOOK_OF = {Mark.APPLIED: "applied", Mark.UNAPPLIED: "unapplied", Mark.UNKNOWN: None}


def _look(row: Row, app: AppLayout) -> str | None:
    """The class of a migration: what is wrong with it, else what the database has of it."""
    if row.is_leaf and app.is_conflict:
        return "conflict"
    return _LOOK_OF.get(row.shown.mark, "odd")


def _title(row: Row) -> str:
    notes = notes_of(row.shown)
    return f"{row.shown.name} ({'; '.join(notes)})" if notes else row.shown.name


def graph_mermaid(layout: GraphLayout) -> str:
    """A flowchart, with a subgraph for each app."""
    return "\n".join(_mermaid(layout))


def _mermaid(layout: GraphLayout) -> Iterator[str]:
    ids = _ids([*(row.shown.label for row in layout.rows), *layout.outside], "m")
    boxes = _ids((app.app for app in layout.apps), "app")
    yield "flowchart TB"
    for app in layout.apps:
        yield f'  subgraph {boxes[app.app]}["{_mermaid_text(app.app)}"]'
        for row in app.rows:
            look = _look(row, app)
            styled = f":::{look}" if look else ""
            yield f'    {ids[row.shown.label]}["{_mermaid_text(_title(row))}"]{styled}'
        yield "  end"
    for label in layout.outside:
        yield f'  {ids[label]}["{_mermaid_text(label)}"]'
    for edge in layout.edges:
        arrow = "-.->" if edge.lane is None else "-->"
        yield f"  {ids[edge.parent]} {arrow} {ids[edge.child]}"
    used = {_look(row, app) for app in layout.apps for row in app.rows}
    for look, (fill, border) in _LOOKS.items():
        if look in used:
            yield f"  classDef {look} fill:{fill},stroke:{border},color:#000000"


def _ids(labels: Iterable[str], prefix: str) -> Mapping[str, str]:
    """An id for each label: letters, digits and underscores, and no word of Mermaid's own."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        wanted = made = f"{prefix}_{re.sub(r'[^A-Za-z0-9]', '_', label)}"
        number = 2
        while made in taken:
            made, number = f"{wanted}_{number}", number + 1
        taken.add(made)
        ids[label] = made
    return ids


def _mermaid_text(text: str) -> str:
    """Text between quotes: what would end it, or be read as HTML or Markdown, as its number."""
    return re.sub(r"[\"#&<>`\\]", lambda found: f"#{ord(found[0])};", text)


def graph_dot(layout: GraphLayout) -> str:
    """A digraph, with a cluster for each app."""
    return "\n".join(_dot(layout))


def _dot(layout: GraphLayout) -> Iterator[str]:
    yield "digraph migrations {"
    yield '  node [shape="box"];'
    for app in layout.apps:
        yield f"  subgraph {_quote(f'cluster_{app.app}')} {{"
        yield f"    label={_quote(app.app)};"
        for row in app.rows:
            yield f"    {_quote(row.shown.label)} [{_dot_look(row, app)}];"
        yield "  }"
    for label in layout.outside:
        yield f'  {_quote(label)} [style="dashed"];'
    for edge in layout.edges:
        style = ' [style="dashed"]' if edge.lane is None else ""
        yield f"  {_quote(edge.parent)} -> {_quote(edge.child)}{style};"
    yield "}"


def _dot_look(row: Row, app: AppLayout) -> str:
    look = _look(row, app)
    label = f"label={_quote(_title(row))}"
    if look is None:
        return label
    fill, border = _LOOKS[look]
    return f'{label}, style="filled", fillcolor="{fill}", color="{border}"'


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def graph_json(layout: GraphLayout) -> dict[str, Any]:
    """The graph for machines."""
    return {
        "database": layout.database,
        "nodes": [
            {
                **migration_json(row.shown),
                "row": number,
                "lane": row.lane,
                "leaf": row.is_leaf,
            }
            for app in layout.apps
            for number, row in enumerate(app.rows)
        ],
        "edges": [
            {"from": each.parent, "to": each.child, "lane": each.lane} for each in layout.edges
        ],
        "leaves": {app.app: list(app.leaves) for app in layout.apps},
        "squashes": {
            row.shown.label: list(row.shown.replaces) for row in layout.rows if row.shown.replaces
        },
        "conflicts": {app.app: list(app.leaves) for app in layout.apps if app.is_conflict},
    }

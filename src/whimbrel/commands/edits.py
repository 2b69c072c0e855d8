"""Applied migrations whose files do something else now: found, shown, refused."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whimbrel.errors import EditedError
from whimbrel.history.node import Key, Node, is_edited
from whimbrel.run.recorder import source_of

if TYPE_CHECKING:
    from whimbrel.history.graph import Graph
    from whimbrel.run.record import Record
    from whimbrel.run.recorder import Applied


@dataclass(frozen=True)
class Edit:
    """An applied migration that was edited. ``lines``: what it did (``-``) and does (``+``).

    They are None where that cannot be shown; ``why`` says, in words, what they do not.
    """

    node: Node
    lines: tuple[str, ...] | None
    why: str | None = None

    @property
    def file(self) -> str:
        """The file, as people name it."""
        return self.node.place or self.node.label

    @property
    def shown(self) -> tuple[str, ...]:
        """The lines that say what is different, for people."""
        return self.lines or ((f"({self.why})",) if self.why else ())


def find_edited(nodes: Mapping[Key, Node], applied: Mapping[Key, Applied]) -> list[Node]:
    """Those of these nodes that do something else now than when they were applied."""
    return [
        nodes[key]
        for key, each in applied.items()
        if key in nodes and is_edited(each.digest, nodes[key].digest)
    ]


def edits_of(nodes: Iterable[Node], record: Record) -> list[Edit]:
    """Edited migrations, each with its difference."""
    nodes = list(nodes)
    sources = record.sources([node.key for node in nodes]) if nodes else {}
    return [_edit(node, sources.get(node.key)) for node in nodes]


def refuse_edited(graph: Graph, record: Record) -> None:
    """Raises `EditedError` where a file does something else now than when it was applied."""
    edits = edits_of(find_edited(graph.nodes, record.applied), record)
    if not edits:
        return
    told = [
        {
            "migration": edit.node.label,
            "file": edit.file,
            "difference": list(edit.lines) if edit.lines is not None else None,
        }
        for edit in edits
    ]
    places = [f"{edit.file}: {edit.node.label}" for edit in edits]
    place = places[0] if len(edits) == 1 else None
    lines = ["it is applied here, and does something else now"]
    if place is None:
        lines = [f"{len(edits)} migrations that are applied here do something else now"]
    for edit, own in zip(edits, places, strict=True):
        lines += [own] if place is None else []
        lines += [f"  {line}" for line in edit.shown]
    raise EditedError("\n".join(lines), edits=told, place=place, hint=edit_hint(edits))


def _edit(node: Node, before: str | None) -> Edit:
    # Late, since nearly no run has an edited file.
    from whimbrel.history.source_diff import differences

    if before is None:
        return Edit(node, None, "what it did is not recorded, and cannot be compared")
    try:
        lines = differences(before, source_of(node) or "")
    except SyntaxError:
        return Edit(node, None, "what is recorded of it is not this Python's, and is not compared")
    if lines:
        return Edit(node, tuple(lines))
    return Edit(node, (), "its operations read the same: what it imports has changed")


def edit_hint(edits: list[Edit]) -> str:
    """Return the hint for edited files, with its commands."""
    files = shlex.join(edit.file for edit in edits if edit.lines != ())
    one = len(edits) == 1
    it, they, imports = (
        ("it", "it was", "it imports") if one else ("them", "they were", "they import")
    )
    back = f"Put {it} back as {they}: git checkout COMMIT -- {files}"
    if not files:
        back = f"Put what {imports} back as it was, or write into {it} what that was,"
    key = edits[0].node.key
    which = f" {key[0]} {key[1]}" if one else ""
    return (
        f"{back}\n"
        "and make the change in a new migration: whimbrel makemigrations\n"
        "Where the database has what is written there now, record that: "
        f"whimbrel migrate{which} --accept-edit"
    )

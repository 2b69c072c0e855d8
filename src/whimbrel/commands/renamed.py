"""Applied migrations whose files have another name now: recognised by what they do, and refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from whimbrel.errors import HistoryError
from whimbrel.history.node import Key, Node, label_of
from whimbrel.run.recorder import source_of

if TYPE_CHECKING:
    from whimbrel.history.loader import History
    from whimbrel.run.record import Record


def renamings(history: History, record: Record) -> dict[Key, Node]:
    """Return the files that do what is recorded under names without a file, by those names.

    history, record: as `resolve_squashes` gives them. A file counts whose digest is the recorded one, or
    whose text is; where several do, the one with the same text.
    """
    gone = [
        key
        for key in record.applied
        if key not in history.files and key[0] in history.graph.apps and key not in history.graph
    ]
    waiting = _unrecorded_files(history, record) if gone else []
    if not waiting:
        return {}
    sources = record.sources(gone)
    found: dict[Key, Node] = {}
    for key in gone:
        own = [node for node in waiting if node.app == key[0]]
        same = [node for node in own if key in sources and source_of(node) == sources[key]]
        alike = [node for node in own if node.digest == record.applied[key].digest]
        candidates = same or [node for node in alike if node.operations]
        if len(candidates) == 1:
            found[key] = candidates[0]
    times = Counter(node.key for node in found.values())
    return {key: node for key, node in found.items() if times[node.key] == 1}


def _unrecorded_files(history: History, record: Record) -> list[Node]:
    """The files of which the record knows nothing: in force, or inside a squash that is new here."""
    graph = history.graph
    own = [node for key, node in graph.nodes.items() if key not in record.applied]
    inside = [key for node in own for key in history.squashes.inside(node.key)]
    complete = [graph.node(key) for key in history.complete]
    return [*own, *complete, *(history.files[key] for key in inside if key in history.files)]


def refuse_renamed(history: History, record: Record, apps: Collection[str]) -> None:
    """Raises `HistoryError` where a run in these apps would do again, or undo, what was renamed."""
    found = renamings(history, record) if apps else {}
    for key, node in found.items():
        if node.app in apps:
            raise HistoryError(
                f"{renamed_message(key)}; nothing was changed",
                place=node.label,
                hint=advice({key: node}),
            )


def renamed_message(key: Key) -> str:
    """Return the message for a file that has another name."""
    return f"what it does is applied here as {label_of(key)}, which has no file: it was renamed"


def advice(found: Mapping[Key, Node]) -> str:
    """The command that records the new names."""
    (key, node), *more = found.items()
    which = f" {node.app}" if more else f" {node.app} {node.name}"
    return (
        f"Record the new name, in each database: whimbrel migrate{which} --accept-rename\n"
        f"If it is another migration, take the old row out: whimbrel migrate {key[0]} {key[1]} --prune"
    )

"""Findings of each kind, made of what is wrong."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from whimbrel.commands.edits import Edit, edit_hint
from whimbrel.commands.renamed import advice, renamed_message
from whimbrel.errors import QuestionError, WhimbrelError, did_you_mean
from whimbrel.findings import Finding, Level, finding_of, split_place
from whimbrel.history.graph import FIRST, LATEST
from whimbrel.history.line_numbers import lines_of_operations
from whimbrel.history.node import Key, Node, label_of
from whimbrel.lint.labels import HINT, labels_used_early

if TYPE_CHECKING:
    from whimbrel.detect import AppMigration
    from whimbrel.history.loader import Files, History
    from whimbrel.history.migration import Migration
    from whimbrel.operations.base import Operation
    from whimbrel.planning.unfinished import Unfinished
    from whimbrel.run.recorder import Applied
    from whimbrel.state.model import Model
    from whimbrel.state.state import State


def node_of_error(nodes: Iterable[Node], error: WhimbrelError) -> Node | None:
    """The node whose label an error's place begins with."""
    label = (error.place or "").partition(":")[0]
    return next((node for node in nodes if node.label == label), None)


# -- files


def without_what_is_missing(files: Files) -> tuple[list[Node], list[tuple[Node, Key]]]:
    """The nodes, without dependencies on what is not there; and those dependencies, each with its node.

    A file that does not load is there, as a node of which nothing is known.
    """
    nodes = [*files.nodes, *(Node(*key) for key in files.broken)]
    known = {node.key for node in nodes} | {key for node in nodes for key in node.replaces}
    known |= {(node.app, name) for node in nodes for name in (FIRST, LATEST)}
    missing = [
        (node, key)
        for node in nodes
        for key in (*node.dependencies, *node.run_before)
        if key not in known
    ]
    kept = [
        node._replace(
            dependencies=tuple(key for key in node.dependencies if key in known),
            run_before=tuple(key for key in node.run_before if key in known),
        )
        for node in nodes
    ]
    return kept, missing


def of_missing(node: Node, key: Key, nodes: Sequence[Node]) -> Finding:
    """A dependency on what is not there."""
    names = [each.name for each in nodes if each.app == key[0] and each.key != node.key]
    hint = did_you_mean(key[1], names) or "Bring the file back, or take that dependency out."
    what = f"it depends on {label_of(key)}, which is not there"
    return Finding("node", what, hint, node.app, node.label, node.place)


def of_operations(node: Node, operations: Sequence[Operation]) -> Iterator[Finding]:
    """The operations of a migration that nobody could carry out, or undo."""
    found = [
        (number, code, hint, what)
        for number, operation in enumerate(operations)
        for code, hint, what in (
            ("unfinished", operation.unfinished(), "it is not finished"),
            ("irreversible", operation.missing_reverse(), "it cannot be undone"),
        )
        if hint is not None
    ]
    lines = lines_of_operations(node.file or "", len(operations)) if found else []
    for number, code, hint, what in found:
        message = f"{operations[number].describe()}: {what}"
        place = (node.app, node.label, node.place, lines[number])
        level: Level = "warning" if code == "irreversible" else "error"
        yield Finding(code, message, hint, *place, level=level)


def of_labels(history: History, node: Node, dialect: str) -> Iterator[Finding]:
    """The RunSQLs of a migration that name a label which the migration adds before them."""
    operations = history.migration(node.key).operations
    for number, label in labels_used_early(history, node, dialect):
        what = f"{operations[number].describe()}: this migration adds the label {label!r} itself"
        line = lines_of_operations(node.file or "", len(operations))[number]
        yield Finding("label", what, HINT, node.app, node.label, node.place, line)


def of_classes(node: Node, migration: Migration) -> Iterator[Finding]:
    """The classes of types and fields that a migration names: what it does changes with them."""
    # Late, since it reads the files.
    from whimbrel.commands.freeze import named_in

    try:
        named = [(each.name, each.line) for each in named_in(node, migration)]
    except WhimbrelError as error:
        yield finding_of("class", error, app=node.app, subject=node.label, file=node.place)
        return
    for name, line in named:
        what = "what it does changes with the class, and ends with it"
        hint = f"Write what it is to the database: whimbrel freeze {node.app}"
        message = f"it names the class {name}: {what}"
        place = (node.app, node.label, node.place, line)
        yield Finding("class", message, hint, *place, level="warning")


# -- models


def of_questions(error: QuestionError, live: State) -> Finding:
    """Changes of the models of which only a person can say what they are.

    The place is that of the first model that one of them is about.
    """
    lines = [f"{each['place']}: {each['text']}" for each in error.questions]
    message = "\n".join(["the models have changes, and only a person can say which:", *lines])
    hint = "Answer them: whimbrel makemigrations"
    return Finding("unmigrated", message, hint, **_place_of(_asked_about(error, live)))


def _asked_about(error: QuestionError, live: State) -> Iterator[Model]:
    """The models that questions name, and those that what is gone may be called now."""
    for each in error.questions:
        app, _, rest = each["place"].partition(".")
        flags = (word for flag in each["flags"] for word in shlex.split(flag)[1:])
        others = [name for flag in flags for name in flag.partition(":")[2:] if name]
        labels = (f"{app}.{name}" for name in (rest.partition(".")[0], *others))
        yield from (model for label in labels if (model := live.find(label)) is not None)


def _place_of(models: Iterable[Model]) -> dict[str, Any]:
    """Return the file and the line of the first of some models that has them."""
    for model in models:
        file, line, _ = split_place(model.place or "")
        if file is not None:
            return {"file": file, "line": line}
    return {}


def of_unmigrated(made: AppMigration, live: State) -> Finding:
    """Changes of an app's models that no migration has; the place is the first model's."""
    named = ", ".join(each.describe() for each in made.operations)
    labels = [label for each in made.operations for label in sorted(each.models(made.app))]
    return Finding(
        "unmigrated",
        f"{made.app} has changes without a migration: {named}",
        f"Write it: whimbrel makemigrations {made.app}",
        made.app,
        **_place_of(model for model in map(live.find, labels) if model is not None),
    )


# -- the record


def of_edit(edit: Edit) -> Finding:
    """An applied migration whose file does something else now."""
    lines = ["it is applied, and does something else now", *(f"  {each}" for each in edit.shown)]
    node = edit.node
    message = "\n".join(lines)
    return Finding("edited", message, edit_hint([edit]), node.app, node.label, edit.file)


def of_unknown(key: Key, applied: Applied, kept: bool, renamed: Node | None = None) -> Finding:
    """An applied migration without a file.

    kept: whether the record has its source. renamed: the file that does the same.
    """
    if renamed is not None:
        finding = Finding(
            "no-file", renamed_message(key), advice({key: renamed}), key[0], renamed.label
        )
        return replace(finding, file=renamed.place)
    hint = "Bring its file back, or go to the branch that has it and undo it there."
    if kept:
        hint += f" Or undo it by what the record kept: whimbrel migrate {key[0]} --recorded"
    message = f"it was applied at {applied.at:%Y-%m-%d %H:%M:%S} UTC, and has no file here"
    return Finding("no-file", message, hint, key[0], label_of(key))


def of_half_done(key: Key, unfinished: Unfinished, node: Node | None) -> Finding:
    """A migration at which a run was killed."""
    file = node.place if node is not None else None
    hint = "Finish it: run the command again that was at it."
    if not unfinished.backwards:
        hint = f"Finish it: whimbrel migrate {key[0]} {key[1]}"
    return Finding("half-done", f"it is {unfinished.state}", hint, key[0], label_of(key), file)

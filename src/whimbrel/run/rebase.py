"""`rebase`: what is new here comes after the other leaf, so that history stays a line.

What is to be done is a value first; `rebase` does it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.errors import HistoryError, QuestionError
from whimbrel.history.branches import Branch, branches_of, fork_of
from whimbrel.history.branches.line import Line, line_of, refuse_half_done, refuse_unfit
from whimbrel.history.edit import edited, with_dependencies, with_dependency
from whimbrel.history.loader import History, load
from whimbrel.history.modules import place
from whimbrel.history.node import Key, Node, label_of
from whimbrel.history.writer import rewrite_migration, write_migration
from whimbrel.run.connect import database_of
from whimbrel.run.record import fitted, record_in


@dataclass(frozen=True)
class Edit:
    """A file, as it is and as it will be. ``exchanged``: dependencies, each with the new one."""

    old: Key
    new: Key
    path: Path
    new_path: Path
    before: bytes
    after: bytes
    exchanged: tuple[tuple[Key, Key], ...]


@dataclass(frozen=True)
class RebasePlan:
    """What a rebase will do.

    ``moved``: the migrations that come after ``onto``, in order. ``pointing``: files of other apps
    in the same branch. ``collisions``: what both branches are about; what was moved has the last
    word. ``notes``: what nobody can tell.
    """

    app: str
    onto: str
    moved: tuple[Edit, ...]
    pointing: tuple[Edit, ...]
    collisions: tuple[str, ...]
    notes: tuple[str, ...]


def plan_rebase(
    config: Config,
    app: str,
    name: str | None = None,
    *,
    onto: str | None = None,
    alias: str = DEFAULT_ALIAS,
    offline: bool = False,
) -> RebasePlan | None:
    """What is to be done so that an app's branches become a line; None where they are one.

    name: the branch that moves, by its leaf or any migration of it; None: the one of which nothing
    is applied to the database. onto: the leaf that it comes after, where there are several others.
    offline: no database is asked. Raises `QuestionError` where that leaves a choice,
    `HistoryError` where something of it is applied or others stand on it, `CollisionError` where it
    does not fit after the other.
    """
    own = config.app(app).label
    history = load(config.apps)
    refuse_half_done(history.graph, own)
    leaves = sorted(history.graph.leaves(own), key=lambda node: node.name)
    if len(leaves) < 2:
        return None
    applied = frozenset() if offline else _applied(config, history, alias)
    branches = branches_of(history.graph, leaves)
    branch = _chosen(history, branches, name, applied, offline=offline)
    target = _target(history, branches, branch, onto)
    line = line_of(history, branch, target, applied)
    _refuse_recorded(line, applied)
    fork = fork_of(history, [branch.leaf, target])
    refuse_unfit(history, fork, line)
    return RebasePlan(
        own,
        target.name,
        tuple(_edit(line, node) for node in line.moved),
        tuple(_edit(line, node) for node in line.pointing),
        fork.collisions,
        fork.notes,
    )


def rebase(plan: RebasePlan) -> None:
    """Carry a plan out: the new files first, the old ones go last.

    A kill at any moment leaves every migration there, some under both names: the next `plan_rebase`
    says what is to be deleted. Raises `HistoryError` where a file was changed since it was looked at.
    """
    for edit in (*plan.moved, *plan.pointing):
        if edit.path.read_bytes() != edit.before:
            raise HistoryError(
                "it was changed since it was looked at; nothing was changed",
                place=place(str(edit.path)),
                mend="Run the command again.",
            )
    for edit in (*plan.moved, *plan.pointing):
        put = rewrite_migration if edit.new_path == edit.path else write_migration
        put(edit.new_path, edit.after)
    for edit in reversed(plan.moved):
        if edit.new_path != edit.path:
            edit.path.unlink()


# -- which branch moves, and where to --------------------------------------------------------------


def _applied(config: Config, history: History, alias: str) -> frozenset[Key]:
    """All that a database has applied, half or whole, under any name that it knows."""
    record = record_in(database_of(config, alias))
    _, ours = fitted(history, record)
    return frozenset((*record.applied, *ours.applied, *record.half_done))


def _chosen(
    history: History,
    branches: Sequence[Branch],
    name: str | None,
    applied: Collection[Key],
    *,
    offline: bool,
) -> Branch:
    if name is not None:
        return _named(history, branches, name)
    fresh = [branch for branch in branches if not _has_any(branch, applied)]
    if len(fresh) == 1 and not offline:
        return fresh[0]
    if not fresh:
        raise HistoryError(
            "something of every branch is applied to this database; nothing was changed",
            place=_labels(branches),
            mend="Make one leaf of them: whimbrel makemigrations --merge",
        )
    app = branches[0].leaf.app
    raise _question(
        f"Which of the branches of {app} is to come after the other?",
        fresh,
        [f"whimbrel rebase {app} {branch.leaf.name}" for branch in fresh],
    )


def _has_any(branch: Branch, applied: Collection[Key]) -> bool:
    return any(key in applied for key in branch.own if key[0] == branch.leaf.app)


def _named(history: History, branches: Sequence[Branch], name: str) -> Branch:
    graph, app = history.graph, branches[0].leaf.app
    node = history.node(app, name)
    found = [each for each in branches if node.key in graph.ancestors([each.leaf.key])]
    if len(found) == 1:
        return found[0]
    raise HistoryError(
        "several branches stand on it; nothing was changed",
        place=node.label,
        mend=f"Name a leaf: {', '.join(each.leaf.name for each in found)}.",
    )


def _target(history: History, branches: Sequence[Branch], moving: Branch, onto: str | None) -> Node:
    others = [branch for branch in branches if branch is not moving]
    app = moving.leaf.app
    if onto is not None:
        node = history.node(app, onto)
        if all(node != branch.leaf for branch in others):
            raise HistoryError(
                "it is no other leaf; nothing was changed",
                place=node.label,
                mend=f"Name one: {', '.join(branch.leaf.name for branch in others)}.",
            )
        return node
    if len(others) > 1:
        raise _question(
            f"After which leaf of {app} is {moving.leaf.name} to come?",
            others,
            [f"--onto {branch.leaf.name}" for branch in others],
        )
    return others[0].leaf


def _question(text: str, branches: Sequence[Branch], answers: list[str]) -> QuestionError:
    listed = "".join(f"\n    {answer}" for answer in answers)
    return QuestionError(
        "a question needs an answer; nothing was changed",
        questions=[{"place": _labels(branches), "text": text, "flags": answers}],
        mend=f"{text}{listed}",
    )


def _labels(branches: Sequence[Branch]) -> str:
    return ", ".join(branch.leaf.label for branch in branches)


def _refuse_recorded(line: Line, applied: Collection[Key]) -> None:
    """A new name that a database knows already would be taken for applied."""
    for new in line.names.values():
        if new in applied:
            raise HistoryError(
                "the database has a row of this name, which is to be a new one's; nothing was changed",
                place=label_of(new),
                mend=f"Where its file is gone for good: whimbrel migrate {new[0]} {new[1]} --prune",
            )


# -- the files -------------------------------------------------------------------------------------


def _edit(line: Line, node: Node) -> Edit:
    assert node.path is not None
    new = line.names.get(node.key, node.key)
    by = line.exchanged(node)
    shown = place(str(node.path))
    text = partial(with_dependencies, by=by, place=shown)
    if line.hangs_free(node):
        text = partial(with_dependency, key=line.onto.key, place=shown)
    return Edit(
        node.key,
        new,
        node.path,
        node.path.with_name(f"{new[1]}.py"),
        node.path.read_bytes(),
        edited(node.path, text),
        tuple(sorted(by.items())),
    )

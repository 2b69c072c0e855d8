"""`rebase`: what is new here comes after the other leaf, so that history stays a line.

What is to be done is a value first; `rebase` does it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from whimbrel.commands.git import commit_of, run_git
from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.errors import HistoryError, QuestionError, place
from whimbrel.history.branches import Branch, branches_of, fork_of
from whimbrel.history.branches.linear import Line, line_of, refuse_half_done, refuse_unfit
from whimbrel.history.file_edit import edit_file, with_dependencies, with_dependency
from whimbrel.history.loader import History, load
from whimbrel.history.node import Key, Node, label_of
from whimbrel.history.writer import rewrite_migration, write_migration
from whimbrel.run.connect import database_of
from whimbrel.run.record import record_in, resolve_squashes


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
    """The changes that a rebase makes.

    ``moved``: the migrations that come after ``onto``, in order. ``pointing``: files of other apps
    in the same branch. ``collisions``: what both branches are about; what was moved has the last
    word. ``notes``: what nobody can tell. ``decided``: how the branch that moves was found, where
    none was named.
    """

    app: str
    onto: str
    moved: tuple[Edit, ...]
    pointing: tuple[Edit, ...]
    collisions: tuple[str, ...]
    notes: tuple[str, ...]
    decided: str | None = None


def plan_rebase(
    config: Config,
    app: str,
    name: str | None = None,
    *,
    onto: str | None = None,
    alias: str = DEFAULT_ALIAS,
    offline: bool = False,
) -> RebasePlan | None:
    """Return the plan by which an app's branches become a line; None where they are one.

    name: the branch that moves, by its leaf or any migration of it; None: the one that is new here,
    as git tells. onto: the leaf that it comes after, where there are several others.
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
    branches = branches_of(history.graph, leaves)
    branch, decided = _choose_branch(history, branches, name, offline=offline)
    target = _target(history, branches, branch, onto)
    applied = frozenset() if offline else _find_applied(config, history, alias)
    line = line_of(history, branch, target, applied, decided)
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
        decided,
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
                place=place(edit.path),
                hint="Run the command again.",
            )
    for edit in (*plan.moved, *plan.pointing):
        put = rewrite_migration if edit.new_path == edit.path else write_migration
        put(edit.new_path, edit.after)
    for edit in reversed(plan.moved):
        if edit.new_path != edit.path:
            edit.path.unlink()


# -- which branch moves, and where to --------------------------------------------------------------


def _find_applied(config: Config, history: History, alias: str) -> frozenset[Key]:
    """All that a database has applied, half or whole, under any name that it knows."""
    record = record_in(database_of(config, alias))
    _, ours = resolve_squashes(history, record)
    return frozenset((*record.applied, *ours.applied, *record.half_done))


def _choose_branch(
    history: History, branches: Sequence[Branch], name: str | None, *, offline: bool
) -> tuple[Branch, str | None]:
    """The branch that moves; and how that was decided, where none is named."""
    if name is not None:
        return _find_branch(history, branches, name), None
    known = None if offline else _ask_git(branches)
    if known is None:
        raise _which_error(branches)
    reference, there, lacking = known
    absent = [branch for branch in branches if not there[branch.leaf.key]]
    rest = [branch for branch in branches if branch not in absent]
    if len(absent) == 1 and not any(lacking[branch.leaf.key] for branch in rest):
        return absent[0], _describe_lacking(reference, lacking[absent[0].leaf.key])
    # What is there in part is nobody's alone: then every branch may be meant.
    why = _describe_lacking(reference, [name for names in lacking.values() for name in names])
    raise _which_error(absent if len(absent) > 1 else branches, f"Git does not tell: {why}.")


def _describe_lacking(reference: str, names: Sequence[str]) -> str:
    """Return a sentence on the files that a reference lacks."""
    if not names:
        return f"all of them are in {reference}"
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not in {reference}"


def _which_error(branches: Sequence[Branch], why: str = "") -> QuestionError:
    app = branches[0].leaf.app
    text = f"Which of the branches of {app} is new here, and to come after the other?"
    return _question_error(
        f"{text} {why}".rstrip(),
        branches,
        [f"whimbrel rebase {app} {branch.leaf.name}" for branch in branches],
    )


def _find_branch(history: History, branches: Sequence[Branch], name: str) -> Branch:
    graph, app = history.graph, branches[0].leaf.app
    node = history.node(app, name)
    found = [each for each in branches if node.key in graph.ancestors([each.leaf.key])]
    if len(found) == 1:
        return found[0]
    raise HistoryError(
        "several branches stand on it; nothing was changed",
        place=node.label,
        hint=f"Name a leaf: {', '.join(each.leaf.name for each in found)}.",
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
                hint=f"Name one: {', '.join(branch.leaf.name for branch in others)}.",
            )
        return node
    if len(others) > 1:
        raise _question_error(
            f"After which leaf of {app} is {moving.leaf.name} to come?",
            others,
            [f"--onto {branch.leaf.name}" for branch in others],
        )
    return others[0].leaf


def _question_error(text: str, branches: Sequence[Branch], answers: list[str]) -> QuestionError:
    listed = "".join(f"\n    {answer}" for answer in answers)
    labels = ", ".join(branch.leaf.label for branch in branches)
    return QuestionError(
        "a question needs an answer; nothing was changed",
        questions=[{"place": labels, "text": text, "flags": answers}],
        hint=f"{text}{listed}",
    )


def _refuse_recorded(line: Line, applied: Collection[Key]) -> None:
    """A new name that a database knows already would be taken for applied."""
    for new in line.names.values():
        if new in applied:
            raise HistoryError(
                "the database has a row of this name, which is to be a new one's; nothing was changed",
                place=label_of(new),
                hint=f"Where its file is gone for good: whimbrel migrate {new[0]} {new[1]} --prune",
            )


# -- what git says ---------------------------------------------------------------------------------

#: Where the work of others is, the best first. Whole names: a tag may be called main too.
_REFERENCES = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)


#: By the leaf of each branch, names of files.
_Names = dict[Key, list[str]]


def _ask_git(branches: Sequence[Branch]) -> tuple[str, _Names, _Names] | None:
    """Return where the work of others is, as far as git knows, and the files that it has and lacks.

    None where there is no telling.
    """
    own = {branch.leaf.key: _own_files(branch) for branch in branches}
    files = [file for found in own.values() for file in found]
    folders = {file.parent for file in files}
    if not all(own.values()) or len(folders) > 1:
        return None
    folder = folders.pop()
    commits = ((name, commit_of(folder, name)) for name in _REFERENCES)
    reference, commit = next((each for each in commits if each[1] is not None), (None, None))
    # Where that is HEAD itself, nothing is new.
    if reference is None or commit == commit_of(folder, "HEAD"):
        return None
    listing = ("ls-tree", "-r", "-z", "--name-only", reference, "--")
    listed = run_git(folder, *listing, *(file.name for file in files))
    if listed is None:
        return None
    names = set(listed.split("\0"))
    there: _Names = {leaf: [] for leaf in own}
    lacking: _Names = {leaf: [] for leaf in own}
    for leaf, found in own.items():
        for file in found:
            (there if file.name in names else lacking)[leaf].append(file.stem)
    return run_git(folder, "rev-parse", "--abbrev-ref", reference) or reference, there, lacking


def _own_files(branch: Branch) -> list[Path]:
    """Those of its own app that no other branch has."""
    app = branch.leaf.app
    return [
        node.path
        for node in branch.nodes
        if node.app == app and node.key in branch.own and node.path is not None
    ]


# -- the files -------------------------------------------------------------------------------------


def _edit(line: Line, node: Node) -> Edit:
    assert node.path is not None
    new = line.names.get(node.key, node.key)
    by = line.new_dependencies(node)
    text = partial(with_dependencies, by=by, place=node.place)
    if line.hangs_free(node):
        text = partial(with_dependency, key=line.onto.key, place=node.place)
    return Edit(
        node.key,
        new,
        node.path,
        node.path.with_name(f"{new[1]}.py"),
        node.path.read_bytes(),
        edit_file(node.path, text),
        tuple(sorted(by.items())),
    )

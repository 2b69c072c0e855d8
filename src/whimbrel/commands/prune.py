"""`squashmigrations --prune`, and `migrate APP --prune`: what nothing needs any more is taken away.

A squash has done its part once every database has it. Then the files of what it replaces go, its
own ``replaces``, and the rows of what it replaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.errors import HistoryError, NodeError, UsageError, did_you_mean, place
from whimbrel.history.file_edit import edit_file, with_dependencies, without_replaces
from whimbrel.history.loader import History, load
from whimbrel.history.node import Key, label_of
from whimbrel.history.writer import rewrite_migration
from whimbrel.run.connect import Database, database_of
from whimbrel.run.events import Listener, null_listener
from whimbrel.run.lock import LIMIT
from whimbrel.run.record import Record, record_in, resolve_squashes, unknown_applied


@dataclass(frozen=True)
class Rewritten:
    """A file that stays, with other text. ``before``: what it held when the plan was made."""

    path: Path
    before: bytes
    after: bytes


@dataclass(frozen=True)
class PrunePlan:
    """The changes that pruning makes, in the order in which it is done.

    ``keys``: the squashes that become ordinary migrations. ``pointing``: files in which a
    dependency on what goes is put onto its squash. ``rows``: by the alias of a database, the keys
    of the rows that go. ``deleted``: the files that go. ``unsquashed``: the files of the squashes,
    without their ``replaces``.
    """

    keys: tuple[Key, ...] = ()
    pointing: tuple[Rewritten, ...] = ()
    rows: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    deleted: tuple[Path, ...] = ()
    unsquashed: tuple[Rewritten, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys)

    @property
    def squashes(self) -> tuple[str, ...]:
        """The labels of the squashes."""
        return tuple(map(label_of, self.keys))


def plan_prune(config: Config, apps: Iterable[str] = ()) -> PrunePlan:
    """Return the plan for pruning the squashes of these apps (none: of all); nothing is done.

    Every configured database is asked. Raises `HistoryError`, with the list of databases, where
    one has not recorded a squash yet; `WriteError` where a file must be edited by hand first. The
    plan is empty where there is no squash.
    """
    wanted = [config.app(app).label for app in apps]
    history = load(config.apps)
    squashes = history.squashes
    keys = [key for key in sorted(squashes.outermost()) if not wanted or key[0] in wanted]
    if not keys:
        return PrunePlan()
    gone = {part: key for key in keys for part in squashes.inside(key)}
    records = {alias: record_in(database_of(config, alias)) for alias in config.databases}
    _refuse_early(config, history, keys, records)
    pointing = tuple(_pointing(history, gone))
    pointed = {each.path: each.after for each in pointing}
    paths = (history.files[key].path for key in keys)
    rows = {alias: sorted(record.applied.keys() & gone) for alias, record in records.items()}
    return PrunePlan(
        keys=tuple(keys),
        pointing=pointing,
        rows={alias: tuple(keys) for alias, keys in rows.items() if keys},
        deleted=tuple(_files(history, gone)),
        unsquashed=tuple(_unsquash(path, gone, pointed.get(path)) for path in paths if path),
    )


def prune(config: Config, plan: PrunePlan) -> None:
    """Carry a plan out: dependencies, then rows, then files, the ``replaces`` last.

    A kill at any moment leaves what the next `plan_prune` finds and finishes: as long as a squash
    has its ``replaces``, it is known what goes. Raises `HistoryError` where a file was changed
    since the plan was made, or a database lost a squash.
    """
    _refuse_changed(plan)
    for file in plan.pointing:
        rewrite_migration(file.path, file.after)
    for alias, keys in plan.rows.items():
        _forget(database_of(config, alias), plan.keys, keys)
    for path in plan.deleted:
        path.unlink(missing_ok=True)
    for file in plan.unsquashed:
        rewrite_migration(file.path, file.after)


# -- what goes ---------------------------------------------------------------------------------


def _files(history: History, gone: Mapping[Key, Key]) -> Iterator[Path]:
    """The files that go; a squash in a squash after what it replaces, which it alone names."""
    inner = [key for key in history.squashes.inner_first() if key in gone]
    for key in [*sorted(gone.keys() - set(inner)), *inner]:
        node = history.files.get(key)
        if node is not None and node.path is not None:
            yield node.path


def _pointing(history: History, gone: Mapping[Key, Key]) -> Iterator[Rewritten]:
    """The files that name what goes. ``gone``: what goes, with the squash that it is in."""
    for key, node in sorted(history.files.items()):
        named = gone.keys() & {*node.dependencies, *node.run_before}
        if key not in gone and named and node.path is not None:
            by = {each: gone[each] for each in named}
            edit = partial(with_dependencies, by=by, place=node.place)
            yield Rewritten(node.path, node.path.read_bytes(), edit_file(node.path, edit))


def _unsquash(path: Path, gone: Mapping[Key, Key], pointed: bytes | None) -> Rewritten:
    """A squash as an ordinary migration. ``pointed``: its text, where it names what goes, after that edit."""

    def edit(text: str) -> str:
        if pointed is not None:
            text = with_dependencies(text, gone, place=place(path))
        return without_replaces(text, place=place(path))

    before = path.read_bytes() if pointed is None else pointed
    return Rewritten(path, before, edit_file(path, edit))


# -- what stands against it ----------------------------------------------------------------------


def _refuse_early(
    config: Config, history: History, keys: Iterable[Key], records: Mapping[str, Record]
) -> None:
    """Raises `HistoryError` where a database has not recorded a squash, or is in the middle of one."""
    waiting = {
        key: aliases
        for key in keys
        if (
            aliases := [
                alias
                for alias, record in records.items()
                if key not in record.applied
                or {key, *history.squashes.inside(key)} & record.half_done.keys()
            ]
        )
    }
    if not waiting:
        return
    databases = dict.fromkeys(alias for aliases in waiting.values() for alias in aliases)
    listed = "; ".join(
        f"{label_of(key)} is missing in {', '.join(aliases)}" for key, aliases in waiting.items()
    )
    commands = ", ".join(f"whimbrel migrate --database {alias}" for alias in databases)
    shown = ", ".join(f"{alias}: {database_of(config, alias).shown}" for alias in databases)
    raise HistoryError(
        f"not every database has the squash yet; nothing was changed: {listed}",
        place=shown,
        hint=f"Bring them there first: {commands}. Or prune other apps alone, by naming them.",
    )


def _refuse_changed(plan: PrunePlan) -> None:
    for file in (*plan.pointing, *plan.unsquashed):
        # A squash that points elsewhere now too is in both, one after the other.
        expected = {
            other.before for other in (*plan.pointing, *plan.unsquashed) if other.path == file.path
        }
        if file.path.read_bytes() not in expected:
            raise HistoryError(
                "it was changed since it was looked at; nothing was changed",
                place=place(file.path),
                hint="Run the command again.",
            )


def _forget(database: Database, squashes: Iterable[Key], keys: Iterable[Key]) -> None:
    """Take rows out of a record, if it still has the squashes."""
    # Late, since a plan needs none of it.
    from whimbrel.commands.execution import exclusive_runner
    from whimbrel.run.record import read

    with exclusive_runner(database, LIMIT, null_listener) as executor:
        lost = set(squashes) - read(executor.connection, LIMIT).applied.keys()
        if lost:
            raise HistoryError(
                "it is not applied there any more; its rows were left as they are",
                place=f"{database.shown}: {', '.join(sorted(map(label_of, lost)))}",
                hint=f"whimbrel migrate --database {database.alias}, and run the command again.",
            )
        executor.forget(keys)


# -- rows without a file


@dataclass(frozen=True)
class Pruned:
    """The rows that were removed, or would be. ``database``: without its password."""

    database: str
    labels: tuple[str, ...] = ()


def prune_unknown(
    config: Config,
    app: str | None,
    name: str | None = None,
    *,
    alias: str = DEFAULT_ALIAS,
    only_plan: bool = False,
    lock_timeout: float = LIMIT,
    emit: Listener = null_listener,
) -> Pruned:
    """Remove the rows of an app that have no file, and that no squash in force replaces.

    app: it need not be there any more. name: only this one; the beginning of its name is enough. only_plan: nothing is removed. Raises
    `UsageError` without an app, `NodeError` for a name that is none of them, `HistoryError` where one
    is half done, or a squash replaces it that is not applied.
    """
    if app is None:
        raise UsageError("--prune needs an app", hint="whimbrel migrate APP --prune")
    database = database_of(config, alias)
    record = record_in(database, lock_timeout)
    if all(app != each for each, _ in record.applied):
        config.app(app)
    history = load(config.apps)
    found = _unknown_of(history, record, app, name)
    if found and not only_plan:
        from whimbrel.commands.execution import exclusive_runner
        from whimbrel.run.record import read

        with exclusive_runner(database, lock_timeout, emit) as executor:
            found = _unknown_of(history, read(executor.connection, lock_timeout), app, name)
            executor.forget(found)
            executor.tidy()
    return Pruned(database.shown, tuple(map(label_of, found)))


def _unknown_of(history: History, record: Record, app: str, name: str | None) -> list[Key]:
    history, record = resolve_squashes(history, record)
    found = [key for key in unknown_applied(history.graph, record.applied) if key[0] == app]
    if name is not None:
        found = [_find_named(history, found, app, name)]
    for key in found:
        if key in record.half_done:
            raise HistoryError(
                "it is half done, and its row says so",
                place=label_of(key),
                hint="Bring its file back, and finish it: whimbrel migrate.",
            )
    return found


def _find_named(history: History, found: list[Key], app: str, name: str) -> Key:
    matching = [key for key in found if key[1] == name] or [
        key for key in found if key[1].startswith(name)
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise NodeError(
            f"several migrations without a file start with {name!r}: {', '.join(map(label_of, matching))}",
            hint="Give more of the name.",
        )
    names = [key[1] for key in found]
    listed = f"{app} has: {', '.join(names)}." if names else f"{app} has none."
    raise NodeError(
        f"{app} has no applied migration without a file that is called {name!r}",
        hint=did_you_mean(name, names) or listed,
    )

"""The record of a database: what is applied and what is half done; and whether it fits the files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from whimbrel.config import OWN_TABLES
from whimbrel.errors import HistoryError, LockError
from whimbrel.history.graph import Graph
from whimbrel.history.node import Key, label_of
from whimbrel.planning.plan import ZERO, Plan, Target
from whimbrel.run import recorder
from whimbrel.run.connect import Database, engine_of, open_connection
from whimbrel.run.lock import LIMIT, refuse_endless
from whimbrel.run.recorder import Applied

if TYPE_CHECKING:
    from whimbrel.history.loader import History
    from whimbrel.planning.unfinished import Unfinished

#: The sources of migrations, of those of which the record kept them.
Sources: TypeAlias = Callable[[Collection[Key]], Mapping[Key, str]]


@dataclass(frozen=True)
class Record:
    """``half_done``: what the journal has of each migration that has not ended.

    ``walked``: how many rows backfills of those have committed. ``passed_over``: the schema of a
    record that is not this one, where the first of the search path has none. ``sources``: asks for what files
    said when they were applied, where something is odd.
    """

    applied: Mapping[Key, Applied] = field(default_factory=dict)
    half_done: Mapping[Key, Unfinished] = field(default_factory=dict)
    walked: Mapping[Key, int] = field(default_factory=dict)
    passed_over: str | None = None
    sources: Sources = field(default=lambda keys: {}, compare=False)


def read(connection: Connection, limit: float = LIMIT) -> Record:
    """The record as it is now. Leaves no transaction open: what is read is not written upon.

    limit: seconds that the connection waits for its tables. Raises `LockError`.
    """
    try:
        return _read(connection)
    except DBAPIError as error:
        raise _locked(connection, limit, error) or error from error


def _locked(connection: Connection, limit: float, error: DBAPIError) -> LockError | None:
    """The error of tables that somebody else has locked; None for another."""
    # Late, since to read takes no engine.
    from whimbrel.engines.step import Lock, Step
    from whimbrel.schema.table import Name

    engine = engine_of(connection.dialect.name)
    if not engine.is_lock_timeout(error):
        return None
    connection.rollback()
    ours = tuple((Name(None, name), Lock.ACCESS_SHARE) for name in sorted(OWN_TABLES))
    wanted = Step((), tables=ours)
    held = "; ".join(map(str, engine.blockers(connection, [wanted])))
    return LockError(
        f"the record of what is applied stayed locked for {limit:g} s",
        place=recorder.TABLE,
        hint=f"{f'Held by {held}. ' if held else ''}Run the command again when it is free.",
    )


def _read(connection: Connection) -> Record:
    half_done: Mapping[Key, Unfinished] = {}
    walked: Mapping[Key, int] = {}
    if recorder.is_journal_used(connection):
        # Late, since they take all of planning, and a run that has nothing to do takes none.
        from whimbrel.run import journal
        from whimbrel.run.data import checkpoint

        half_done = {key: each for each in journal.unfinished(connection) for key in each.keys}
        walked = checkpoint.walked(connection)
    applied = recorder.applied(connection)
    passed_over = recorder.passed_over(connection) if not applied else None
    connection.commit()
    return Record(applied, half_done, walked, passed_over, partial(_sources, connection))


def _sources(connection: Connection, keys: Collection[Key]) -> Mapping[Key, str]:
    found = recorder.sources(connection, keys)
    connection.commit()
    return found


def record_in(database: Database, limit: float = LIMIT) -> Record:
    """The record in a database; nothing is created by asking. ``limit``: see `read`."""
    refuse_endless(limit)
    if database.is_missing:
        return Record()
    with open_connection(database, limit) as connection:
        return replace(read(connection, limit), sources=partial(_sources_in, database))


def _sources_in(database: Database, keys: Collection[Key]) -> Mapping[Key, str]:
    with open_connection(database) as connection:
        return _sources(connection, keys)


def resolve_squashes(
    history: History, record: Record, assumed: Collection[Key] = ()
) -> tuple[History, Record]:
    """The history that fits a record, and the record in the terms of that history.

    There a squash is applied where all that it replaces is, and what is hidden is left out.
    ``assumed``: see `History.resolve_squashes`. Raises `HistoryError`.
    """
    if not history.squashes:
        return history, record
    history = history.resolve_squashes(record.applied.keys(), record.half_done.keys(), assumed)
    hidden = history.graph.replacements.keys()
    applied = {key: each for key, each in record.applied.items() if key not in hidden}
    for key in history.complete:
        inside = (record.applied.get(each) for each in history.squashes.inside(key))
        applied[key] = Applied(*key, max(each.at for each in inside if each is not None), None)
    return history, replace(record, applied=applied)


def unknown_applied(graph: Graph, applied: Iterable[Key]) -> list[Key]:
    """Return what is recorded as applied, and has no file."""
    return [key for key in applied if key not in graph]


def refuse_inconsistent(graph: Graph, applied: Iterable[Key]) -> None:
    """Raises `HistoryError` where something is applied and what it depends on is not."""
    for error in inconsistencies(graph, applied):
        raise error


def inconsistencies(graph: Graph, applied: Iterable[Key]) -> Iterator[HistoryError]:
    """An error for each thing that is applied and depends on what is not."""
    there = frozenset(applied)
    if there >= graph.nodes.keys():
        return
    for key in sorted(there & graph.nodes.keys()):
        for parent in graph.parents(key):
            if parent.key not in there:
                yield HistoryError(
                    f"it is applied, and {parent.label}, which it depends on, is not",
                    place=graph.node(key).label,
                    hint=f"If what {parent.label} does is in the database: "
                    f"whimbrel migrate {parent.app} {parent.name} --fake\n"
                    f"If it is not: let the file of {label_of(key)} depend on what it did when it was "
                    "applied. Where that leaves two leaves: whimbrel makemigrations --merge",
                )


def refuse_unknown_applied(graph: Graph, target: Target, plan: Plan, record: Record) -> None:
    """Raises `HistoryError` where the way back would undo what an unknown migration may stand on.

    What that one depended on went with its file: any of the same app may be it.
    """
    if not plan.backwards:
        return
    touched = {node.app for node in plan.nodes} | {target.app if target.name == ZERO else None}
    found = sorted(key for key in unknown_applied(graph, record.applied) if key[0] in touched)
    if found:
        app, name = found[0]
        raise HistoryError(
            "applied here, without a file, and perhaps made on what would be undone; "
            "nothing was changed",
            place=", ".join(map(label_of, found)),
            hint=f"{_kept(found, target, record)}Switch to the branch or commit that has "
            f"{app}/{name}.py, go back there to what stood before it, and come here again. Where "
            "the file is gone for good, bring the database there by hand, and take its row out: "
            f"whimbrel migrate {app} --prune",
        )


def _kept(found: list[Key], target: Target, record: Record) -> str:
    """The way back by what the record kept, where it kept all that is needed."""
    if record.sources(found).keys() < set(found):
        return ""
    command = " ".join(["whimbrel migrate", *filter(None, (target.app, target.name)), "--recorded"])
    return f"The record kept what they did: {command} undoes them with it.\n"

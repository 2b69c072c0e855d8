"""One database of a project that is adopted: at which version it is, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.config import Config
from whimbrel.errors import HistoryError, WhimbrelError
from whimbrel.history.loader import History, load
from whimbrel.history.node import Key, label_of
from whimbrel.run.adopt_project import AlembicProject
from whimbrel.run.comparing import Comparison, compare, covering
from whimbrel.run.connect import Database, connected, database_of
from whimbrel.run.drift import Deviation, deviations
from whimbrel.run.make import MigrationFile
from whimbrel.run.migrate import migrate
from whimbrel.run.plan import Target
from whimbrel.run.record import Record, read
from whimbrel.schema.table import Name
from whimbrel.state.state import State


class Outcome(Enum):
    """What became of a database."""

    RECORDED = "recorded"
    FITS = "fits"
    ALREADY = "already"
    BEHIND = "behind"
    DIFFERS = "differs"
    UNVERSIONED = "unversioned"
    WAITS = "waits"
    MISSING = "missing"
    FAILED = "failed"

    @property
    def is_well(self) -> bool:
        """Whether nothing is left to be done about it."""
        return self in (Outcome.RECORDED, Outcome.FITS, Outcome.ALREADY)


@dataclass(frozen=True)
class AdoptedDatabase:
    """A database and its outcome.

    versions: what Alembic recorded there. labels: the migrations that were recorded, or would be;
    for WAITS those that are to be applied first. missing: revisions that it does not have.
    """

    alias: str
    shown: str
    outcome: Outcome
    versions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    error: WhimbrelError | None = None


@dataclass(frozen=True)
class Adoption:
    """What every database is compared with. files: initial migrations that are made just now."""

    config: Config
    apps: tuple[str, ...]
    project: AlembicProject
    files: tuple[MigrationFile, ...]
    dry_run: bool


def adopted(adoption: Adoption, alias: str) -> AdoptedDatabase:
    """Look at one database and, where it fits, record the initial migrations."""
    shown = ""
    try:
        database = database_of(adoption.config, alias)
        shown = database.shown
        if database.is_missing:
            return AdoptedDatabase(alias, shown, Outcome.MISSING)
        found = _looked_at(adoption, database)
        if found.outcome is Outcome.FITS and not adoption.dry_run:
            _record(adoption, alias)
            found = AdoptedDatabase(alias, shown, Outcome.RECORDED, found.versions, found.labels)
        return found
    except WhimbrelError as error:
        return AdoptedDatabase(alias, shown, Outcome.FAILED, error=error)


def _looked_at(adoption: Adoption, database: Database) -> AdoptedDatabase:
    history = load(adoption.config.apps)
    with connected(database) as connection:
        record = read(connection)
        versions = versions_in(connection, adoption.project.version_table)
        todo = _initial(adoption, history, record)

        def ended(outcome: Outcome, **more: tuple[str, ...]) -> AdoptedDatabase:
            return AdoptedDatabase(database.alias, database.shown, outcome, versions, **more)

        if not todo and not _is_dry(adoption):
            return ended(Outcome.ALREADY)
        if not versions:
            return ended(Outcome.UNVERSIONED)
        missing = adoption.project.missing(versions)
        if missing:
            return ended(Outcome.BEHIND, missing=tuple(missing))
        others = [label_of(key) for key in todo if key[0] not in adoption.apps]
        if others:
            return ended(Outcome.WAITS, labels=tuple(others))
        found = _deviations(adoption, database, connection, history, record, todo)
        labels = tuple(map(label_of, todo)) or tuple(f"{e.app}.{e.name}" for e in adoption.files)
        outcome = Outcome.DIFFERS if found else Outcome.FITS
        return AdoptedDatabase(
            database.alias, database.shown, outcome, versions, labels, deviations=found
        )


def _is_dry(adoption: Adoption) -> bool:
    """Whether the initial migrations are not written yet."""
    return adoption.dry_run and bool(adoption.files)


def _initial(adoption: Adoption, history: History, record: Record) -> list[Key]:
    """The initial migrations of the adopted apps, and what they need, that are not recorded."""
    wanted = [
        node.key for app in adoption.apps for node in history.graph.of_app(app) if node.initial
    ]
    todo = [node.key for node in history.graph.forwards(wanted, record.applied)]
    # What is only to be written is not among them, nor what it will stand for.
    return [key for key in todo if key[0] not in adoption.apps] if _is_dry(adoption) else todo


def _deviations(
    adoption: Adoption,
    database: Database,
    connection: Connection,
    history: History,
    record: Record,
    todo: Sequence[Key],
) -> tuple[Deviation, ...]:
    state = history.states_of(
        {*(record.applied.keys() & history.graph.nodes.keys()), *todo}
    ).database
    if _is_dry(adoption):
        for file in adoption.files:
            for operation in file.operations:
                state = operation.apply(file.app, state)
    covers = covering(adoption.config, state, [adoption.project.version_table])
    found = compare(database.engine, connection, state, covers, adoption.apps)
    return tuple(deviations(found, connection.dialect))


def _record(adoption: Adoption, alias: str) -> None:
    history = load(adoption.config.apps)
    for app in adoption.apps:
        initial = [node for node in history.graph.of_app(app) if node.initial]
        if initial:
            migrate(adoption.config, Target(app, initial[-1].name), alias=alias, fake=True)


def versions_in(connection: Connection, table: Name) -> tuple[str, ...]:
    """The revisions that Alembic recorded in a database."""
    if not connection.dialect.has_table(connection, table.name, schema=table.schema):
        return ()
    column = sa.column("version_num")
    query = sa.select(column).select_from(sa.table(table.name, column, schema=table.schema))
    found = tuple(sorted(connection.execute(query).scalars()))
    connection.rollback()
    return found


def compared(
    project: AlembicProject, config: Config, alias: str, state: State, apps: Sequence[str]
) -> Comparison:
    """Models beside a database that is at Alembic's head. Raises `HistoryError` for any other."""
    database = database_of(config, alias)
    if database.is_missing:
        raise HistoryError(
            "there is no such database",
            place=database.shown,
            mend="Give another: --database ALIAS.",
        )
    with connected(database) as connection:
        missing = project.missing(versions_in(connection, project.version_table))
        if missing:
            raise HistoryError(
                f"it does not have {', '.join(missing)}",
                place=database.shown,
                mend="Bring it to Alembic's head first: alembic upgrade head.",
            )
        covers = covering(config, state, [project.version_table])
        return compare(database.engine, connection, state, covers, apps)

"""One database of a project that is adopted: at which version it is, and whether it fits."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from whimbrel.commands.adopt.project import AlembicProject
from whimbrel.commands.comparison import Comparison, compare, covering, strangers, without_strangers
from whimbrel.commands.drift import Deviation, deviations, is_of_names
from whimbrel.commands.execution import exclusive_runner
from whimbrel.commands.make import MigrationFile
from whimbrel.config import Config
from whimbrel.errors import HistoryError, UsageError, WhimbrelError
from whimbrel.history.loader import History, load
from whimbrel.history.node import Node
from whimbrel.planning.plan import Stage
from whimbrel.planning.work import Work
from whimbrel.run.connect import Database, database_of, open_connection
from whimbrel.run.events import null_listener
from whimbrel.run.lock import LIMIT
from whimbrel.run.record import Record, read, resolve_squashes
from whimbrel.run.recorder import ConcurrentRun
from whimbrel.schema.changes import apply_all
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Name, PrimaryKey, Unique
from whimbrel.state.lowering import lower
from whimbrel.state.state import State


class Outcome(Enum):
    """The outcome of an adoption for one database."""

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
        """True if nothing is left to be done about it."""
        return self in (Outcome.RECORDED, Outcome.FITS, Outcome.ALREADY)


@dataclass(frozen=True)
class AdoptedDatabase:
    """A database and its outcome.

    versions: what Alembic recorded there. labels: the migrations that were recorded, or would be;
    for WAITS those that are to be applied first. missing: revisions that it does not have.
    strangers: tables that no model has; they are no part of what is adopted.
    """

    alias: str
    shown: str
    outcome: Outcome
    versions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    strangers: tuple[Name, ...] = ()
    error: WhimbrelError | None = None


@dataclass(frozen=True)
class Adoption:
    """The project that every database is compared with. files: initial migrations that are made just now."""

    config: Config
    apps: tuple[str, ...]
    project: AlembicProject
    files: tuple[MigrationFile, ...]
    rename: bool
    dry_run: bool


def adopt_database(adoption: Adoption, alias: str) -> AdoptedDatabase:
    """Look at one database and, where it fits, record the initial migrations."""
    shown = ""
    try:
        database = database_of(adoption.config, alias)
        shown = database.shown
        if database.is_missing:
            return AdoptedDatabase(alias, shown, Outcome.MISSING)
        return _Looking(adoption, database, load(adoption.config.apps)).adopt()
    except WhimbrelError as error:
        return AdoptedDatabase(alias, shown, Outcome.FAILED, error=error)


def refuse_tables_without_models(adoption: Adoption, models: State, aliases: Sequence[str]) -> None:
    """Raises `UsageError` where a database has tables of the project's that none of these models has.

    Its own revisions made them, so that models are missing rather than that somebody else's tables
    are there. A database that cannot be reached is told of later.
    """
    for alias in aliases:
        lacking: list[Name] = []
        with suppress(WhimbrelError):
            database = database_of(adoption.config, alias)
            if not database.is_missing:
                with open_connection(database) as connection:
                    lacking = _without_model(connection, adoption, models)
        _refuse_lacking(lacking)


def _without_model(connection: Connection, adoption: Adoption, models: State) -> list[Name]:
    known = lower(models).tables
    default = connection.dialect.default_schema_name
    schemas = {None, *(at.schema for at in known), *adoption.project.schemas}
    inspector = sa.inspect(connection)
    there = {
        Name(None if schema == default else schema, name)
        for schema in schemas
        if schema is None or schema in inspector.get_schema_names()
        for name in inspector.get_table_names(schema)
    }
    known_there = {Name(None if at.schema == default else at.schema, at.name) for at in known}
    return _made_by_revisions(adoption, there - known_there)


def _made_by_revisions(adoption: Adoption, tables: Iterable[Name]) -> list[Name]:
    """Those of the tables that Alembic's revisions made, and that are not left alone."""
    return sorted(
        (at for at in tables if adoption.project.makes(at) and adoption.config.covers(*at)),
        key=str,
    )


def _refuse_lacking(tables: Sequence[Name]) -> None:
    if tables:
        names = [str(at) for at in tables]
        raise UsageError(
            f"no model has {', '.join(names)}, which the project's own revisions made",
            hint="Name what holds all models: whimbrel adopt alembic --models acme.all_models:Base. "
            "Or, where they have no model any more, leave them alone: "
            + " ".join(f"--exclude {shlex.quote(name)}" for name in names),
        )


@dataclass
class _Looking:
    """One database that is there. ``history``: with what the adoption has written."""

    adoption: Adoption
    database: Database
    history: History
    strangers: tuple[Name, ...] = ()

    def adopt(self) -> AdoptedDatabase:
        with open_connection(self.database) as connection:
            self.history, record = resolve_squashes(self.history, read(connection))
            self.versions = versions_in(connection, self.adoption.project.version_table)
            todo = self._initial(record)
            unready = self._unready(todo)
            if unready is not None:
                return unready
            found = self._compare(connection, record, todo)
            self.strangers = strangers(found)
            _refuse_lacking(_made_by_revisions(self.adoption, self.strangers))
            found = without_strangers(found)
            different = tuple(deviations(found, connection.dialect))
        labels = [node.label for node in todo]
        labels = labels or [f"{file.app}.{file.name}" for file in self.adoption.files]
        only_names = self.adoption.rename and all(map(is_of_names, found.changes))
        if different and not only_names:
            return self._result(Outcome.DIFFERS, labels=tuple(labels), deviations=different)
        if self.adoption.dry_run:
            return self._result(Outcome.FITS, labels=tuple(labels), deviations=different)
        if not self._record(todo, found):
            return self._result(Outcome.ALREADY)
        return self._result(Outcome.RECORDED, labels=tuple(labels), deviations=different)

    def _result(self, outcome: Outcome, **more: Any) -> AdoptedDatabase:
        shown = self.database.shown
        return AdoptedDatabase(
            self.database.alias, shown, outcome, self.versions, strangers=self.strangers, **more
        )

    @property
    def _is_unwritten(self) -> bool:
        """True if the initial migrations are only to be written."""
        return self.adoption.dry_run and bool(self.adoption.files)

    def _initial(self, record: Record) -> list[Node]:
        """The initial migrations of the adopted apps, and what they need, that are not recorded."""
        apps, graph = self.adoption.apps, self.history.graph
        wanted = [node.key for app in apps for node in graph.of_app(app) if node.initial]
        todo = graph.forwards(wanted, record.applied)
        # What is only to be written is not among them, nor what it will stand for.
        return [node for node in todo if node.app not in apps] if self._is_unwritten else todo

    def _unready(self, todo: Sequence[Node]) -> AdoptedDatabase | None:
        """Return the result where there is nothing to compare."""
        if not todo and not self._is_unwritten:
            return self._result(Outcome.ALREADY)
        if not self.versions:
            return self._result(Outcome.UNVERSIONED)
        missing = self.adoption.project.missing(self.versions)
        if missing:
            return self._result(Outcome.BEHIND, missing=tuple(missing))
        others = tuple(node.label for node in todo if node.app not in self.adoption.apps)
        return self._result(Outcome.WAITS, labels=others) if others else None

    def _compare(self, connection: Connection, record: Record, todo: Sequence[Node]) -> Comparison:
        there = record.applied.keys() & self.history.graph.nodes.keys()
        state = self.history.states_of({*there, *(node.key for node in todo)}).database
        if self._is_unwritten:
            for file in self.adoption.files:
                for operation in file.operations:
                    state = operation.apply(file.app, state)
        covers = covering(self.adoption.config, state, [self.adoption.project.version_table])
        engine = self.database.engine
        return compare(engine, connection, state, covers, self.adoption.apps)

    def _record(self, todo: Sequence[Node], found: Comparison) -> bool:
        """Record the initial migrations, in the transaction that renames; False if others have."""
        renames = diff(found.live, found.expected)
        with exclusive_runner(self.database, LIMIT, null_listener) as executor:
            steps = executor.engine.steps(renames, found.live)
            executor.prepare()
            try:
                executor.execute(Work(Stage(tuple(todo)), False, True, (), tuple(steps)))
            except ConcurrentRun:
                return False
        return True


def versions_in(connection: Connection, table: Name) -> tuple[str, ...]:
    """The revisions that Alembic recorded in a database."""
    if not connection.dialect.has_table(connection, table.name, schema=table.schema):
        return ()
    column: sa.ColumnClause[str] = sa.column("version_num", sa.String())
    query = sa.select(column).select_from(sa.table(table.name, column, schema=table.schema))
    found = tuple(sorted(connection.execute(query).scalars()))
    connection.rollback()
    return found


def compare_at_head(adoption: Adoption, alias: str, state: State) -> Comparison:
    """Models beside a database that is at Alembic's head. Raises `HistoryError` for any other.

    Where it will be renamed, its constraints and indexes have the names of the models already.
    """
    project, config = adoption.project, adoption.config
    database = database_of(config, alias)
    if database.is_missing:
        raise HistoryError(
            "there is no such database",
            place=database.shown,
            hint="Give another: --database ALIAS.",
        )
    with open_connection(database) as connection:
        missing = project.missing(versions_in(connection, project.version_table))
        if missing:
            raise HistoryError(
                f"it does not have {', '.join(missing)}",
                place=database.shown,
                hint="Bring it to Alembic's head first: alembic upgrade head.",
            )
        # Ours may point at what is left alone, too.
        every = replace(config, include=(), exclude=())
        covers = covering(every, state, [project.version_table])
        found = _with_pointed_at(compare(database.engine, connection, state, covers, adoption.apps))
        renames = filter(is_of_names, diff(found.live, found.expected) if adoption.rename else ())
        return replace(found, live=apply_all(found.live, renames))


def _with_pointed_at(found: Comparison) -> Comparison:
    """A comparison without tables of others, but for the columns and keys that ours point at."""
    live = found.live.tables
    own = [table for at, table in live.items() if at in found.expected.tables]
    pointed = {key.target for table in own for key in table.foreign_keys} & {*strangers(found)}
    bare = {}
    for at in pointed:
        keys = (each for each in live[at].constraints if isinstance(each, PrimaryKey | Unique))
        bare[at] = replace(live[at], indexes=(), constraints=tuple(keys))
    seen = replace(found, live=replace(found.live, tables={**live, **bare}))
    return without_strangers(seen, pointed)


def as_it_is(found: Comparison) -> State:
    """The state that a database is of; tables of others that it points at are unmanaged there."""
    others = {*strangers(found)}
    theirs = [model.with_options(managed=False) for model in found.patched if model.at in others]
    return found.patched.with_models(*theirs) if theirs else found.patched

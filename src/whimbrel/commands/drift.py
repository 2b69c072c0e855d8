"""`drift`: what a live database has that its applied migrations do not lead to, and the reverse."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.engine import Dialect

from whimbrel.commands.comparison import Comparison, compare, covering, strangers, without_strangers
from whimbrel.commands.details import Detail, DetailFormatter
from whimbrel.commands.edits import refuse_edited
from whimbrel.commands.make import MigrationFile
from whimbrel.commands.script import Script, Statement, enclose
from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.detect import AppMigration
from whimbrel.errors import HistoryError, ModelError, StateError, UsageError
from whimbrel.history.author import author
from whimbrel.history.loader import load
from whimbrel.history.node import label_of
from whimbrel.operations.base import Operation
from whimbrel.run.connect import database_of, open_connection
from whimbrel.run.record import read, resolve_squashes, unknown_applied
from whimbrel.schema import changes as c
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Index, Name, Schema
from whimbrel.state.difference import changes_between
from whimbrel.state.lowering import lower
from whimbrel.state.state import State


@dataclass(frozen=True)
class Deviation:
    """An operation that somebody has done to the database alone, and what differs by it.

    app, operation: None for what no operation can say. is_of_names: whether nothing differs by it
    but what constraints and indexes are called.
    """

    app: str | None
    operation: Operation | None
    details: tuple[Detail, ...]
    is_of_names: bool = False


@dataclass(frozen=True)
class Drift:
    """The differences that were found. ``database``: without its password; ``unknown``: labels of applied migrations without files."""

    database: str
    deviations: tuple[Deviation, ...] = ()
    comparison: Comparison | None = None
    unknown: tuple[str, ...] = ()
    applied: int = 0

    def __bool__(self) -> bool:
        return bool(self.deviations)

    @property
    def apps(self) -> tuple[str | None, ...]:
        """The apps that differ, each once."""
        return tuple(dict.fromkeys(each.app for each in self.deviations))


def find_drift(config: Config, apps: Iterable[str] = (), *, alias: str = DEFAULT_ALIAS) -> Drift:
    """The differences between what the applied migrations lead to and the live database.

    apps: only their tables. Nothing is done to the database. Raises `HistoryError` where a
    migration is half done or was edited, `DatabaseError` and others where the database refuses.
    """
    wanted = [config.app(app).label for app in apps]
    database = database_of(config, alias)
    history = load(config.apps)
    if database.is_missing:
        return Drift(database.shown)
    with open_connection(database) as connection:
        history, record = resolve_squashes(history, read(connection))
        # Between two states there is nothing to compare with.
        for key, unfinished in record.half_done.items():
            raise HistoryError(
                f"it is {unfinished.state}",
                place=label_of(key),
                hint="Finish it first: run the same whimbrel migrate again.",
            )
        refuse_edited(history.graph, record)
        states = history.states_of(record.applied.keys() & history.graph.nodes.keys())
        labels = wanted or [app.label for app in config.apps]
        covers = covering(config, states.database)
        comparison = compare(database.engine, connection, states.database, covers, labels)
        if states.models is not states.database:
            comparison = _without_what_models_have(comparison, lower(states.models))
        comparison = _of_apps(comparison, wanted) if wanted else comparison
        return Drift(
            database.shown,
            tuple(deviations(comparison, connection.dialect)),
            comparison,
            tuple(label_of(key) for key in unknown_applied(history.graph, record.applied)),
            len(record.applied),
        )


def _without_what_models_have(found: Comparison, models: Schema) -> Comparison:
    """Without live columns that the models alone have (SeparateDatabaseAndState): they may be there."""
    tables = dict(found.live.tables)
    for at, table in found.expected.tables.items():
        if at in tables and at in models.tables:
            own = {each.name for each in table.columns}
            said = {each.name for each in models.tables[at].columns} - own
            columns = (each for each in tables[at].columns if each.name not in said)
            tables[at] = replace(tables[at], columns=tuple(columns))
    return replace(found, live=replace(found.live, tables=tables))


def deviations(comparison: Comparison, dialect: Dialect) -> Iterator[Deviation]:
    """The differences as operations; what none of them says comes last, as it is."""
    formatter = DetailFormatter(dialect, comparison.expected, comparison.live, comparison.invalid)
    whole = formatter.details(comparison.changes)
    places = {(each.what, each.place) for each in whole}
    names = _Names(formatter, comparison.changes)
    said: list[Detail] = []
    state = comparison.state
    for migration in _operations(comparison):
        for operation in migration.operations:
            after = operation.apply(migration.app, state)
            details = [
                # The last model of a database schema may go, and the schema stay; an enum is no
                # type of its own on every database.
                each
                for each in formatter.details(changes_between(state, after))
                if each.what not in ("schema", "enum type") or (each.what, each.place) in places
            ]
            state = after
            deviation = names.deviation(migration.app, operation, details)
            said += [*details, *deviation.details]
            yield deviation
    rest = tuple(_unsaid(whole, said))
    if rest:
        yield Deviation(None, None, rest, _are_names(rest))


def _unsaid(whole: Iterable[Detail], said: Iterable[Detail]) -> Iterator[Detail]:
    """Details of a comparison that no operation says: as they are, without a name, or by a whole table."""
    known = {(each.place, each.what) for each in said}
    texts = {_without_name(each) for each in said}
    tables = {each.place for each in said if each.what == "table"}
    for each in whole:
        table, _, name = each.place.rpartition(".")
        is_said = (each.place, each.what) in known or table in tables
        if not is_said and (name or _without_name(each) not in texts):
            yield each


def _are_names(details: Iterable[Detail]) -> bool:
    """True if details say only that constraints or indexes have other names."""
    return all(each.what.startswith("name of ") for each in details)


def _without_name(detail: Detail) -> tuple[str, str, str | None, str | None]:
    """What a detail says of a part of a table, whatever the part is called."""
    return detail.place.rpartition(".")[0], detail.what, detail.expected, detail.found


def _operations(comparison: Comparison) -> list[AppMigration]:
    """The differences as operations; none where the database has what no model could say."""
    try:
        return comparison.operations
    except (ModelError, StateError):
        return []


def is_of_names(change: c.Change) -> bool:
    """True if a change says only that a constraint or an index has another name."""
    return isinstance(change, c.RenameConstraint | c.RenameIndex)


class _Names:
    """Parts that only have other names: operations may have to exchange them."""

    def __init__(self, formatter: DetailFormatter, changes: Iterable[c.Change]) -> None:
        self.gone: set[str] = set()
        self.come: dict[str, Detail] = {}
        for each in changes:
            if isinstance(each, c.RenameConstraint | c.RenameIndex):
                (detail,) = formatter.details([each])
                self.gone.add(f"{each.table}.{each.old.name}")
                self.come[f"{each.table}.{each.new.name}"] = detail

    def deviation(self, app: str, operation: Operation, details: Sequence[Detail]) -> Deviation:
        """Return what differs by an operation."""
        found = tuple(self.in_place_of(details))
        return Deviation(app, operation, found, bool(details) and _are_names(found))

    def in_place_of(self, details: Iterable[Detail]) -> Iterator[Detail]:
        """The details, with one for each name where an operation takes away and makes anew."""
        for each in details:
            if each.expected is None and each.place in self.come:
                yield self.come[each.place]
            elif each.found is not None or each.place not in self.gone:
                yield each


# -- some apps only --------------------------------------------------------------------------


def _of_apps(found: Comparison, apps: list[str]) -> Comparison:
    """Only the tables of these apps, and tables of no model whose names begin with theirs."""
    own = _tables_of(found.state, apps)
    others = _tables_of(found.state, {model.app for model in found.state} - set(apps))

    def is_asked_for(at: Name) -> bool:
        named = any(at.name.startswith(f"{app}_") for app in apps)
        return at in own or (at not in others and named)

    expected = found.expected
    tables = {at: table for at, table in found.live.tables.items() if is_asked_for(at)}
    same = {at: table for at, table in expected.tables.items() if not is_asked_for(at)}
    live = replace(found.live, tables={**same, **tables})
    kept = {at: enum for at, enum in live.enums.items() if at in live.used_enums}
    live = replace(
        live,
        enums={**expected.enums, **kept},
        sequences=expected.sequences,
        domains={**expected.domains, **live.used_domains},
    )
    return replace(found, live=live)


def _tables_of(state: State, apps: Iterable[str]) -> set[Name]:
    labels = [model.label.lower() for app in apps for model in state.of_app(app)]
    return set(lower(state, labels).tables)


# -- what can be done about it -----------------------------------------------------------------


def migrations_of(
    config: Config, drift: Drift, apps: Iterable[str] = (), *, name: str | None = None
) -> list[MigrationFile]:
    """The migrations that bring the files to the database; nothing is written.

    Raises `HistoryError` where not all migrations are applied: they stand on the last ones.
    """
    history = load(config.apps)
    comparison = drift.comparison
    if comparison is None or not comparison.operations:
        return []
    project = history.states_of(history.graph.nodes).database
    if changes_between(comparison.state, project):
        raise HistoryError(
            "not every migration is applied here, and a new one stands on the last of them",
            hint="Apply them first: whimbrel migrate.",
        )
    directories = {app.label: app.migrations for app in config.apps}
    wanted = set(apps) or {each.app for each in comparison.operations}
    found = [each for each in comparison.operations if each.app in wanted]
    return list(map(MigrationFile.of, author(found, history.graph, directories, name=name)))


def script_back(
    config: Config, drift: Drift, alias: str = DEFAULT_ALIAS, dropping: Collection[str] = ()
) -> Script:
    """The statements that bring the database back to what its migrations say.

    dropping: the tables that go, of those that no model has; the others stay, since they may be
    somebody else's. Raises `UsageError` for a name that is not one of these.
    """
    engine = database_of(config, alias).engine
    statements: list[Statement] = []
    if drift.comparison is not None:
        dropped = _find_strangers(drift.comparison, dropping)
        found = without_strangers(drift.comparison, dropped)
        back = diff(found.live, found.expected)
        # A domain that no model has may be somebody else's.
        kept = [each for each in back if not isinstance(each, c.DropDomain)]
        changes = [*_without_invalid(found), *kept]
        steps = engine.steps(changes, drift.comparison.live)
        left = [each for each in strangers(drift.comparison) if each not in dropped]
        if left:
            names = ", ".join(map(str, left))
            note = f"left alone, since no model has them: {names}"
            statements.append(Statement("", note=note))
        statements += enclose(engine, steps) if changes else []
    return Script("Back to what the migrations say", engine.dialect, False, (), tuple(statements))


def _find_strangers(comparison: Comparison, names: Collection[str]) -> list[Name]:
    known = {str(at): at for at in strangers(comparison)}
    for name in names:
        if name not in known:
            raise UsageError(
                f"--drop: no table {name!r} is there that no model has",
                hint=f"There are: {', '.join(known) or 'none'}.",
            )
    return [known[name] for name in names]


def _without_invalid(comparison: Comparison) -> Iterator[c.Change]:
    """Return the changes that drop the parts that do not hold, so that they can be made under their names."""
    for at, table in comparison.expected.tables.items():
        for part in (*table.constraints, *table.indexes):
            if (at, part.name) in comparison.invalid:
                if isinstance(part, Index):
                    yield c.DropIndex(at, part)
                else:
                    yield c.DropConstraint(at, part)

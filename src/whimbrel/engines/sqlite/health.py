"""Health of a database, which no rebuild may make worse: foreign keys, views and triggers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import DatabaseError as DriverError

from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sqlite.reflect import master
from whimbrel.engines.sqlite.reflect.ddl import quoted
from whimbrel.engines.step import Step
from whimbrel.errors import StepError
from whimbrel.schema import changes as c
from whimbrel.schema.table import Name

#: Entries of views and triggers.
Rows = Sequence[Row[Any]]


@dataclass(frozen=True)
class Health:
    """``orphans``: how many rows of a table point at no row of another; by the tables' names.

    ``broken``: what does not compile: views, and tables by the triggers on them. By the name and
    the verb of the statement, since an untouched view takes no INSERT; with the error.
    ``titles``: what to call them: a view by its name, a table by its triggers.
    """

    orphans: Counter[tuple[str, str]]
    broken: dict[tuple[str, str], str]
    titles: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, steps: Sequence[Step]) -> Health:
        """The health of a database, as far as steps can change it."""
        orphans = _orphans(connection, _touched(steps))
        made = master.entries(connection, condition="type IN ('view', 'trigger')")
        return cls(orphans, dict(_broken(connection, made)), _titles(made))

    @classmethod
    def of_keys(cls, connection: Connection) -> Health:
        """The foreign keys of a whole database alone."""
        return cls(_orphans(connection, None), {})

    def refuse_what_is_worse_than(self, before: Health, steps: Sequence[Step]) -> None:
        """Raises `StepError` where a row has lost the row it points at, or a view what it reads."""
        names = _new_names(steps)
        for (table, target), number in self.orphans.items():
            was = (names.get(table, table), names.get(target, target))
            more = number - before.orphans[was]
            if more > 0:
                raise StepError(
                    f"{more} rows of {table} would point at rows of {target} that are not there",
                    place=table,
                    hint="Fix or delete them first. Nothing was changed.",
                )
        for (name, verb), error in self.broken.items():
            if (names.get(name, name), verb) not in before.broken:
                raise StepError(
                    f"{self.titles.get(name, name)} would no longer work: {error}",
                    place=name,
                    hint="Drop the view or trigger before this change and create it again after, "
                    "with RunSQL. Nothing was changed.",
                )


def _new_names(steps: Sequence[Step]) -> dict[str, str]:
    """New name to old of the tables that are renamed."""
    names: dict[str, str] = {}
    for change in (step.change for step in steps):
        if isinstance(change, c.RenameTable):
            names[change.new.name] = names.pop(change.old.name, change.old.name)
    return names


def _touched(steps: Sequence[Step]) -> frozenset[str] | None:
    """The names of the tables that steps concern, old and new ones; None where that is not known."""
    found: set[str] = set()
    for step in steps:
        match step.change:
            case c.CreateTable(table=table) | c.DropTable(table=table) | c.AlterTable(new=table):
                found.add(table.name)
            case c.RenameTable(old=old, new=new):
                found |= {old.name, new.name}
            case None | c.AlterEnum():
                return None
            case change:
                at = getattr(change, "table", None)
                found |= {at.name} if at is not None else set()
    return frozenset(name.lower() for name in found)


def _orphans(connection: Connection, touched: frozenset[str] | None) -> Counter[tuple[str, str]]:
    """The rows that point at nothing, in touched tables and in those that mention them."""
    names = [
        row.name
        for row in master.entries(
            connection, condition="type = 'table' AND sql LIKE '%REFERENCES%'"
        )
        if touched is None or any(each in row.sql.lower() for each in touched)
    ]
    try:
        return _orphans_in(connection, names)
    except DriverError:  # one of them cannot be checked, and none is
        found: Counter[tuple[str, str]] = Counter()
        for name in names:
            try:
                found += _orphans_in(connection, [name])
            except DriverError:  # the error names tables, which may have other names by then
                found[name, "a table by columns that are not unique"] += 1
        return found


def _orphans_in(connection: Connection, names: Sequence[str]) -> Counter[tuple[str, str]]:
    """The rows of tables that point at nothing (pragma.html, PRAGMA functions)."""
    listed = ", ".join(map(text, names))
    query = (
        "SELECT m.name, f.parent FROM sqlite_master m JOIN pragma_foreign_key_check(m.name) f "
        f"WHERE m.type = 'table' AND m.name IN ({listed})"
    )
    return Counter((str(row.name), str(row.parent)) for row in execute(connection, query))


#: A driver keeps statements that it has compiled, and EXPLAIN would not see that they are stale.
_number = count()


def _broken(connection: Connection, rows: Rows) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what does not compile. EXPLAIN compiles a statement with its triggers, and runs nothing."""
    for name, statement in _probes(connection, rows):
        try:
            execute(connection, f"EXPLAIN /* {next(_number)} */ {statement}").close()
        except DriverError as error:
            yield (name, statement.split()[0]), str(error.orig)


def _titles(rows: Rows) -> dict[str, str]:
    """Return what to call views, and tables with triggers."""
    found = {row.name: f"the view {row.name}" for row in rows if row.type == "view"}
    triggers: dict[str, list[str]] = {}
    for row in rows:
        if row.type == "trigger":
            triggers.setdefault(row.tbl_name, []).append(row.name)
    for table, names in triggers.items():
        said = f"the trigger {names[0]}" if len(names) == 1 else f"a trigger ({', '.join(names)})"
        found[table] = f"{said} on {table}"
    return found


def _probes(connection: Connection, rows: Rows) -> Iterator[tuple[str, str]]:
    yield from (
        (row.name, f"SELECT * FROM {quoted(row.name)}") for row in rows if row.type == "view"
    )
    for table in sorted({row.tbl_name for row in rows if row.type == "trigger"}):
        at = quoted(table)
        yield table, f"INSERT INTO {at} DEFAULT VALUES"
        yield table, f"DELETE FROM {at}"
        columns = _columns(connection, table)
        if columns:
            values = ", ".join(f"{quoted(name)} = NULL" for name in columns)
            yield table, f"UPDATE {at} SET {values}"


def _columns(connection: Connection, table: str) -> list[str]:
    """The columns of a table or view; none of a view that is broken."""
    try:
        found = master.columns(connection, Name(None, table))
    except DriverError:
        return []
    return [row.name for row in found if not row.hidden]

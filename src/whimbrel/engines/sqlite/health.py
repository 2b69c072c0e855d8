"""What must not get worse while tables are rebuilt: foreign keys, and views and triggers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError as DriverError

from whimbrel.engines.base import Step
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.errors import StepError
from whimbrel.schema import changes as c


@dataclass(frozen=True)
class Health:
    """``orphans``: how many rows of a table point at no row of another; by the tables' names.

    ``broken``: what no longer compiles: views, and tables by the triggers on them; with the error.
    """

    orphans: Counter[tuple[str, str]]
    broken: dict[str, str]

    @classmethod
    def of(cls, connection: Connection) -> Health:
        """The health of a database."""
        return cls(_orphans(connection), dict(_broken(connection)))

    def refuse_what_is_worse_than(self, before: Health, steps: Sequence[Step]) -> None:
        """Raises `StepError` where a row has lost the row it points at, or a view what it reads."""
        names = _new_names(steps)
        for (table, target), number in self.orphans.items():
            was = (names.get(table, table), names.get(target, target))
            if number > before.orphans[was]:
                raise StepError(
                    f"{number} rows of {table} would point at rows of {target} that are not there",
                    place=table,
                    mend="Mend or delete them first. Nothing was changed.",
                )
        for name, error in self.broken.items():
            if names.get(name, name) not in before.broken:
                raise StepError(
                    f"{name} would no longer work: {error}",
                    place=name,
                    mend="Drop the view or trigger before this change and create it again after, "
                    "with RunSQL. Nothing was changed.",
                )


def _new_names(steps: Sequence[Step]) -> dict[str, str]:
    """New name to old of the tables that are renamed."""
    names: dict[str, str] = {}
    for step in steps:
        if isinstance(step.change, c.RenameTable):
            old, new = step.change.old.name, step.change.new.name
            names[new] = names.pop(old, old)
    return names


def _orphans(connection: Connection) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    names = execute(
        connection,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%REFERENCES%'",
    )
    for table in names.scalars().all():
        try:
            rows = execute(connection, f"PRAGMA foreign_key_check({text(table)})").all()
        except DriverError as error:  # the target is neither a key nor unique
            found[table, str(error.orig)] += 1
        else:
            found.update((table, str(row.parent)) for row in rows)
    return found


#: A driver keeps statements that it has compiled, and EXPLAIN would not see that they are stale.
_number = count()


def _broken(connection: Connection) -> Iterator[tuple[str, str]]:
    """What does not compile. EXPLAIN compiles a statement with its triggers, and runs nothing."""
    for name, statement in _probes(connection):
        try:
            execute(connection, f"EXPLAIN /* {next(_number)} */ {statement}").close()
        except DriverError as error:
            yield name, str(error.orig)


def _probes(connection: Connection) -> Iterator[tuple[str, str]]:
    rows = execute(
        connection,
        "SELECT type, name, tbl_name FROM sqlite_master WHERE type IN ('view', 'trigger')",
    ).all()
    yield from (
        (row.name, f"SELECT * FROM {_quoted(row.name)}") for row in rows if row.type == "view"
    )
    for table in sorted({row.tbl_name for row in rows if row.type == "trigger"}):
        at = _quoted(table)
        names = execute(connection, f"SELECT name FROM pragma_table_info({text(table)})").scalars()
        values = ", ".join(f"{_quoted(name)} = NULL" for name in names)
        yield table, f"INSERT INTO {at} DEFAULT VALUES"
        yield table, f"DELETE FROM {at}"
        yield table, f"UPDATE {at} SET {values}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

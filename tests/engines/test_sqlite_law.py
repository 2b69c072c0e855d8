"""The law of the engine: the steps between two schemas end where making the second at once ends."""

from __future__ import annotations

import pytest

from catalog_sqlite import catalog
from sqlite_cases import CASES
from sqlite_kit import NEW, OLD, directly, fresh, go, script
from whimbrel.engines.sqlite import SQLiteEngine
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Schema, Table


@pytest.mark.parametrize("engine", [NEW, OLD], ids=["new", "old"])
@pytest.mark.parametrize(("old", "new"), [pytest.param(o, n, id=name) for name, o, n in CASES])
def test_steps_end_where_making_it_at_once_ends(
    engine: SQLiteEngine, old: list[Table], new: list[Table]
) -> None:
    before, after = Schema.of(tuple(old)), Schema.of(tuple(new))
    with fresh() as connection:
        go(connection, Schema(), before)
        go(connection, before, after, engine)
        assert catalog(connection) == directly(after)
        go(connection, after, before, engine)
        assert catalog(connection) == directly(before)
        go(connection, before, Schema(), engine)
        assert catalog(connection) == {}


@pytest.mark.parametrize(("old", "new"), [pytest.param(o, n, id=name) for name, o, n in CASES])
def test_what_is_printed_runs_and_ends_there_too(old: list[Table], new: list[Table]) -> None:
    before, after = Schema.of(tuple(old)), Schema.of(tuple(new))
    steps = NEW.steps(diff(before, after), before)
    with fresh() as connection:
        go(connection, Schema(), before)
        statements = [*NEW.opening(steps), *(step.sql for step in steps), *NEW.closing(steps)]
        script(connection, ";\n".join(statements) + ";")
        assert catalog(connection) == directly(after)

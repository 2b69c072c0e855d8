"""Rules over tables: what a migration brings into them, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from whimbrel.lint.rule import Problem
from whimbrel.lint.scope import LintScope, changed_tables
from whimbrel.schema.table import Table
from whimbrel.state.state import State


@dataclass(frozen=True)
class Flaw:
    """Something in a table that breaks a rule. of: its identity in the table. message: for people."""

    of: str
    message: str
    fix: str = ""


def over_tables(
    find: Callable[[Table], Iterable[Flaw]],
    dialects: Iterable[str] = ("postgresql", "sqlite"),
    *,
    of_new_tables: bool = True,
) -> Callable[[LintScope], Iterator[Problem]]:
    """Return a check that finds flaws which a migration brings in, at the operation that does.

    What was there before, under any name, is not the migration's; nor what it takes away again.
    of_new_tables: False where a table that the migration creates may have the flaw.
    """
    there = frozenset(dialects)

    def check(scope: LintScope) -> Iterator[Problem]:
        def of_table(table: Table) -> Iterable[Flaw]:
            is_left_out = not of_new_tables and scope.is_new(str(table.at))
            return () if is_left_out else find(table)

        if scope.dialect in there and scope.transitions:
            yield from _brought_in(scope, of_table)

    return check


def _brought_in(scope: LintScope, find: Callable[[Table], Iterable[Flaw]]) -> Iterator[Problem]:
    start, end = scope.transitions[0].before.database, scope.transitions[-1].after.database
    new = _flaws(scope, find, start, end)
    for key in _flaws(scope, find, end, start):
        new.pop(key, None)
    for transition in scope.transitions:
        here = _flaws(scope, find, start, transition.after.database) if new else {}
        for key in [key for key in new if key in here]:
            flaw, number = new.pop(key), transition.number
            yield Problem(f"{scope.title(number)}: {flaw.message}", number, fix=flaw.fix)


def _flaws(
    scope: LintScope, find: Callable[[Table], Iterable[Flaw]], start: State, state: State
) -> dict[tuple[object, str], Flaw]:
    """The flaws of the tables of a state that another does not have just so, each with its identity."""
    return {
        (table.key or table.at, flaw.of): flaw
        for table in changed_tables(start, state)
        for flaw in find(table.on(scope.dialect))
    }

"""A migration of which one part must come before a deploy, and another after it."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.step import Phase, Step
from whimbrel.lint.effects import operation_of
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope
from whimbrel.schema import changes as c
from whimbrel.schema.table import Name


def _check(scope: LintScope) -> Iterator[Problem]:
    phases = _phases(scope)
    first = [number for number, phase in phases.items() if phase is Phase.EXPAND]
    last = [number for number, phase in phases.items() if phase is Phase.CONTRACT]
    if first and last:
        yield Problem(
            f"{scope.title(last[0])}: code of before does not bear it, and the code of after needs what comes "
            f"in here ({scope.title(first[0])})",
            last[0],
        )


def _phases(scope: LintScope) -> dict[int, Phase]:
    """The phase of each operation that new code needs, or that code of before does not bear."""
    phases: dict[int, Phase] = {}
    new: set[tuple[Name, str]] = set()
    for step in scope.items:
        if not isinstance(step, Step):
            continue
        new |= {(of.table, of.column.name) for of in step.changes if isinstance(of, c.AddColumn)}
        is_late = step.phase is Phase.CONTRACT and not scope.is_on_new(step)
        number = operation_of(step)
        if is_late and not all(_is_of(new, change) for change in step.changes):
            phases[number] = Phase.CONTRACT
        elif isinstance(step.change, _NEEDED):
            phases.setdefault(number, Phase.EXPAND)
    return phases


#: What the code of after a deploy may rely on. It does without an index.
_NEEDED = (c.CreateTable, c.AddColumn, c.AlterColumn, c.AlterEnum)


def _is_of(new: set[tuple[Name, str]], change: c.Change) -> bool:
    """True for a change of what is about columns that the migration adds: no code of before knows them."""
    match change:
        case c.AlterColumn(table, old=of) | c.DropColumn(table, column=of):
            return (table, of.name) in new
        case c.RenameColumn(table, old=name):
            return (table, name) in new
        case c.AddConstraint(table, constraint=of) | c.AddIndex(table, index=of):
            return bool(of.columns_among(frozenset(name for at, name in new if at == table)))
    return False


RULE = Rule(
    code="mixed-phases",
    level="warning",
    title="one migration adds what new code needs, and takes away what old code uses",
    happens="Applied before the deploy, it breaks the code that still runs; applied after it, the new code runs "
    "without what it needs.",
    why="There is no right moment for it: one of the two fails until the deploy is done.",
    instead="Make two migrations: what is added goes into the first, which is applied before the deploy; what is "
    "taken away, renamed or forbidden into the second, which is applied after it.",
    check=_check,
    bad=migration(
        'migrations.AddField("post", "score", models.FloatField(null=True))',
        'migrations.RemoveField("post", "rating")',
    ),
    good=migration(
        'migrations.AddField("post", "score", models.FloatField(null=True))',
    ),
)

"""Something that code of before uses is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.step import HazardCode
from whimbrel.lint.labels import missing_labels
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope
from whimbrel.operations import AlterField


def _check(scope: LintScope) -> Iterator[Problem]:
    for each in scope.effects:
        is_used = not scope.is_unknown_to_models(each.hazard.subject)
        if each.code is HazardCode.BREAKS_OLD_CODE and each.breaks == "gone" and is_used:
            message = f"{scope.title(each.operation)}: {each.message}"
            yield Problem(message, each.operation, fix=_FIX)
    yield from _labels(scope)


def _labels(scope: LintScope) -> Iterator[Problem]:
    """The labels that go from a type which stays: no step says so, since the type is made anew."""
    for operation, before, after, number in scope.transitions:
        if isinstance(operation, AlterField):
            for at, label in missing_labels(before.database, after.database):
                message = f"the enum type {at} loses the label {label!r}"
                yield Problem(f"{scope.title(number)}: {message}", number, fix=_FIX)


_FIX = 'lint_ignore = {"dropped": "unused since 2.3"}'

RULE = Rule(
    code="dropped",
    level="error",
    title="a table, a column or an enum's value goes that running code may use",
    happens="From the commit on, every statement that names it fails. An ORM names all columns of a "
    "model in each SELECT and INSERT.",
    why="While a deploy is on its way, code of before runs beside the new one, and every one of its "
    "requests ends in an error.",
    instead="Take it out of the models alone first (SeparateDatabaseAndState, state_operations), and deploy that; a "
    "release later take it out of the database alone (database_operations). Where no code uses it already, say so in "
    "the migration's class:",
    check=_check,
    bad=migration('migrations.RemoveField("post", "rating")'),
    good=migration(
        'migrations.RemoveField("post", "rating")',
        members='lint_ignore = {"dropped": "no code uses it since release 2.3"}',
    ),
)

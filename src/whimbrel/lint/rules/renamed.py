"""Something that code of before uses gets another name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from whimbrel.engines.step import HazardCode
from whimbrel.errors import WriteError
from whimbrel.history.writer import source_of
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope
from whimbrel.operations import AlterField, AlterModelTable, Operation, RenameField, RenameModel


def _check(scope: LintScope) -> Iterator[Problem]:
    for each in scope.effects:
        if each.code is HazardCode.BREAKS_OLD_CODE and each.breaks == "renamed":
            message = f"{scope.title(each.operation)}: {each.message}"
            yield Problem(message, each.operation, fix=_fix(scope, each.operation))


def _fix(scope: LintScope, number: int) -> str:
    """The rename in Python alone: what the database calls it is said before."""
    operation, before, _, _ = scope.transition(number)
    models, app = before.models, scope.migration.app
    match operation:
        case RenameField(model_name, name):
            field = models.model(f"{app}.{model_name}").field(name).field
            kept = field.replace(db_column=field.column_name(name))
            first: Operation = AlterField(model_name, name, kept)
        case RenameModel(name):
            first = AlterModelTable(name, models.model(f"{app}.{name}").db_table)
        case _:
            return ""
    with suppress(WriteError):  # a value that only the file's own names say
        return "\n".join(f"{source_of(each)[0]}," for each in (first, operation))
    return ""


RULE = Rule(
    code="renamed",
    level="error",
    title="a table, a column or an enum's value gets another name",
    happens="From the commit on, every statement with the old name fails; until then, every one with "
    "the new name did.",
    why="There is no moment at which the code of before and the code of after both work: some "
    "requests fail in every deploy.",
    instead="Rename in Python alone: db_column= of the field, or db_table= of the model, keeps the old "
    "name in the database. Or add the new one, fill it, change over, and remove the old one later.",
    check=_check,
    bad=migration('migrations.RenameField("post", "body", "text")'),
    good=migration(
        'migrations.AlterField("post", "body", models.TextField(db_column="body", null=True))',
        'migrations.RenameField("post", "body", "text")',
    ),
)

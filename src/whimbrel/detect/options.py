"""Options of models that stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from whimbrel.detect.tasks import (
    ITEMS_GO,
    OPTIONS,
    Task,
    free_table,
    has_field,
    has_key,
    has_primary_key,
    unused_field,
)
from whimbrel.detect.working_state import WorkingState
from whimbrel.errors import ModelError
from whimbrel.operations import (
    AlterModelOptions,
    AlterModelTable,
    AlterModelTableComment,
    AlterUniqueTogether,
)
from whimbrel.operations.models import ALTERABLE
from whimbrel.state.model import Model, ModelField
from whimbrel.state.options import Options


def change_options(work: WorkingState) -> None:
    """Tasks that give the models that stay their new options."""
    for old, new in work.kept:
        before, after = [base.lower() for base in old.bases], [base.lower() for base in new.bases]
        if before != after:
            raise ModelError(
                f"the parents of {new.label} are others than before: "
                f"{', '.join(new.bases) or 'none'} instead of {', '.join(old.bases) or 'none'}",
                place=new.place,
                hint="A model keeps its parents. Give it another name, and move its rows to that.",
            )
        for task in (*_table(old, new), *_together(old, new), *_others(old, new)):
            work.add(task)


def _table(old: Model, new: Model) -> Iterator[Task]:
    before, after = old.options, new.options
    if (before.db_table, before.schema) != (after.db_table, after.schema):
        yield Task(
            new.app,
            AlterModelTable(new.name, after.db_table, after.written_schema),
            OPTIONS,
            frozenset({free_table(old.at)}),
            preferences=frozenset({free_table(new.at)}),
        )
    if before.db_table_comment != after.db_table_comment:
        yield Task(new.app, AlterModelTableComment(new.name, after.db_table_comment), OPTIONS)


def _together(old: Model, new: Model) -> Iterator[Task]:
    """Groups that lose a field go before it does; groups of new fields come after these."""
    groups = new.options.unique_together
    before, after = set(old.options.unique_together), set(groups)
    if before == after:
        return
    lost = {each.name for each in old.fields if not _stays(each, new)}
    freed = frozenset(unused_field(old.label, name) for group in before - after for name in group)
    is_early = any(not lost.isdisjoint(group) for group in before - after)
    if is_early and after - before:
        kept = tuple(sorted(before & after))
        yield Task(new.app, AlterUniqueTogether(new.name, kept), ITEMS_GO, freed)
        is_early = False
    needs = frozenset(has_field(new.label, name) for group in groups for name in group)
    yield Task(
        new.app,
        AlterUniqueTogether(new.name, groups),
        ITEMS_GO if is_early else OPTIONS,
        frozenset({*(freed if is_early else ()), has_key(new.label)}),
        frozenset() if is_early else needs,
    )


def _stays(each: ModelField, new: Model) -> bool:
    after = new.find(each.name)
    return after is not None and after.field.has_column == each.field.has_column


def _others(old: Model, new: Model) -> Iterator[Task]:
    before, after = old.options, new.options
    if all(getattr(before, name) == getattr(after, name) for name in ALTERABLE):
        return
    keyed = before.primary_key != after.primary_key
    freed = {unused_field(old.label, each.name) for each in old.primary_key}
    yield Task(
        new.app,
        AlterModelOptions(new.name, alterable_options(after)),
        OPTIONS,
        frozenset({*freed, has_key(new.label), has_primary_key(new.label)} if keyed else ()),
        frozenset(has_field(new.label, each.name) for each in new.primary_key if keyed),
    )


def alterable_options(options: Options) -> dict[str, Any]:
    """Return the options that AlterModelOptions sets, without those that a model has by itself."""
    return stated_options(options, ALTERABLE)


def stated_options(options: Options, names: Iterable[str]) -> dict[str, Any]:
    """Return the options of some names that are not as a model has them by itself."""
    plain = Options()
    values = {name: getattr(options, name) for name in names}
    given = {name: each for name, each in values.items() if each != getattr(plain, name)}
    if "dialect" in given:
        given["dialect"] = dict(given["dialect"])
    return given

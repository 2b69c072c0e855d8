"""Fields of models that stay: those that come, go or change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whimbrel.detect.fills import ask_for_fill, may_be_cut, nullable_first
from whimbrel.detect.questions import OneOff, ReplaceQuestion, SafeSteps
from whimbrel.detect.references import (
    apps_of_referrers,
    enums_in,
    fields_pointed_at,
    labels_of,
    made_of,
    needs_of_field,
)
from whimbrel.detect.safe_steps import add_last_safe_steps, field_tokens, is_key
from whimbrel.detect.tasks import (
    FIELDS_CHANGE,
    FIELDS_COME,
    FIELDS_GO,
    Task,
    Token,
    declared_key,
    free_table,
    has_field,
    has_key,
    has_primary_key,
    no_field,
    takes_null,
    unreferenced_field,
    unreferenced_model,
    unused_field,
)
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import AddField, AlterField, RemoveField
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import ForeignKey, alterable
from whimbrel.state.model import Model, ModelField
from whimbrel.state.state import State


def change_fields(work: WorkingState) -> None:
    """Tasks for the fields of models that stay."""
    for old, new in work.kept:
        for each in old.fields:
            after = new.find(each.name)
            if after is not None and not alterable(each.field, after.field):
                _ask_to_replace(work, old, new, each)
                _remove(work, old, each)
            elif after is None:
                _remove(work, old, each)
        for each in new.fields:
            before = old.find(each.name)
            if before is None or not alterable(before.field, each.field):
                _add(work, new, each)
            elif before.field != each.field:
                if before.field.computed() is None and each.field.computed() is not None:
                    _ask_to_replace(work, old, new, before)
                _alter(work, old, new, each)


# -- removing


def _ask_to_replace(work: WorkingState, old: Model, new: Model, each: ModelField) -> None:
    """Nothing that holds data goes, for something of the same name, without a word."""
    holder = _holder(old, each)
    if holder is not None and old.options.managed and new.options.managed:
        work.questioner.ask(ReplaceQuestion(f"{new.label}.{each.name}", holder))


def _holder(model: Model, each: ModelField) -> str | None:
    """Return what holds a field's data; None where that is nothing of its own."""
    if each.field.has_column:
        return None if each.field.computed() is not None else "column"
    return "table" if model.through_table(each) else None


def _remove(work: WorkingState, model: Model, each: ModelField) -> None:
    operation = RemoveField(model.name, each.name)
    work.add(Task(model.app, operation, FIELDS_GO, *gone_field_tokens(work, model, each)))


def gone_field_tokens(
    work: WorkingState, model: Model, each: ModelField
) -> tuple[frozenset[Token], frozenset[Token]]:
    """Return what the removal of a field provides, and what it needs."""
    provides = {no_field(model.label, each.name), *freed_by(model, each.field, work.state)}
    provides.update(unused_field(model.label, name) for name in made_of(model, each.field))
    provides.update(enums_in(each.field))
    if each.field.primary_key:
        provides.add(has_primary_key(model.label))
    table = model.through_table(each)
    if table is not None:
        provides.add(free_table(table))
    needs = {unused_field(model.label, each.name), unreferenced_field(model.label, each.name)}
    return frozenset(provides), frozenset(needs - provides)


def freed_by(model: Model, field: Field, old: State) -> Iterator[Token]:
    """Yield what nothing points at any more once a relation is gone."""
    yield from (unreferenced_model(label) for label in sorted(labels_of(field)))
    yield from (
        unreferenced_field(label, name) for label, name in fields_pointed_at(model, field, old)
    )


# -- adding


def _add(work: WorkingState, model: Model, each: ModelField) -> None:
    answer = ask_for_fill(work, model, each)
    if isinstance(answer, OneOff):
        field = each.field.replace(default=answer.value)
        work.add(new_field_task(work, model, each, field, preserve_default=False))
    elif isinstance(answer, SafeSteps):
        first = new_field_task(work, model, each, nullable_first(each.field))
        work.add(_loose(first, model, each))
        add_last_safe_steps(work, model, each, answer)
    else:
        work.add(new_field_task(work, model, each, each.field))


def new_field_task(
    work: WorkingState, model: Model, each: ModelField, field: Field, preserve_default: bool = True
) -> Task:
    """The task that adds a field."""
    needs = needs_of_field(model, each.name, work.new)
    preferences = {has_key(label) for label in labels_of(field) if label != model.label.lower()}
    preferences.update(enums_in(field))
    table = model.through_table(each)
    if table is not None:
        preferences.add(free_table(table))
    return Task(
        model.app,
        AddField(model.name, each.name, field, preserve_default),
        FIELDS_COME,
        frozenset(field_tokens(model, each)),
        needs | {no_field(model.label, each.name), ("model", model.label.lower())},
        frozenset(preferences),
    )


def _loose(first: Task, model: Model, each: ModelField) -> Task:
    """The first of the safe steps; what points at the field may have to wait for the last."""
    provides = first.provides - (set(field_tokens(model, each)) if is_key(each.field) else set())
    return replace(first, provides=provides | {takes_null(model.label, each.name)})


# -- changing


def _alter(work: WorkingState, old: Model, new: Model, each: ModelField) -> None:
    before = old.field(each.name)
    answer = ask_for_fill(work, new, each, before.field)
    field = each.field.replace(default=answer.value) if isinstance(answer, OneOff) else each.field
    lossy = may_be_cut(work, new, each, before.field)
    if not isinstance(answer, SafeSteps):
        preserve = not isinstance(answer, OneOff)
        operation = AlterField(new.name, each.name, field, preserve, lossy)
        work.add(_altering_task(work, old, new, each, operation))
        return
    loose = each.field.replace(null=True, primary_key=False)
    if loose != before.field:
        operation = AlterField(new.name, each.name, loose, lossy=lossy)
        work.add(_loose(_altering_task(work, old, new, each, operation), new, each))
    add_last_safe_steps(work, new, each, answer)


def points_task(work: WorkingState, plain: Model, model: Model, each: ModelField) -> Task:
    """The task that makes a key of a plain column of a new model."""
    return _altering_task(work, plain, model, each, AlterField(model.name, each.name, each.field))


def _keeps_target(before: Field, after: Field) -> bool:
    """Return True if a key points at the primary key of the same model, whichever fields that is."""
    if not isinstance(before, ForeignKey) or not isinstance(after, ForeignKey):
        return False
    return before.to.lower() == after.to.lower() and not before.to_field and not after.to_field


def _altering_task(
    work: WorkingState, old: Model, new: Model, each: ModelField, operation: AlterField
) -> Task:
    before, after = old.field(each.name).field, each.field
    provides = {
        unused_field(old.label, name) for name in made_of(old, before) - made_of(new, after)
    }
    freed, kept = set(freed_by(old, before, work.state)), set(freed_by(new, after, work.new))
    provides.update(enums_in(before))
    provides.update(freed - kept if not _keeps_target(before, after) else ())
    # A new constraint may declare the primary key that the field declared itself.
    declared = new.options.declared_key is not None
    is_declared = declared and before.primary_key and not after.primary_key
    if (after.unique, after.primary_key) != (before.unique, before.primary_key):
        provides.update(() if is_declared else field_tokens(new, each))
    if after.primary_key != before.primary_key and not is_declared:
        provides.add(has_primary_key(new.label))
    if made_of(new, after) or before.computed() is not None or after.computed() is not None:
        provides.add(has_field(new.label, each.name))
    needs = needs_of_field(new, each.name, work.new) - provides
    preferences = {declared_key(new.label)} if is_declared else set()
    preferences |= {has_key(label) for label in labels_of(after) if label != new.label.lower()}
    preferences.update(enums_in(after) - provides)
    return Task(
        new.app,
        operation,
        FIELDS_CHANGE,
        frozenset(provides),
        needs,
        frozenset(preferences),
        after=apps_of_referrers(work.state, old.label, each.name),
    )

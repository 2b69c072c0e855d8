"""A primary key that is exchanged while other models point at it.

They must find one field to point at all the time: the new one comes as a plain field, an
option says that it is the key, the old one goes or turns plain, and the option goes.
"""

from __future__ import annotations

from dataclasses import replace

from whimbrel.detect.options import alterable_options
from whimbrel.detect.tasks import (
    FIELDS_CHANGE,
    OPTIONS,
    Task,
    Token,
    has_field,
    has_primary_key,
    takes_null,
    unused_field,
)
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import AddField, AlterField, AlterModelOptions, Operation, RemoveField
from whimbrel.state.model import Model


def is_exchanged(work: WorkingState, old: Model, new: Model) -> bool:
    """Return True if other fields become the primary key while something points at it."""
    before = {each.name for each in old.primary_key}
    after = {each.name for each in new.primary_key}
    if before <= after or after <= before or _is_declared(old) or _is_declared(new):
        return False
    referrers = next(work.state.referrers([old.label.lower()]), None)
    return referrers is not None or any(map(old.through_table, old.fields))


def _is_declared(model: Model) -> bool:
    """Return True if an option or a constraint, which change in one step, declares the key."""
    return bool(model.options.primary_key) or model.options.declared_key is not None


def exchange_keys(work: WorkingState) -> None:
    """Rewrite the tasks of models whose primary key is exchanged."""
    for old, new in work.kept:
        if is_exchanged(work, old, new):
            work.tasks = [
                _rewrite(task, old, new) for task in work.tasks if not _sets_options(task, new)
            ]
            work.tasks += [_begin(old, new), *_says_so_itself(work, new), _end(new)]


def _begin(old: Model, new: Model) -> Task:
    """Name the new fields as the key, before they say so themselves."""
    names = [each.name for each in new.primary_key]
    freed = (unused_field(old.label, each.name) for each in old.primary_key)
    return Task(
        new.app,
        AlterModelOptions(new.name, {**alterable_options(old.options), "primary_key": names}),
        FIELDS_CHANGE,
        frozenset({_key_by_option(new), has_primary_key(new.label), *freed}),
        frozenset(takes_null(new.label, name) for name in names),
    )


def _rewrite(task: Task, old: Model, new: Model) -> Task:
    """A field of the key comes as a plain one; what else makes or unmakes it waits for the option."""
    operation = task.operation
    if not _is_of(task, new):
        return task
    if isinstance(operation, AddField) and operation.field.primary_key:
        plain = replace(operation, field=operation.field.replace(primary_key=False))
        provides = frozenset({takes_null(new.label, operation.name)})
        return replace(task, operation=plain, provides=provides)
    if not _flips(operation, old):
        return task
    needs, provides = task.needs | {_key_by_option(new)}, task.provides | {_key_by_fields(new)}
    return replace(task, needs=needs, provides=provides)


def _flips(operation: Operation, old: Model) -> bool:
    """Return True if a field that is there already joins or leaves the key."""
    if not isinstance(operation, AlterField | RemoveField):
        return False
    each = old.find(operation.name)
    now = isinstance(operation, AlterField) and operation.field.primary_key
    return each is not None and each.field.primary_key != now


def _is_of(task: Task, model: Model) -> bool:
    return task.operation.models(task.app) == {model.label.lower()}


def _sets_options(task: Task, model: Model) -> bool:
    return isinstance(task.operation, AlterModelOptions) and _is_of(task, model)


def _says_so_itself(work: WorkingState, model: Model) -> list[Task]:
    """New fields of the key say that they are it, once the option has made them so."""
    needs, settled = frozenset({_key_by_option(model)}), _key_by_fields(model)
    old = work.state.model(model.label)
    return [
        Task(
            model.app,
            AlterField(model.name, each.name, each.field),
            FIELDS_CHANGE,
            frozenset({settled, has_field(model.label, each.name), has_primary_key(model.label)}),
            needs,
        )
        for each in model.primary_key
        if old.find(each.name) is None
    ]


def _end(model: Model) -> Task:
    """The options as they are meant to be."""
    operation = AlterModelOptions(model.name, alterable_options(model.options))
    return Task(model.app, operation, OPTIONS, needs=frozenset({_key_by_fields(model)}))


def _key_by_option(model: Model) -> Token:
    """An option names the new primary key."""
    return ("exchanged", model.label.lower())


def _key_by_fields(model: Model) -> Token:
    """The fields themselves say what the primary key is."""
    return ("settled", model.label.lower())

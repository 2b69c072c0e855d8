"""The last two of the safe steps, each in a migration of its own: Backfill, then NOT NULL."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.detect.questions import SafeSteps
from whimbrel.detect.references import needs_of_field
from whimbrel.detect.tasks import (
    BACKFILLS,
    FIELDS_CHANGE,
    TURNS_NOT_NULL,
    Task,
    Token,
    has_field,
    has_primary_key,
    is_filled,
    takes_null,
)
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import AlterField, Backfill
from whimbrel.schema.expressions import Q
from whimbrel.state.fields.base import Field
from whimbrel.state.model import Model, ModelField


def add_last_safe_steps(
    work: WorkingState, model: Model, each: ModelField, answer: SafeSteps
) -> None:
    """Tasks for a field that takes NULL by now."""
    work.add(_backfill(model, each, answer))
    work.add(_turns_not_null(work, model, each))


def _backfill(model: Model, each: ModelField, answer: SafeSteps) -> Task:
    unsaid = each.field.default if callable(each.field.default) else ...
    value = answer.value if answer.has_value else unsaid
    operation = Backfill(
        model.name, set={each.name: value}, where=Q(**{each.name: None}), reverse=Backfill.noop
    )
    note = (
        f"Say in place of the dots what each row of {model.label} gets for {each.name}: a value, "
        'F("other_field"), SQL("..."), or a function that is called for each row.'
    )
    return Task(
        model.app,
        operation,
        FIELDS_CHANGE,
        frozenset({is_filled(model.label, each.name)}),
        frozenset({takes_null(model.label, each.name)}),
        apart=BACKFILLS,
        note=note if value is ... else None,
    )


def _turns_not_null(work: WorkingState, model: Model, each: ModelField) -> Task:
    return Task(
        model.app,
        AlterField(model.name, each.name, each.field),
        FIELDS_CHANGE,
        frozenset(field_tokens(model, each) if is_key(each.field) else ()),
        needs_of_field(model, each.name, work.new)
        | {takes_null(model.label, each.name), is_filled(model.label, each.name)},
        apart=TURNS_NOT_NULL,
        note=f"Apply this when all code that runs gives {each.name} a value: "
        "it takes no NULL from here on.",
    )


def field_tokens(model: Model, each: ModelField) -> Iterator[Token]:
    """Yield what a field provides once it is as it will be."""
    yield has_field(model.label, each.name)
    if each.field.primary_key:
        yield has_primary_key(model.label)


def is_key(field: Field) -> bool:
    """Return True if other fields may point at it."""
    return bool(field.unique or field.primary_key)

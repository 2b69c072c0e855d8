"""Values for the rows that are there already, when a field comes or turns NOT NULL."""

from __future__ import annotations

from whimbrel.detect.questions import Answer, FillQuestion, LossQuestion, Lossy, Why
from whimbrel.detect.working_state import WorkingState
from whimbrel.schema.families import narrowing
from whimbrel.state.fields.base import NOT_PROVIDED, Field
from whimbrel.state.fields.dates import DateField, TimeField
from whimbrel.state.model import Model, ModelField


def ask_for_fill(
    work: WorkingState, model: Model, each: ModelField, before: Field | None = None
) -> Answer | None:
    """The answer to what the rows get; None where there is nothing to ask."""
    if not model.options.managed or not each.field.has_column:
        return None
    why = _why_new(each.field) if before is None else _why_altered(model, each, before)
    if why is None:
        return None
    place = f"{model.label}.{each.name}"
    return work.questioner.ask(FillQuestion(place, why, _suggest(each.field), field=each.field))


def may_be_cut(work: WorkingState, model: Model, each: ModelField, before: Field) -> bool:
    """Return True if somebody answers that rows may lose what the new type does not hold."""
    field = each.field
    plain = model.options.managed and before.has_column and field.has_column
    if not plain or before.relation or field.relation:
        return False
    if before.computed() is not None or field.computed() is not None:
        return False
    what = narrowing(before.column_type(), field.column_type())
    if what is None:
        return False
    answer = work.questioner.ask(LossQuestion(f"{model.label}.{each.name}", what))
    return isinstance(answer, Lossy)


def nullable_first(field: Field) -> Field:
    """The first of the safe steps: the field as a column that takes NULL, and has no key yet."""
    default = NOT_PROVIDED if callable(field.default) else field.default
    return field.replace(null=True, unique=False, primary_key=False, default=default)


def _why_new(field: Field) -> Why | None:
    if field.computed() is not None or field.generated() is not None or field.sequence is not None:
        return None
    if callable(field.default):
        return Why.NEW_UNIQUE if field.unique or field.primary_key else None
    if field.null or field.column_default() is not None:
        return None
    return Why.NEW_MOMENT if _is_moment(field) else Why.NEW


def _why_altered(model: Model, each: ModelField, before: Field) -> Why | None:
    field = each.field
    if field.null or not before.null or field.computed() is not None:
        return None
    if callable(field.default) or field.column_default() is not None:
        return None
    made = field.generated() is not None or field.sequence is not None
    return None if made or before.primary_key else Why.NOT_NULL


def _is_moment(field: Field) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


def _suggest(field: Field) -> str | None:
    if not _is_moment(field):
        return None
    if isinstance(field, DateField):
        return "today"
    return "SQL('CURRENT_TIME')" if isinstance(field, TimeField) else "now"

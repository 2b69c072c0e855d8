"""Fields that have another name."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from whimbrel.detect.questions import RenameQuestion, Subject
from whimbrel.detect.references import apps_of_referrers
from whimbrel.detect.similarity import Choice, Gone, field_score
from whimbrel.detect.takeovers import give_temporary_name, taken_names, unused_name
from whimbrel.detect.tasks import has_field, has_model
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import AlterField, RenameField
from whimbrel.state.fields.relations import ForeignKey, alterable
from whimbrel.state.model import Model, ModelField


def rename_fields(work: WorkingState) -> None:
    """Apply the renames of fields of models that stay, after asking."""
    for label in [new.label for _, new in work.kept]:
        _rename_chained(work, label)
        _take_over(work, label)
        _match_by_parent(work, label)
        _match_by_column(work, label)
        _ask(work, label)
        _let_go_of_columns(work, label)


def _rename_chained(work: WorkingState, label: str) -> None:
    """Fields that flags rename although a field has their name again: the last of a chain first."""
    old, new = work.state.model(label), work.new.model(label)
    _, born = _gone_and_born(work, label)
    for before in old.fields:
        if new.find(before.name) is None:
            continue
        names = (each.name for each in born if alterable(before.field, each.field))
        name = work.questioner.name_by_flag(f"{new.label}.{before.name}", names)
        if name is not None:
            _rename(work, label, before, new.field(name))
            return _rename_chained(work, label)


def _take_over(work: WorkingState, label: str) -> None:
    """Fields that have the name of another that was there, which makes room for them."""
    old, new = work.state.model(label), work.new.model(label)
    names = [each.name for each in old.fields], [each.name for each in new.fields]
    kept = ((each, new.find(each.name)) for each in old.fields)
    same = {was.name for was, now in kept if now is not None and was.field == now.field}

    def score(was: str, now: str) -> float:
        before, after = old.field(was), new.field(now)
        if not alterable(before.field, after.field):
            return 0.0
        is_same_column = (
            was != now and before.field.has_column and _column(before) == _column(after)
        )
        return is_same_column + field_score(before.field, after.field, (now, now), near=True)

    def kind(each: ModelField) -> Hashable:
        field = each.field
        said = (field.null, field.unique, field.db_index, field.primary_key)
        default = repr(field.column_default())
        if field.db_column or field.relation or field.computed() or not field.has_column:
            return None
        return (repr(field.column_type()), said, default)

    kinds = (
        {each.name: kind(each) for each in old.fields if each.name not in same},
        {each.name: kind(each) for each in new.fields if each.name not in same},
    )
    for was, now in taken_names(work, Subject.FIELD, new.label, *names, score, same, kinds):
        model = work.state.model(label)
        there = model.find(now)
        if there is not None:
            aside = give_temporary_name(work, new.label, now, {*names[0], *names[1]})
            field = there.field.replace(db_column=there.field.db_column and aside)
            _rename(work, label, there, there._replace(name=aside, field=field))
        place = work.whereabouts(f"{new.label}.{was}")
        before = work.state.model(label).field(place.rpartition(".")[2])
        _rename(work, label, before, new.field(now))


def _match_by_parent(work: WorkingState, label: str) -> None:
    """A key to the same parent is the same key, called after the parent: there is nothing to ask."""
    gone, born = _gone_and_born(work, label)
    keys: dict[str | None, ModelField] = {_parent_of(each): each for each in born}
    keys.pop(None, None)
    for before in gone:
        after = keys.pop(_parent_of(before), None)
        if after is not None:
            _rename(work, label, before, after)


def _parent_of(each: ModelField) -> str | None:
    """The label, in lowercase, of the parent model that a field is the key to."""
    field = each.field
    return field.to.lower() if isinstance(field, ForeignKey) and field.parent_link else None


def _match_by_column(work: WorkingState, label: str) -> None:
    """A new field on the very column of one that is gone is that one: there is nothing to ask."""
    gone, born = _gone_and_born(work, label)
    columns = {_column(each): each for each in born if each.field.has_column}
    for before in gone:
        after = columns.pop(_column(before), None) if before.field.has_column else None
        if after is not None:
            _rename(work, label, before, after)


def _column(each: ModelField) -> str:
    return each.field.column_name(each.name)


def _ask(work: WorkingState, label: str) -> None:
    choice = Choice(work.questioner.ask, partial(RenameQuestion, Subject.FIELD))
    for choose in (choice.by_flags, choice.by_asking):
        renamed = choose(_renameable(work, label), set())
        for place, name in renamed.items():
            before = work.state.model(label).field(work.whereabouts(place).rpartition(".")[2])
            _rename(work, label, before, work.new.model(label).field(name))


def _gone_and_born(work: WorkingState, label: str) -> tuple[list[ModelField], list[ModelField]]:
    old, new = work.state.model(label), work.new.model(label)
    gone = [each for each in old.fields if new.find(each.name) is None]
    born = [each for each in new.fields if old.find(each.name) is None]
    return gone, born


def _renameable(work: WorkingState, label: str) -> list[Gone]:
    """The fields that are gone, with the new ones that could be them."""
    gone, born = _gone_and_born(work, label)
    old, new = work.state.model(label), work.new.model(label)
    found = []
    for before in gone:
        scores = {
            after.name: field_score(
                before.field,
                after.field,
                (before.name, after.name),
                near=_kept_before(old, before, new) == _kept_before(new, after, old),
            )
            for after in born
            if alterable(before.field, after.field)
        }
        if scores:
            found.append(Gone.of(work.origin(f"{new.label}.{before.name}"), scores))
    return found


def _kept_before(model: Model, field: ModelField, other: Model) -> int:
    """Return how many fields that both models have stand before a field."""
    before = model.fields[: model.fields.index(field)]
    return sum(other.find(each.name) is not None for each in before)


def _rename(work: WorkingState, label: str, before: ModelField, after: ModelField) -> None:
    model = work.new.model(label)
    needs, provides = {has_model(label)}, {has_field(label, after.name)}
    if before.field.has_column and _column(after) == _column(before):
        # The field alone is renamed: a number "author_id" that becomes the key "author".
        _pin(work, model, before, _column(before))
    elif before.field.has_column:
        column = before.field.column_name(after.name)
        if _is_anothers(column, before.name, work.state.model(label)):
            _pin(work, model, before, _free_column(work, label, before, after))
    others = apps_of_referrers(work.state, label, before.name)
    operation = RenameField(model.name, before.name, after.name)
    work.rename(model.app, operation, provides, needs, others)
    if before.field.db_column is not None and _is_anothers(_column(before), after.name, model):
        # It would stay in the way of the field that is to have it.
        _pin(work, model, work.state.model(label).field(after.name), _column(after))


def _let_go_of_columns(work: WorkingState, label: str) -> None:
    """Fields that keep their names make room where each is to have the column of another."""
    model = work.new.model(label)
    for each in work.state.model(label).fields:
        after = model.find(each.name)
        if (
            after is not None
            and each.field.has_column
            and _column(after) != _column(each)
            and _is_anothers(_column(each), each.name, model)
        ):
            _pin(work, model, each, _free_column(work, label, each, after))


def _free_column(work: WorkingState, label: str, before: ModelField, after: ModelField) -> str:
    """The column that a field has in the end, or an unused one while another has it."""
    models = work.state.model(label), work.new.model(label)
    there, wanted = ({_column(each).lower() for each in model.fields} for model in models)
    is_free = _column(after).lower() not in there
    return _column(after) if is_free else unused_name(_column(before), there | wanted)


def _is_anothers(column: str, name: str, model: Model) -> bool:
    """Return True if another field has a column; column names are case-insensitive (SQLite)."""
    others = (_column(each) for each in model.fields if each.name != name)
    return column.lower() in (each.lower() for each in others)


def _pin(work: WorkingState, model: Model, before: ModelField, column: str) -> None:
    """Write the column's name into the field, so that it stays when the field is renamed."""
    if before.field.db_column != column:
        field = before.field.replace(db_column=column)
        operation = AlterField(model.name, before.name, field)
        work.rename(model.app, operation, needs={has_model(model.label)})

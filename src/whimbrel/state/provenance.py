"""The provenance of rows: the values that each of theirs is made of, on a way from state to state.

A difference knows only where it begins and where it ends. A field that is added with one default
and then gets another has the first one in the rows that were there; the difference of both steps
together would fill in the second one. `RowProvenance` tells what rows have; `LeapSplitter` where a way may not be
taken as one difference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from whimbrel.errors import WhimbrelError
from whimbrel.schema.expressions import Constant, Default
from whimbrel.schema.families import kind_of
from whimbrel.schema.types import ColumnType, EnumType, Type
from whimbrel.state.columns import column_types, key_types
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.relations import ManyToManyField
from whimbrel.state.model import Model
from whimbrel.state.state import State

#: What a value is made of, from the first to the last; () where it is as it was.
Origin: TypeAlias = tuple[tuple[Any, ...], ...]

#: What a row has that got nothing.
NOTHING: Origin = (("given", None),)
#: What the database computes of other columns.
COMPUTED: Origin = (("computed",),)


class Column(NamedTuple):
    """The place of a field's values: a column; or (many-to-many) rows of a table of its own.

    ``type``: the column's, or those of the keys at both ends; None where it cannot be told.
    """

    field: Field
    type: Any
    null: bool


Columns: TypeAlias = Mapping[str, Column]


class RowProvenance:
    """The rows that are in the tables of some models, as the way goes on.

    ``models``: the identities of those models. ``origins``: by the identity of a field, what
    its value is made of; a field that is not in it has what it had.
    """

    def __init__(self, models: Collection[str]) -> None:
        self.models = models
        self.origins: dict[str, Origin] = {}
        #: The fields that took no NULL at some time: there is none in their rows.
        self._full: set[str] = set()
        #: The columns of each model where the way has come to, with the model as it is there.
        self._here: dict[str, tuple[Model, Columns]] = {}

    def go(self, before: State, after: State) -> Iterator[tuple[Model, Columns, Columns, set[str]]]:
        """Go on by a step. Gives models, their columns before and after, and which are others now."""
        for old, new in _changed(before, after) if self.models else ():
            if old.key in self.models and old.options.managed and new.options.managed:
                was, now = (
                    self._columns_of(before, old),
                    self._columns_of(after, new, anew=old is new),
                )
                others = {key for key, column in now.items() if _is_other(was.get(key), column)}
                self._full |= {key for key, column in was.items() if not column.null}
                made = {key: self._origin_of(key, was, now[key]) for key in others}
                self.origins.update(made)
                yield new, was, now, others

    def _columns_of(self, state: State, model: Model, *, anew: bool = False) -> Columns:
        """The columns of a model; ``anew``, where what it points at has changed, and not itself."""
        known = self._here.get(model.key)
        if known is None or known[0] is not model or anew:
            known = self._here[model.key] = (model, _columns(state, model))
        return known[1]

    def take(self, before: State, after: State) -> None:
        """Go on by a step."""
        for _ in self.go(before, after):
            pass

    def changed_origins(self, state: State) -> dict[str, Origin]:
        """The origins of what a state has, where they are not as they were.

        What is computed in the end is what the rest makes it.
        """
        columns = {key for model in state for key in _columns(state, model)}
        return {
            key: origin
            for key, origin in self.origins.items()
            if key in columns and origin not in ((), COMPUTED)
        }

    def _origin_of(self, key: str, was: Columns, column: Column) -> Origin:
        beside = {other: self.origins[other] for other in was if self.origins.get(other)}
        old = was.get(key)
        if old is not None and key in self._full:
            old = old._replace(null=False)
        return origin_after(self.origins.get(key, ()), old, column, beside)


class LeapSplitter:
    """Splits a leap so that rows get from its segments what they get step by step.

    ``models``: the identities of those models in whose tables may be rows. What only a single
    step would refuse (two equal values in a field that is unique for a while) is not looked for.
    """

    def __init__(self, models: Collection[str]) -> None:
        self.models = models
        self.restart()

    def restart(self) -> None:
        """Begin a segment: what went before is executed by itself."""
        self._rows = RowProvenance(self.models)
        self._first: dict[str, Columns] = {}
        self._stands_alone = False

    def is_needed_before(self, before: State, after: State) -> bool:
        """Return True if what went before a step must be executed before it; go on by that step."""
        if before is after:
            return False
        # A table that is handed over stays as it is; a difference over more would say more of it.
        alone = any(
            old.options.managed != new.options.managed
            for old, new in _replaced_models(before, after)
        )
        is_needed = alone or self._stands_alone or not self._is_one_with(before, after)
        if is_needed:
            self.restart()
            self._is_one_with(before, after)
            self._stands_alone = alone
        return is_needed

    def _is_one_with(self, before: State, after: State) -> bool:
        """Return True if the segment with this step gives rows what its steps give one by one."""
        is_one = True
        for model, was, now, others in self._rows.go(before, after):
            first = self._first.setdefault(model.key, was)
            at_once = {key: origin_after((), first.get(key), now[key]) for key in others}
            is_one &= all(self._rows.origins[key] == origin for key, origin in at_once.items())
        return is_one


# -- which models a step changes ---------------------------------------------------------------


def _replaced_models(before: State, after: State) -> list[tuple[Model, Model]]:
    """The models that are on both sides of a step, and not the same, by their identity."""
    touched = after.touched_since(before)
    if touched is None:
        touched = after.exchanged_since(before)
    was = {
        before.models[label].key: before.models[label] for label in touched & before.models.keys()
    }
    now = (after.models[label] for label in sorted(touched & after.models.keys()))
    return [(was[new.key], new) for new in now if new.key in was and was[new.key] is not new]


def _changed(before: State, after: State) -> Iterator[tuple[Model, Model]]:
    """The models whose columns may be others after a step: also those that point at a key."""
    exchanged = [
        (old, new)
        for old, new in _replaced_models(before, after)
        if old.fields is not new.fields or old.primary_key != new.primary_key
    ]
    yield from exchanged
    seen = {new.key for _, new in exchanged}
    fresh = [new.label.lower() for old, new in exchanged if _keys(old) != _keys(new)]
    while fresh:
        referrers = [model for model in after.referrers(fresh) if model.key not in seen]
        seen.update(model.key for model in referrers)
        yield from ((model, model) for model in referrers if before.find(model.label) is model)
        fresh = [model.label.lower() for model in referrers]


def _keys(model: Model) -> list[Field]:
    """The fields that keys of others may point at."""
    primary = {each.name for each in model.primary_key}
    return [each.field for each in model.fields if each.field.unique or each.name in primary]


# -- columns -----------------------------------------------------------------------------------


def _columns(state: State, model: Model) -> Columns:
    """Return the columns of a model's fields, by the fields' identities."""
    try:
        types: Mapping[str, ColumnType] = column_types(state, model)
    except WhimbrelError:
        types = {}  # what cannot be told here is refused by whoever makes a table of it
    primary = {each.name for each in model.primary_key}
    found = {}
    for each in model.fields:
        field = each.field
        if field.has_column:
            type_ = types.get(field.column_name(each.name))
            found[each.key] = Column(field, type_, field.null and each.name not in primary)
        elif isinstance(field, ManyToManyField) and field.through is None:
            found[f"{each.key}.through"] = Column(field, _ends(state, model, field), False)
    return found


def _ends(state: State, model: Model, field: ManyToManyField) -> Any:
    """The types of the keys at both ends."""
    target = state.find(field.to)
    try:
        types = [(key_types(state, end), end.primary_key) for end in (model, target) if end]
    except WhimbrelError:
        return None
    # A key that has no column is refused by whoever makes a table of it.
    return [known.get(each.name, ("", None))[1] for known, primary in types for each in primary]


def _is_other(old: Column | None, new: Column) -> bool:
    if old is None:
        return True
    return old.field is not new.field or (old.type, old.null) != (new.type, new.null)


# -- origins ----------------------------------------------------------------------------------


def origin_after(
    origin: Origin,
    old: Column | None,
    new: Column,
    beside: Mapping[str, Origin] | None = None,
) -> Origin:
    """Return the origin of a value after a step from one column (None: it is new) to another.

    beside: the origins of the table's other columns, where they are not as they were.
    """
    if isinstance(new.field, ManyToManyField):
        return _as_type(origin, old.type, new.type) if old is not None else NOTHING
    if new.field.computed() is not None:
        return COMPUTED
    if old is None:
        return _initial_origin(new.field)
    computed = old.field.computed()
    if computed is not None:
        # A stored one turns plain as it stands, before anything else changes in its table.
        made = ("computed", computed.expression, dict(beside or {}))
        origin = (made,) if computed.stored else _initial_origin(new.field)
    if new.field.lossy and old.type != new.type and origin != NOTHING:
        origin = (*origin, ("cut", old.type, new.type))
    else:
        origin = _as_type(origin, old.type, new.type)
    return _fill_nulls(origin, new.field) if old.null and not new.null else origin


def given_in(origin: Origin) -> Default | None:
    """Return the value that a row got where it had nothing, or NULL; None where it got no one value."""
    values = (part[1] for part in origin if part[0] in ("given", "filled"))
    return next(values, None)


def _initial_origin(field: Field) -> Origin:
    """Return the origin of a new field's value in rows that are there already."""
    if callable(field.default):
        return (("called", repr(field.default)),)
    if field.generated() is not None:
        return (("counted",),)
    value = field.fill if field.fill is not None else field.column_default()
    return NOTHING if value == Constant(None) else (("given", value),)


def _fill_nulls(origin: Origin, field: Field) -> Origin:
    """The origin of a column that takes NULL no longer."""
    given = _initial_origin(field)
    if given == NOTHING or given[0][0] == "counted":
        return origin
    if origin == NOTHING:
        return given
    if any(part[0] in ("given", "called", "counted", "filled") for part in origin):
        return origin
    kind, value = given[0]
    return (*origin, ("filled" if kind == "given" else kind, value))


def _as_type(origin: Origin, old: Any, new: Any) -> Origin:
    if old == new or origin == NOTHING or _keeps_values(old, new):
        return origin
    return (*origin, ("as", old, new))


def _keeps_values(old: Any, new: Any) -> bool:
    """Return True if every value that the new type can hold stays as it is; others are refused."""
    if isinstance(old, EnumType) and isinstance(new, EnumType):
        # Rows follow labels by their identities, however often those are renamed.
        return all(value.key for value in (*old.values, *new.values))
    if not isinstance(old, Type) or not isinstance(new, Type) or old.variants or new.variants:
        return False
    if old.path == new.path == "sqlalchemy:Numeric":
        return _scale(old) <= _scale(new)
    was, now = kind_of(old), kind_of(new)
    if was is None or now is None or was.padded or now.padded:
        return False
    return was.family == now.family and was.family in ("text", "integer")


def _scale(numeric: Type) -> float:
    """The digits behind the point that it keeps."""
    options = dict(numeric.kwargs)
    if options.get("precision") is None:
        return math.inf
    return float(options.get("scale") or 0)

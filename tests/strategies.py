"""Random models and random operations, always valid, for the property tests."""

from __future__ import annotations

import decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from whimbrel import migrations, models
from whimbrel.operations import Operation
from whimbrel.state.fields.base import Field
from whimbrel.state.fields.others import GeneratedField
from whimbrel.state.fields.relations import ForeignKey, RelationField
from whimbrel.state.model import Model
from whimbrel.state.state import State

APPS = ("one", "two")
MODEL_NAMES = ("Alpha", "Beta", "Gamma", "Delta")
FIELD_NAMES = ("title", "price", "stock", "note", "flag", "kind")
LABELS = ("draft", "live", "gone", "kept")


def examples(number: int) -> int:
    """Return how many examples a test takes that takes this many every day: twenty times as many at night."""
    return number * settings.default.max_examples // 100


def _plain_fields(draw: st.DrawFn) -> Field:
    """A field with a column of its own that no other field has a say in."""
    null = draw(st.booleans())
    options: dict[str, Any] = {"null": null}
    if draw(st.integers(0, 5)) == 0:
        options["db_comment"] = draw(st.sampled_from(["a note", "it's"]))
    if draw(st.integers(0, 4)) == 0:
        options["db_index"] = True

    def default(value: Any) -> dict[str, Any]:
        # What is not null has a default, so that rows survive on the way there and back.
        return options if null and draw(st.booleans()) else {**options, "default": value}

    kinds = [
        lambda: models.CharField(max_length=draw(st.sampled_from([10, 80])), **default("x")),
        lambda: models.TextField(**default("it's")),
        lambda: models.IntegerField(**default(draw(st.sampled_from([0, 7])))),
        lambda: models.BigIntegerField(**default(1)),
        lambda: models.PositiveIntegerField(**default(3)),
        lambda: models.BooleanField(**default(draw(st.booleans()))),
        lambda: models.DecimalField(
            max_digits=8, decimal_places=2, **default(decimal.Decimal("1.50"))
        ),
        lambda: models.DateTimeField(null=True),
        lambda: models.JSONField(**default({"a": [1, None]})),
        lambda: models.UUIDField(null=True),
        lambda: models.EnumField(
            draw(st.permutations(LABELS))[: draw(st.integers(1, 4))], null=True
        ),
    ]
    return draw(st.sampled_from(kinds))()


@st.composite
def fields(draw: st.DrawFn, state: State, app: str, name: str, existing: dict[str, Field]) -> Field:
    """Any field that a model may get: plain, a relation, or computed from the fields it has."""
    kind = draw(st.integers(0, 9))
    targets = [model.label for model in state if len(model.primary_key) == 1]
    if kind == 0:
        target = draw(st.sampled_from([*targets, "self"]))
        return models.ForeignKey(
            target, draw(st.sampled_from([models.CASCADE, models.SET_NULL])), null=True
        )
    if kind == 1:
        return models.ManyToManyField(draw(st.sampled_from([*targets, "self"])))
    numbers = [
        n for n, f in existing.items() if type(f) in (models.IntegerField, models.BigIntegerField)
    ]
    if kind == 2 and numbers:
        column = existing[numbers[0]].column_name(numbers[0])
        return models.GeneratedField(models.SQL(f"{column} + 1"), models.BigIntegerField())
    return _plain_fields(draw)


@st.composite
def model_fields(draw: st.DrawFn, state: State, app: str, name: str) -> list[tuple[str, Field]]:
    """The fields of a model."""
    key = draw(st.sampled_from([models.BigAutoField, models.AutoField]))
    found: dict[str, Field] = {"id": key(primary_key=True)}
    for field_name in draw(st.lists(st.sampled_from(FIELD_NAMES), unique=True, max_size=4)):
        found[field_name] = draw(fields(state, app, name, found))
    return list(found.items())


def _columns(pairs: list[tuple[str, Field]]) -> list[str]:
    return [
        name
        for name, field in pairs
        if field.has_column
        and not field.primary_key
        and not isinstance(field, GeneratedField | models.JSONField)
    ]


@st.composite
def model_options(draw: st.DrawFn, pairs: list[tuple[str, Field]]) -> dict[str, Any]:
    """Options that fit the fields."""
    columns = _columns(pairs)
    options: dict[str, Any] = {}
    if columns and draw(st.integers(0, 2)) == 0:
        options["indexes"] = [models.Index(fields=[draw(st.sampled_from(["", "-"])) + columns[0]])]
    if len(columns) > 1 and draw(st.integers(0, 2)) == 0:
        options["unique_together"] = [("id", columns[1])]
    numbers = [
        name for name, field in pairs if isinstance(field, models.IntegerField) and name in columns
    ]
    if numbers and draw(st.booleans()):
        options["constraints"] = [models.CheckConstraint(models.Q(**{f"{numbers[0]}__gte": -5}))]
    if draw(st.integers(0, 4)) == 0:
        options["db_table_comment"] = "about"
    return options


@st.composite
def states(draw: st.DrawFn) -> State:
    """A set of models without history, as code would declare them."""
    state = State()
    for name in draw(st.lists(st.sampled_from(MODEL_NAMES), unique=True, max_size=4)):
        app = draw(st.sampled_from(APPS))
        pairs = draw(model_fields(state, app, name))
        state = state.with_new_model(app, name, pairs, draw(model_options(pairs)))
    return state


# -- operations ----------------------------------------------------------------------------


@st.composite
def operations(draw: st.DrawFn, state: State) -> tuple[str, Operation]:
    """An operation that fits a state, with the app of its migration."""
    verbs = [_create]
    if list(state):
        verbs += [
            _add,
            _add,
            _alter,
            _alter,
            _remove,
            _rename_field,
            _rename_model,
            _index,
            _delete,
            _table,
        ]
    made = None
    while made is None:
        made = draw(st.sampled_from(verbs))(draw, state)
    return made


Made = tuple[str, Operation] | None


def _model(draw: st.DrawFn, state: State) -> Model:
    return draw(st.sampled_from(list(state)))


def _create(draw: st.DrawFn, state: State) -> Made:
    app = draw(st.sampled_from(APPS))
    free = [f"{name}{n}" for n in ("", "2", "3") for name in MODEL_NAMES]
    name = next(each for each in free if not any(model.name == each for model in state))
    pairs = draw(model_fields(state, app, name))
    return app, migrations.CreateModel(name, pairs, draw(model_options(pairs)))


def _free_name(draw: st.DrawFn, model: Model) -> str | None:
    free = [name for name in FIELD_NAMES if model.find(name) is None]
    return draw(st.sampled_from(free)) if free else None


def _add(draw: st.DrawFn, state: State) -> Made:
    model = _model(draw, state)
    name = _free_name(draw, model)
    if name is None:
        return None
    existing = {each.name: each.field for each in model.fields}
    return model.app, migrations.AddField(
        model.name, name, draw(fields(state, model.app, model.name, existing))
    )


def _touchable(draw: st.DrawFn, model: Model) -> str | None:
    """A field that nothing else is made of."""
    used = {name for part in model.options.indexes for name in part.value.fields}
    used |= {name for group in model.options.unique_together for name in group}
    for part in model.options.constraints:
        used |= part.value.condition.columns(frozenset(each.name for each in model.fields))
    texts = [
        each.field.expression.text
        for each in model.fields
        if isinstance(each.field, GeneratedField)
    ]
    names = [
        each.name
        for each in model.fields
        if not each.field.primary_key
        and each.name not in used
        and not any(each.name in text for text in texts)
    ]
    return draw(st.sampled_from(names)) if names else None


#: Kinds among which every row's value survives, there and back.
_ALTERABLE = (models.CharField, models.TextField, models.IntegerField, models.BigIntegerField)


def _alter(draw: st.DrawFn, state: State) -> Made:
    model = _model(draw, state)
    name = _touchable(draw, model)
    if name is None or type(model.field(name).field) not in _ALTERABLE:
        return None
    old = model.field(name).field
    if type(old) in (models.CharField, models.TextField):
        kinds = [
            models.CharField(max_length=80, default="y"),
            models.TextField(default="it's", null=True),
        ]
        kinds += [models.CharField(max_length=40, default="x", unique=False, db_index=True)]
    else:
        kinds = [
            models.IntegerField(default=4),
            models.BigIntegerField(null=True),
            models.BigIntegerField(default=1),
        ]
    return model.app, migrations.AlterField(model.name, name, draw(st.sampled_from(kinds)))


def _remove(draw: st.DrawFn, state: State) -> Made:
    model = _model(draw, state)
    name = _touchable(draw, model)
    return (model.app, migrations.RemoveField(model.name, name)) if name else None


def _rename_field(draw: st.DrawFn, state: State) -> Made:
    model = _model(draw, state)
    names = [each.name for each in model.fields if not each.field.primary_key]
    free = _free_name(draw, model)
    if not names or free is None:
        return None
    return model.app, migrations.RenameField(model.name, draw(st.sampled_from(names)), free)


def _rename_model(draw: st.DrawFn, state: State) -> Made:
    model = _model(draw, state)
    free = [f"{name}{n}" for n in ("", "2", "3", "4") for name in MODEL_NAMES]
    name = next(each for each in free if not any(other.name == each for other in state))
    return model.app, migrations.RenameModel(model.name, name)


def _index(draw: st.DrawFn, state: State) -> Made:
    model = _model(draw, state)
    if model.options.indexes and draw(st.booleans()):
        return model.app, migrations.RemoveIndex(model.name, model.options.indexes[0].name)
    columns = _columns([(each.name, each.field) for each in model.fields])
    if not columns:
        return None
    return model.app, migrations.AddIndex(
        model.name, models.Index(fields=[draw(st.sampled_from(columns))])
    )


def _table(draw: st.DrawFn, state: State) -> Made:
    model = _model(draw, state)
    table = (
        None
        if model.options.db_table
        else f"t_{model.key.lower().replace('.', '_').replace('#', '_')}"
    )
    return model.app, migrations.AlterModelTable(model.name, table)


def _delete(draw: st.DrawFn, state: State) -> Made:
    free = [m for m in state if not any(o is not m for o in state.referrers([m.label.lower()]))]
    if not free:
        return None
    model = draw(st.sampled_from(free))
    return model.app, migrations.DeleteModel(model.name)


@st.composite
def histories(draw: st.DrawFn, most: int = 8) -> list[tuple[str, Operation]]:
    """A row of operations that fit one another, from nothing."""
    state = State()
    made: list[tuple[str, Operation]] = []
    for _ in range(draw(st.integers(1, most))):
        app, operation = draw(operations(state))
        state = operation.apply(app, state)
        made.append((app, operation))
    return made


__all__ = ["ForeignKey", "RelationField", "fields", "histories", "operations", "states"]

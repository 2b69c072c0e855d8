"""Random operations of every class, on few names, so that they meet: for laws without a database.

What does not fit the state before it is drawn again; so they need not be right, only many.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lawful import unsound
from whimbrel import migrations as m
from whimbrel import models
from whimbrel.errors import WhimbrelError
from whimbrel.operations import Operation
from whimbrel.state.columns import key_types
from whimbrel.state.enums import enum_labels
from whimbrel.state.fields.base import Field
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

APPS = ("one", "two")
MODELS = ("Alpha", "Beta", "ALPHA", "Gamma")
FIELDS = ("id", "x", "y", "z")
LABELS = ("u", "v", "w")
Q, SQL, F = models.Q, models.SQL, models.F


def pick(draw: st.DrawFn, *values: Any) -> Any:
    return draw(st.sampled_from(values))


def _target(draw: st.DrawFn) -> str:
    return pick(draw, *(f"{app}.{name}" for app in APPS for name in MODELS), "self")


def _labels(draw: st.DrawFn) -> list[str]:
    return draw(st.lists(st.sampled_from(LABELS), min_size=1, unique=True))


def _field(draw: st.DrawFn) -> Field:
    unique = {"unique": True} if draw(st.integers(0, 3)) == 0 else {}
    index = {"db_index": True} if draw(st.integers(0, 3)) == 0 else {}
    column = {"db_column": pick(draw, "x", "y", "c", "d")} if draw(st.integers(0, 4)) == 0 else {}
    some: dict[str, Any] = {**unique, **index, **column}
    null: dict[str, Any] = {"null": draw(st.booleans())}
    kinds = [
        lambda: models.IntegerField(**some, **null),
        lambda: models.BigIntegerField(default=1, **some),
        lambda: models.PositiveIntegerField(**some),
        lambda: models.CharField(max_length=9, db_collation=pick(draw, None, "C"), **some, **null),
        lambda: models.UUIDField(db_comment=pick(draw, None, "it's"), **some),
        lambda: models.IntegerField(sequence=models.Sequence(pick(draw, "sa", "sb")), **some),
        lambda: models.BigAutoField(primary_key=True),
        lambda: models.UUIDField(primary_key=True, **column),
        lambda: models.EnumField(
            _labels(draw), name=pick(draw, None, "k"), schema=pick(draw, None, "far"), **some
        ),
        lambda: models.ArrayField(models.EnumField(_labels(draw), name="k")),
        lambda: models.ForeignKey(
            _target(draw),
            to_field=pick(draw, None, None, "x", "y"),
            db_constraint=pick(draw, True, True, False),
            **some,
            **null,
        ),
        lambda: models.OneToOneField(_target(draw), primary_key=draw(st.booleans())),
        lambda: models.ManyToManyField(_target(draw), db_table=pick(draw, None, None, "between")),
        lambda: models.GeneratedField(
            pick(draw, Q(x__gt=0), SQL("x + 1"), SQL("y"), SQL("id + 1"), SQL("z + x")),
            pick(draw, models.IntegerField(), models.TextField()),
            **some,
        ),
    ]
    return pick(draw, *kinds)()


def _condition(draw: st.DrawFn, names: list[str]) -> Any:
    one, other = pick(draw, *names), pick(draw, *names)
    return pick(
        draw,
        Q(**{f"{one}__gt": 0}),
        Q(**{f"{one}__lt": F(other)}),
        ~Q(**{one: "u"}) | Q(**{other: 1}),
        SQL(f"{one} > 0"),
        SQL(f"c <> {other}"),
    )


def _name(draw: st.DrawFn) -> str | None:
    return pick(draw, None, None, "ix", "iy")


def _some(draw: st.DrawFn, names: list[str]) -> list[str]:
    return draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))


def _index(draw: st.DrawFn, names: list[str]) -> models.Index:
    if draw(st.integers(0, 4)) == 0:
        return models.Index(
            SQL(f"lower({pick(draw, *names)})"), name="low", condition=_condition(draw, names)
        )
    return models.Index(
        fields=_some(draw, names),
        name=_name(draw),
        unique=draw(st.booleans()),
        condition=pick(draw, None, _condition(draw, names)),
        include=pick(draw, (), (pick(draw, *names),)),
    )


def _constraint(draw: st.DrawFn, names: list[str]) -> Any:
    return pick(
        draw,
        lambda: models.UniqueConstraint(
            fields=_some(draw, names),
            name=_name(draw),
            condition=pick(draw, None, _condition(draw, names)),
        ),
        lambda: models.CheckConstraint(_condition(draw, names), name=_name(draw)),
        lambda: models.ForeignKeyConstraint(
            fields=["x", "y"], to=_target(draw), to_fields=["x", "y"], name=_name(draw)
        ),
        lambda: models.PrimaryKeyConstraint(fields=_some(draw, names), name=_name(draw)),
        lambda: models.ExclusionConstraint(
            expressions=[("x", "="), (SQL("y + 1"), "&&")], condition=pick(draw, None, Q(x=1))
        ),
    )()


def _options(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if draw(st.integers(0, 4)) == 0:
        options["db_table"] = pick(draw, "t", "far.t", "far.s")
    if draw(st.integers(0, 4)) == 0:
        options["constraints"] = [_constraint(draw, names)]
    if draw(st.integers(0, 4)) == 0:
        options["indexes"] = [_index(draw, names)]
    if draw(st.integers(0, 6)) == 0:
        options["managed"] = False
    return options


def _create(draw: st.DrawFn) -> Operation:
    key = pick(draw, models.BigAutoField, models.AutoField)(primary_key=True)
    names = draw(st.lists(st.sampled_from(FIELDS[1:]), unique=True))
    fields = [("id", key), *((name, _field(draw)) for name in names)]
    return m.CreateModel(pick(draw, *MODELS), fields, _options(draw, ["id", *names]))


def _operation(draw: st.DrawFn, state: State) -> tuple[str, Operation]:
    if not list(state) or draw(st.integers(0, 5)) == 0:
        return pick(draw, *APPS), _create(draw)
    model = draw(st.sampled_from(list(state)))
    name = model.name
    names = [each.name for each in model.fields] or ["no"]
    field = pick(draw, *names)
    enums = [each.name for each in model.fields if enum_labels(each.field)] or ["no"]
    parts = [part.name for part in model.options.indexes] or ["no"]
    constraints = [part.name for part in model.options.constraints] or ["no"]
    if draw(st.integers(0, 12)) == 0:
        return ("two" if model.app == "one" else "one"), m.MoveModel(name, model.app)
    verbs = [
        lambda: m.AddField(name, pick(draw, *FIELDS), _field(draw)),
        lambda: m.RemoveField(name, field),
        lambda: m.AlterField(name, field, _field(draw), draw(st.booleans())),
        lambda: m.RenameField(name, field, pick(draw, *FIELDS)),
        lambda: m.RenameEnumValue(
            name, pick(draw, *enums), pick(draw, *LABELS), pick(draw, *LABELS)
        ),
        lambda: m.RenameModel(name, pick(draw, *MODELS)),
        lambda: m.DeleteModel(name),
        lambda: m.AlterModelTable(name, pick(draw, None, "t", "s"), pick(draw, None, "far")),
        lambda: m.AlterModelTableComment(name, pick(draw, None, "about")),
        lambda: m.AlterUniqueTogether(name, pick(draw, [], [("x", "y")], [("y", "z"), ("x", "y")])),
        lambda: m.AlterModelOptions(
            name,
            pick(
                draw,
                {},
                {"primary_key": ["x", "y"]},
                {"primary_key": ["x"]},
                {"managed": False},
                {"dialect": {"sqlite_strict": True}},
            ),
        ),
        lambda: m.AddIndex(name, _index(draw, names)),
        lambda: m.RemoveIndex(name, pick(draw, *parts)),
        lambda: m.RenameIndex(name, pick(draw, *parts), pick(draw, "ix", "iy", "iz")),
        lambda: m.AddConstraint(name, _constraint(draw, names)),
        lambda: m.RemoveConstraint(name, pick(draw, *constraints)),
        lambda: m.RenameConstraint(name, pick(draw, *constraints), pick(draw, "ix", "iy", "iz")),
    ]
    return model.app, pick(draw, *verbs)()


@st.composite
def wild_histories(draw: st.DrawFn, most: int = 12) -> list[tuple[str, Operation]]:
    """A row of operations that fit one another, from nothing."""
    state = State()
    made: list[tuple[str, Operation]] = []
    for _ in range(4 * draw(st.integers(1, most))):
        try:
            app, operation = _operation(draw, state)
            operation.refuse(app, state)
            after = operation.apply(app, state)
            lower(after)
            for model in after:
                key_types(after, model)
        except WhimbrelError:
            continue
        if is_sound(after):
            state = after
            made.append((app, operation))
    return made


def is_sound(state: State) -> bool:
    """Whether a database could hold it: lowering does not ask all that."""
    tables = [(model.options.schema, model.db_table) for model in state]
    if len(set(tables)) < len(tables):
        return False
    return not list(unsound(lower(state)))


__all__ = ["wild_histories"]

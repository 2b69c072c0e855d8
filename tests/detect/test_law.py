"""From any models to any others: what is detected applies, in any order it allows, and leads there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strategies import examples
from whimbrel import models
from whimbrel.detect import AppMigration, FlagQuestioner, detect
from whimbrel.detect.check import differences
from whimbrel.detect.questions import (
    Answer,
    FillQuestion,
    LossQuestion,
    Lossy,
    NoLoss,
    NoNulls,
    OneOff,
    Question,
    Renamed,
    SafeSteps,
    Why,
)
from whimbrel.state.fields.base import Field
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

APPS = ("one", "two", "three")
MODELS = ("Alpha", "Beta", "Gamma", "Delta")
FIELDS = ("title", "titles", "price", "prices", "note", "other", "kind")

Draw = Callable[[st.SearchStrategy[Any]], Any]


def _plain(draw: Draw, shared: list[str]) -> Field:
    null = draw(st.booleans())
    unique = draw(st.integers(0, 4)) == 0
    kinds: list[Callable[[], Field]] = [
        lambda: models.CharField(
            max_length=draw(st.sampled_from([9, 80])), null=null, unique=unique
        ),
        lambda: models.IntegerField(null=null, db_index=draw(st.booleans())),
        lambda: models.BigIntegerField(null=null, default=7),
        lambda: models.JSONField(default=dict, null=null),
        lambda: models.DateTimeField(auto_now_add=True, null=null),
        lambda: models.EnumField(draw(st.sampled_from([["a", "b"], ["a", "c"], ["x"]])), null=null),
        lambda: models.EnumField(shared, name="shared", null=null),
    ]
    return draw(st.sampled_from(kinds))()


def _relation(draw: Draw, labels: list[str]) -> Field:
    to = draw(st.sampled_from(labels))
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return models.ManyToManyField(to)
    if kind == 1:
        return models.ManyToManyField(to, through=draw(st.sampled_from(labels)))
    if kind == 2:
        return models.ForeignKey(to, to_field="code", null=draw(st.booleans()))
    return models.ForeignKey(to, null=draw(st.booleans()))


def _fields(draw: Draw, labels: list[str], shared: list[str]) -> dict[str, Field]:
    keyed = draw(st.integers(0, 7)) == 0
    found: dict[str, Field] = {
        "id": draw(st.sampled_from([models.BigAutoField, models.AutoField]))(primary_key=not keyed),
        "code": models.CharField(max_length=5, unique=True, default="c", primary_key=keyed),
    }
    if keyed and draw(st.booleans()):
        found["number"] = models.IntegerField(default=0)
        del found["id"]
    for name in draw(st.lists(st.sampled_from(FIELDS), unique=True, max_size=4)):
        if draw(st.booleans()):
            found[name] = _plain(draw, shared)
        else:
            found[name] = _relation(draw, labels)
    numbers = [name for name, field in found.items() if isinstance(field, models.IntegerField)]
    if numbers and draw(st.booleans()):
        column = draw(st.sampled_from(numbers))
        found["made"] = models.GeneratedField(models.SQL(f"{column} + 1"), models.IntegerField())
    order = draw(st.permutations(list(found)))
    return {name: found[name] for name in order}


def _options(draw: Draw, fields: dict[str, Field], labels: list[str]) -> dict[str, Any]:
    columns = [name for name, field in fields.items() if field.has_column]
    two = draw(st.lists(st.sampled_from(columns), unique=True, min_size=2, max_size=2))
    name = draw(st.sampled_from([None, "named", "other"]))
    unique_name = draw(st.sampled_from([None, "uniq", "both"]))
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["indexes"] = [models.Index(fields=two, name=name)]
    if draw(st.booleans()):
        found["unique_together"] = [two]
    constraints: list[Any] = []
    if draw(st.booleans()):
        constraints.append(models.CheckConstraint(models.Q(**{f"{two[0]}__isnull": False})))
    if draw(st.booleans()):
        constraints.append(models.UniqueConstraint(fields=two, name=unique_name))
    if draw(st.integers(0, 3)) == 0:
        to = draw(st.sampled_from(labels))
        constraints.append(
            models.ForeignKeyConstraint(fields=["code"], to=to, to_fields=["code"], name="fkc")
        )
    if constraints:
        found["constraints"] = constraints
    if draw(st.integers(0, 3)) == 0:
        found["db_table"] = (
            draw(st.sampled_from(["t1", "s.t2"])) + labels[0].replace(".", "_").lower()
        )
    if draw(st.integers(0, 3)) == 0:
        found["db_table_comment"] = "about"
    if draw(st.integers(0, 3)) == 0:
        found["ordering"] = ["code"]
    return found


def _state(draw: Draw, labels: list[str]) -> State:
    """Models that point at each other in every way, circles too."""
    shared = draw(st.sampled_from([["a", "b"], ["a", "c"], ["b", "a", "d"]]))
    state = State()
    for label in labels:
        app, _, name = label.partition(".")
        fields = _fields(draw, labels, shared)
        options = _options(draw, fields, [label, *labels])
        state = state.with_new_model(app, name, list(fields.items()), options)
    return state


def _labels(draw: Draw) -> list[str]:
    names = draw(st.lists(st.sampled_from(MODELS), unique=True, min_size=1, max_size=4))
    return [f"{draw(st.sampled_from(APPS))}.{name}" for name in names]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[State, State]:
    """Models before and after; half of the time of the same names."""
    before = _labels(draw)
    after = before if draw(st.booleans()) else _labels(draw)
    return _state(draw, before), _state(draw, after)


class Anyone:
    """Answers as Hypothesis draws."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Answer:
        """Any answer that fits the question."""
        assert question not in self.asked
        self.asked.append(question)
        if isinstance(question, FillQuestion):
            answers: list[Answer] = [SafeSteps(), SafeSteps(3)]
            answers += [OneOff(3)] if question.takes_value else []
            answers += [NoNulls()] if question.why is Why.NOT_NULL else []
            return self.draw(st.sampled_from(answers))
        if isinstance(question, LossQuestion):
            return self.draw(st.sampled_from([Lossy(), NoLoss()]))
        return Renamed(self.draw(st.sampled_from([None, *(c.name for c in question.candidates)])))


def replayed(old: State, migrations: list[AppMigration], order: list[int]) -> State:
    """The state after the migrations in this order; each operation leaves one that can be lowered."""
    state = old
    for number in order:
        for operation in migrations[number].operations:
            state = operation.apply(migrations[number].app, state)
            lower(state)
    return state


def any_order(draw: Draw, migrations: list[AppMigration]) -> list[int]:
    """An order that keeps the dependencies."""
    done: list[int] = []
    while len(done) < len(migrations):
        ready = [
            number
            for number, each in enumerate(migrations)
            if number not in done
            and all(need in done for _, need in each.dependencies if isinstance(need, int))
        ]
        done.append(draw(st.sampled_from(ready)))
    return done


@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), pairs())
def test_what_is_found_leads_from_any_models_to_any(
    data: st.DataObject, pair: tuple[State, State]
) -> None:
    old = State()
    for new in pair:
        anyone = Anyone(data.draw)
        migrations = detect(old, new, FlagQuestioner(then=anyone))
        reached = replayed(old, migrations, list(range(len(migrations))))
        assert list(differences(reached, new)) == []
        assert detect(reached, new) == []
        other = replayed(old, migrations, any_order(data.draw, migrations))
        assert list(differences(other, new)) == []
        old = reached


@settings(max_examples=examples(50), deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs())
def test_everything_can_go(pair: tuple[State, State]) -> None:
    state = pair[0]
    reached = replayed(State(), found := detect(State(), state), list(range(len(found))))
    gone = detect(reached, State())
    assert not list(replayed(reached, gone, list(range(len(gone)))))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), pairs(), st.sets(st.sampled_from(APPS), min_size=1))
def test_some_apps_can_change_alone(
    data: st.DataObject, pair: tuple[State, State], apps: set[str]
) -> None:
    first, new = pair
    migrations = detect(State(), first)
    old = replayed(State(), migrations, list(range(len(migrations))))
    changed = detect(old, new, FlagQuestioner(then=Anyone(data.draw)), apps)
    reached = replayed(old, changed, any_order(data.draw, changed))
    assert detect(reached, new, apps=apps) == []

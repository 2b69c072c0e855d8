"""What models say that a database cannot do."""

import datetime as dt
import decimal
import functools
import uuid

import pytest

from whimbrel import models as m
from whimbrel.errors import ModelError
from whimbrel.sources.checks import check_state, findings
from whimbrel.state.state import State

pytestmark = pytest.mark.reduced

KEY = ("id", m.BigAutoField(primary_key=True))
X = ("x", m.IntegerField())
LONG = "n" * 64


def state_of(*models):
    """Models given as (name, fields, options)."""
    state = State()
    for line, (name, fields, options) in enumerate(models, 1):
        state = state.with_new_model("a", name, fields, options, place=f"a/models.py:{line}")
    return state


PAIR = ("Pair", [("x", m.IntegerField()), ("y", m.IntegerField())], {"primary_key": ["x", "y"]})
OTHER = ("Other", [KEY, X], {})


def pair_key(**options):
    return m.ForeignKeyConstraint(
        fields=["x", "y"], to="a.Pair", to_fields=["x", "y"], name="k", **options
    )


def nested(depth):
    """A list in a list in a list."""
    return functools.reduce(lambda inner, _: [inner], range(depth), 1)


XY = [KEY, ("x", m.IntegerField(null=True)), ("y", m.IntegerField())]

WRONG = [
    ([("A", [KEY], {"indexes": [m.Index(name="i")]})], "index i has no columns"),
    ([OTHER, ("A", [KEY, ("o", m.ForeignKey("a.Other", to_field="x"))], {})], "is not unique"),
    (
        [PAIR, ("A", XY, {"constraints": [
            m.ForeignKeyConstraint(fields=["x"], to="a.Pair", to_fields=["x", "y"], name="k")]})],
        "has 1 columns and points at 2",
    ),
    ([("A", [KEY, ("p", m.ForeignKey("a.Nowhere"))], {})], "points at a.Nowhere"),
    ([PAIR, ("A", [KEY, ("p", m.ForeignKey("a.Pair"))], {})], "primary key has 2 fields"),
    ([("A", [KEY], {"db_table": LONG})], "name of the table"),
    ([("A", [KEY, (LONG, m.IntegerField())], {})], "name of the column"),
    ([("A", [KEY, X], {"indexes": [m.Index(fields="x", name=LONG)]})], "name of the index"),
    ([("A", [KEY, X], {"constraints": [m.CheckConstraint("x > 0", name=LONG)]})], "name of the constraint"),
    ([("A", [KEY, ("e", m.EnumField(["a"], name=LONG))], {})], "name of the enum type"),
    ([("A", [KEY, ("e", m.EnumField([LONG]))], {})], "name of the enum label"),
    ([("A", [KEY, ("x", m.IntegerField(sequence=m.Sequence(LONG)))], {})], "name of the sequence"),
    ([("A", [KEY, X, ("y", m.IntegerField(db_column="X"))], {})], "two fields have the column 'x'"),
    ([("A", [KEY], {"db_table": "t"}), ("B", [KEY], {"db_table": "T"})], "the name of the table of a.A"),
    (
        [("A", [KEY, X], {"indexes": [m.Index(fields="x", name="i")]}),
         ("B", [KEY, X], {"indexes": [m.Index(fields="x", name="i")]})],
        "the index i has the name of the index of a.A",
    ),
    (
        [("A", [KEY, X], {"indexes": [m.Index(fields="x", name="a_b")]}), ("B", [KEY], {})],
        "the index a_b has the name of the table of a.B",
    ),
    (
        [("A", [KEY, X], {"constraints": [m.CheckConstraint("x>0", name="c"), m.CheckConstraint("x>1", name="c")]})],
        "two constraints have the name 'c'",
    ),
    (
        [("A", [KEY, ("e", m.EnumField(["a"], name="e"))], {}), ("B", [KEY, ("e", m.EnumField(["b"], name="e"))], {})],
        "the enum type e has the labels 'b', and 'a' in a.A",
    ),
    ([("A", [KEY, ("x", m.IntegerField(default=1, identity=m.Identity()))], {})], "a default and from a counter"),
    ([("A", [KEY], {"db_table": "whimbrel_journal"})], "keeps its record"),
    ([OTHER, ("A", [KEY, ("o", m.ManyToManyField("a.Other", db_table="whimbrel_migrations"))], {})], "keeps its record"),
    ([PAIR, ("A", XY, {"constraints": [pair_key(on_delete=m.SET_NULL)]})], "sets y to NULL"),
    ([PAIR, ("A", XY, {"constraints": [pair_key(on_update="SET DEFAULT")]})], "sets a default that there is not"),
    ([("A", [("x", m.IntegerField(null=True)), ("y", m.IntegerField())], {"primary_key": ["x", "y"]})], "x is null=True"),
    (
        [OTHER, ("T", [KEY, ("o", m.ForeignKey("a.Other"))], {}), ("A", [KEY, ("m", m.ManyToManyField("a.Other", through="a.T"))], {})],
        "which has not a foreign key to a.A",
    ),
    *(
        ([("A", [KEY, ("x", field)], {})], message)
        for field, message in (
            (m.EnumField(["a"], default="b"), "default of x: 'b' is not among its labels, 'a'"),
            (m.IntegerField(default="abc"), "default of x: 'abc' is not an integer"),
            (m.BigIntegerField(db_default=1.5), "db_default of x: 1.5 is not an integer"),
            (m.FloatField(default="much"), "'much' is not a number"),
            (m.DecimalField(default="1,5"), "'1,5' is not a number"),
            (m.BooleanField(default="yes"), "'yes' is not True or False"),
            (m.CharField(default=1), "1 is not a string"),
            (m.CharField(max_length=2, default="abc"), "'abc' is longer than 2"),
            (m.DateField(default="soon"), "'soon' is not a date"),
            (m.DateTimeField(default=0), "0 is not a date and time"),
            (m.TimeField(default="noon"), "'noon' is not a time"),
            (m.UUIDField(default="x"), "'x' is not a UUID"),
            (m.IntegerField(default=2**31), "2147483648 does not fit into 32 bits"),
            (m.IntegerField(default=-(2**31) - 1), "does not fit into 32 bits"),
            (m.IntegerField(db_default="99999999999"), "does not fit into 32 bits"),
            (m.SmallIntegerField(default=2**15), "does not fit into 16 bits"),
            (m.BigIntegerField(default=2**63), "does not fit into 64 bits"),
            (m.CharField(default="a\0b"), "a NUL character"),
            (m.CharField(default="a\udc80"), "half of a surrogate pair"),
            (m.JSONField(default={"a": ["\0"]}), "a NUL character"),
            (m.JSONField(default={"\udc80": 1}), "half of a surrogate pair"),
            (m.JSONField(default={"a": float("nan")}), "no NaN and no Infinity"),
            (m.JSONField(default=nested(51)), "nested more than 50 deep"),
            (m.FloatField(default=float("nan")), "NaN, which SQLite takes for NULL"),
            (m.IntegerField(db_column="a\udc80"), "a column: "),
            (m.IntegerField(db_comment="a\0"), "a comment: "),
            (m.CharField(max_length="a"), "max_length of x is 'a'"),
            (m.CharField(max_length=0), "max_length of x is 0"),
        )
    ),
]  # fmt: skip

GOOD = [
    m.IntegerField(default=True), m.IntegerField(default="5"), m.IntegerField(db_default=m.SQL("1")),
    m.IntegerField(default=2**31 - 1), m.IntegerField(default=-(2**31)), m.BigIntegerField(default=2**40),
    m.JSONField(default=nested(50)), m.FloatField(null=True, default=float("nan")), m.CharField(default="ü𝄞"),
    m.BooleanField(db_default=m.SQL("1", postgresql="true")),
    m.BooleanField(db_default=m.SQL("TRUE")), m.IntegerField(db_default=m.SQL("1 + 1")), m.IntegerField(db_default=m.SQL("-1")),
    m.FloatField(default=1), m.DecimalField(default=decimal.Decimal("1.5")),
    m.DecimalField(default="1.5"), m.BooleanField(default=0), m.CharField(default=""),
    m.CharField(default=lambda: 1), m.CharField(null=True, default=None),
    m.DateField(default=dt.date(2024, 1, 2)), m.DateField(default="2024-01-02"),
    m.DateTimeField(default=dt.datetime(2024, 1, 2)), m.DateTimeField(db_default="now"),
    m.TimeField(default=dt.time(1)), m.DurationField(default=dt.timedelta(1)),
    m.UUIDField(default=uuid.UUID(int=1)), m.EnumField(["a"], default="a"),
    m.JSONField(default={"a": 1}), m.BinaryField(default=b""), m.CharField(max_length=1),
]  # fmt: skip


@pytest.mark.parametrize("field", GOOD, ids=lambda each: type(each).__name__)
def test_what_suits(field):
    assert not findings(state_of(("A", [KEY, ("x", field)], {})), ["postgresql", "sqlite"])


@pytest.mark.parametrize(("models", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_no_database_can_do(models, message):
    with pytest.raises(ModelError, match=message) as caught:
        check_state(state_of(*models))
    assert caught.value.place.startswith("a/models.py:")
    assert not findings(state_of(OTHER, PAIR), ["postgresql", "sqlite"])


ONLY_POSTGRESQL = [
    ("array", [KEY, ("x", m.ArrayField(m.IntegerField()))], {}),
    ("exclusion", [KEY, X], {"constraints": [m.ExclusionConstraint(expressions=[("x", "=")])]}),
]
ONLY_SQLITE = [
    ("number for truth", [KEY, ("x", m.BooleanField(db_default=m.SQL("1")))], {}),
    ("number for truth in parentheses", [KEY, ("x", m.BooleanField(db_default=m.SQL("(0)")))], {}),
    ("truth for number", [KEY, ("x", m.IntegerField(db_default=m.SQL("true")))], {}),
    ("long name", [KEY], {"db_table": LONG}),
    (
        "unique name",
        [KEY, X],
        {"constraints": [m.UniqueConstraint(fields="x", name="a_unique name")]},
    ),
]


@pytest.mark.parametrize(
    ("model", "fits", "does_not"),
    [
        *((model, "postgresql", "sqlite") for model in ONLY_POSTGRESQL),
        *((model, "sqlite", "postgresql") for model in ONLY_SQLITE),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else each,
)  # fmt: skip
def test_what_one_database_cannot_do(model, fits, does_not):
    state = state_of(model)
    assert not findings(state, [fits])
    found = findings(state, [does_not])
    assert found
    assert not any(" object at 0x" in str(each) for each in found)


def test_all_of_it_is_told_at_once():
    wrong = ("A", [KEY, X], {"indexes": [m.Index(name="i"), m.Index(name="j")]})
    with pytest.raises(ModelError, match="2 things") as caught:
        check_state(state_of(wrong))
    assert "index i" in str(caught.value)
    assert "index j" in str(caught.value)

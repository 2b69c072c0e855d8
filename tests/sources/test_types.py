"""A type as a value builds the type that it was read from."""

import copy
import enum

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from whimbrel.errors import ModelError
from whimbrel.schema.types import describe, make_type
from whimbrel.sources.types import build

pytestmark = pytest.mark.reduced


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


TYPES = [
    sa.String(),
    sa.String(30, collation="C"),
    sa.Unicode(5),
    sa.Text(),
    sa.Integer(),
    sa.Numeric(8, 2, asdecimal=False),
    sa.Float(5),
    sa.Double(),
    sa.DateTime(timezone=True),
    sa.Interval(second_precision=3),
    sa.LargeBinary(6),
    sa.PickleType(),
    sa.Uuid(as_uuid=False),
    sa.JSON(none_as_null=True),
    sa.Enum("a", "b", name="letters", schema="s"),
    sa.Enum(Colour),
    sa.Enum("a", "b", name="letters", native_enum=False, length=20),
    sa.Enum("a", name="letters").with_variant(sa.String(3), "sqlite"),
    sa.JSON().with_variant(postgresql.JSONB(), "postgresql").with_variant(mysql.JSON(), "mysql"),
    sa.ARRAY(sa.Integer(), dimensions=2),
    postgresql.ARRAY(sa.Enum("a", "b", name="letters")),
    postgresql.TIMESTAMP(timezone=True, precision=3),
    postgresql.INTERVAL(fields="YEAR TO MONTH"),
    postgresql.BIT(3, varying=True),
    postgresql.HSTORE(),
    postgresql.INT8RANGE(),
    postgresql.DOMAIN("posint", sa.Integer()),
    mysql.INTEGER(unsigned=True),
]


@pytest.mark.parametrize("given", TYPES, ids=lambda each: f"{each!r}")
def test_a_built_type_is_the_one_that_was_described(given):
    described = describe(given)
    built = build(described)
    assert type(built) is (sa.Enum if isinstance(given, sa.Enum) else type(given))
    assert describe(built) == described
    for dialect in (postgresql.dialect(), mysql.dialect()):
        try:
            wanted = given.compile(dialect)
        except sa.exc.CompileError:
            continue
        assert built.compile(dialect) == wanted


@pytest.mark.parametrize("given", TYPES, ids=lambda each: f"{each!r}")
def test_a_type_is_described_the_same_once_a_table_has_it(given):
    column = sa.Column("a", copy.deepcopy(given))
    sa.Table("t", sa.MetaData(), column)
    assert describe(column.type) == describe(given)


def test_equal_types_are_one_object():
    assert build(make_type("sqlalchemy:String", length=3)) is build(describe(sa.String(3)))


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (make_type("nowhere.at.all:Type"), "does not import"),
        (make_type("sqlalchemy:Sting"), "does not import"),
        (make_type("sqlalchemy:Integer", length=3), "does not take its arguments"),
    ],
)
def test_what_cannot_be_built(described, message):
    with pytest.raises(ModelError, match=message) as caught:
        build(described)
    assert caught.value.hint

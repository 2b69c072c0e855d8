"""Which types hold one kind of values, by SQLAlchemy's names and by SQL."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from whimbrel.schema.families import Kind, family_by_name, is_loosened, kind_of, narrowing
from whimbrel.schema.types import describe, in_sql

KINDS = [
    (sa.String(10), Kind("text", 10)),
    (sa.Text(), Kind("text")),
    (sa.CHAR(3), Kind("text", 3, padded=True)),
    (in_sql("character varying(7)"), Kind("text", 7)),
    (in_sql("CHARACTER(7)"), Kind("text", 7, padded=True)),
    (sa.SmallInteger(), Kind("integer", 2)),
    (in_sql("bigint"), Kind("integer", 8)),
    (sa.Numeric(8, 2), Kind("decimal", 2, 8)),
    (sa.Numeric(), Kind("decimal")),
    (in_sql("double precision"), Kind("float")),
    (sa.Float(), Kind("float")),
    (in_sql("timestamp(3) with time zone"), Kind("moment")),
    (postgresql.JSONB(), Kind("json")),
    (sa.Enum("a", name="e"), None),
    (sa.Uuid(), None),
    (in_sql("int4range"), None),
]


@pytest.mark.parametrize(("of", "kind"), KINDS, ids=[repr(of) for of, _ in KINDS])
def test_a_type_is_of_a_kind(of: object, kind: Kind | None) -> None:
    assert kind_of(describe(of)) == kind


def test_a_family_is_known_by_a_name_in_sql_in_any_case() -> None:
    assert [family_by_name(name) for name in ("INT", "Citext", "BOX")] == ["integer", "text", None]


CUTS = [
    (sa.String(10), sa.String(5), "characters beyond the new length", True),
    (sa.String(5), sa.Text(), None, False),
    (sa.Numeric(8, 2), sa.Integer(), "digits behind the point", True),
    (sa.DateTime(), sa.Date(), "the time of day", True),
    (sa.Text(), sa.Integer(), None, True),
    (sa.BigInteger(), sa.SmallInteger(), None, False),
]


@pytest.mark.parametrize(("old", "new", "what", "loosened"), CUTS)
def test_a_change_of_type_cuts_values_off(
    old: object, new: object, what: str | None, loosened: bool
) -> None:
    types = describe(old), describe(new)
    assert (narrowing(*types), is_loosened(*types)) == (what, loosened)

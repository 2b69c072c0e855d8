"""Expressions in one spelling: the same however they are written, and with the same value."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_kit import fresh
from strategies import examples
from whimbrel.engines.sqlite.reflect.ddl import tokens
from whimbrel.engines.sqlite.reflect.expressions import default, normal

COLUMNS = {"a": "a", "b": "b", "order": '"order"', "x y": '"x y"'}

# An expression as someone wrote it, and in one spelling.
CASES = [
    ("((a>0))", "a > 0"),
    ('"A" > - 5 and `b` IS not null', "a > -5 AND b IS NOT NULL"),
    ("LOWER( [a] )||'It''s AND' <> X'ab'", "lower(a) || 'It''s AND' <> X'ab'"),
    ("a in (1,2 ,-3)or not b", "a IN (1, 2, -3) OR NOT b"),
    ("a - -5 >.5 - 1.5 -b", "a - -5 > .5 - 1.5 - b"),
    ("(a)=(b)", "(a) = (b)"),
    ("b COLLATE nocase = 'x'", "b COLLATE \"NOCASE\" = 'x'"),
    ('"t"."a" = T . b', "a = b"),
    ("cast(a as varchar(10)) LIKE 'x%'", "CAST(a AS varchar(10)) LIKE 'x%'"),
    (
        "json_extract(a,'$.x')->>'y' = \"Order\"",
        "json_extract(a, '$.x') ->> 'y' = \"order\"",
    ),
    ("case when a then 1 else -1 end", "CASE WHEN a THEN 1 ELSE -1 END"),
    ("a /* is */ IS -- really\n null", "a IS NULL"),
    ("~a&-b", "~a & -b"),
    ("A*(B+1) % 2 << 3", "a * (b + 1) % 2 << 3"),
    ('[x y] = "no column"', '"x y" = "no column"'),
    ("a BETWEEN current_date and true", "a BETWEEN CURRENT_DATE AND TRUE"),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_an_expression_has_one_spelling(written: str, said: str) -> None:
    assert normal(tokens(written), COLUMNS, "t") == said
    assert normal(tokens(said), COLUMNS, "t") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0", "0"),
        ("(1+1)", "1 + 1"),
        ("'x'", "'x'"),
        ('"it\'s"', "'it''s'"),
        ("word", "'word'"),
        ("null", None),
        ("((NULL))", None),
        ("(current_timestamp)", "CURRENT_TIMESTAMP"),
        ("true", "1"),
        ("- 5", "-5"),
        ("+1.5", "+1.5"),
        ("(datetime( 'now'))", "datetime('now')"),
    ],
)
def test_a_default_has_one_spelling(written: str, said: str | None) -> None:
    assert default(tokens(written)) == said
    assert said is None or default(tokens(said)) == said


ATOMS = st.sampled_from(
    ["a", "b", '"order"', "1", "2.5", ".5", "'it''s'", "NULL", "x'41'", "CURRENT_DATE"]
)


def _larger(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    """Expressions of smaller ones, as tokens."""
    sign = st.sampled_from(["-", "+", "~", "NOT"])
    operator = st.sampled_from(["+", "-", "*", "||", "=", "<>", "<", "AND", "OR", "IS", "&"])
    return st.one_of(
        st.tuples(sign, inner).map(lambda t: [t[0], *t[1]]),
        st.tuples(inner, operator, inner).map(lambda t: [*t[0], t[1], *t[2]]),
        inner.map(lambda t: ["(", *t, ")"]),
        inner.map(lambda t: ["coalesce", "(", *t, ",", "0", ")"]),
        st.tuples(inner, inner).map(
            lambda t: ["CASE", "WHEN", *t[0], "THEN", *t[1], "ELSE", "1", "END"]
        ),
        st.tuples(inner, inner).map(lambda t: [*t[0], "IN", "(", *t[1], ",", "-", "1", ")"]),
    )


EXPRESSIONS = st.recursive(ATOMS.map(lambda atom: [atom]), _larger, max_leaves=8)


def sloppily(of: list[str], by: random.Random) -> str:
    """Tokens as somebody may write them: capitals, quotes, blanks and comments anywhere."""
    gaps = [" ", "  ", "\n", " /* - */ "]
    return "".join(by.choice(_spellings(token)) + by.choice(gaps) for token in of)


def _spellings(token: str) -> list[str]:
    if token in ("a", "b"):
        return [token, token.upper(), f'"{token}"', f"[{token}]", f"`{token}`"]
    return [token, token.lower(), token.upper()] if token.isalpha() else [token]


def value(connection: sa.Connection, expression: str) -> object:
    row = "SELECT 3 AS a, NULL AS b, 'x' AS \"order\""
    return connection.exec_driver_sql(f"SELECT {expression} FROM ({row})").scalar_one()


@settings(max_examples=examples(300), deadline=None)
@given(expression=EXPRESSIONS, by=st.randoms(use_true_random=False))
def test_any_expression_keeps_its_value_and_has_one_spelling(
    expression: list[str], by: random.Random
) -> None:
    written = sloppily(expression, by)
    said = normal(tokens(written), COLUMNS)
    assert said == normal(tokens(" ".join(expression)), COLUMNS)
    assert said == normal(tokens(said), COLUMNS)
    with fresh() as connection:
        assert value(connection, said) == value(connection, written)

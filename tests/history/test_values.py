"""Values as source, and back: what is written evaluates to an equal value."""

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
import ipaddress
import math
import pathlib
import random
import re
import secrets
import time
import uuid
import zoneinfo
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history import samples
from titles import title
from whimbrel.errors import WriteError
from whimbrel.history.writer import source_of

pytestmark = pytest.mark.reduced

PARIS = zoneinfo.ZoneInfo("Europe/Paris")
EAST = datetime.timezone(datetime.timedelta(hours=2))
NAMED = datetime.timezone(datetime.timedelta(hours=-3), "BRT")


def read_back(source: str, imports: list[str]) -> Any:
    names: dict[str, Any] = {}
    exec("\n".join(imports), names)
    return eval(f"({source}\n)", names)


@pytest.mark.parametrize(
    ("value", "source", "imports"),
    [
        (None, "None", []),
        (True, "True", []),
        (..., "...", []),
        (-3, "-3", []),
        (1.5, "1.5", []),
        (1e300, "1e300", []),
        (math.inf, 'float("inf")', []),
        (-math.inf, 'float("-inf")', []),
        (1 + 2j, "complex(1.0, 2.0)", []),
        ("plain", '"plain"', []),
        ("it's", '"it\'s"', []),
        ('say "hi"', "'say \"hi\"'", []),
        ("both ' and \"", '"both \' and \\""', []),
        ("back\\slash\n\t\x00é☃", '"back\\\\slash\\n\\t\\x00é☃"', []),
        ("\\'", '"\\\\\'"', []),
        (b"a\"'\xff", 'b"a\\"\'\\xff"', []),
        (bytearray(b"x"), 'bytearray(b"x")', []),
        (decimal.Decimal("1.50"), 'decimal.Decimal("1.50")', ["import decimal"]),
        (fractions.Fraction(1, 3), "fractions.Fraction(1, 3)", ["import fractions"]),
        (datetime.date(2024, 2, 29), "datetime.date(2024, 2, 29)", ["import datetime"]),
        (datetime.time(9), "datetime.time(9, 0)", ["import datetime"]),
        (datetime.time(9, 0, 0, 5), "datetime.time(9, 0, 0, 5)", ["import datetime"]),
        (
            datetime.datetime(2024, 1, 2, 3, 4, tzinfo=datetime.UTC),
            "datetime.datetime(2024, 1, 2, 3, 4, tzinfo=datetime.UTC)",
            ["import datetime"],
        ),
        (
            datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=PARIS),
            'datetime.datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"), fold=1)',
            ["import datetime", "import zoneinfo"],
        ),
        (EAST, "datetime.timezone(datetime.timedelta(seconds=7200))", ["import datetime"]),
        (
            NAMED,
            'datetime.timezone(datetime.timedelta(days=-1, seconds=75600), "BRT")',
            ["import datetime"],
        ),
        (datetime.timedelta(), "datetime.timedelta(0)", ["import datetime"]),
        (
            datetime.timedelta(days=1, microseconds=5),
            "datetime.timedelta(days=1, microseconds=5)",
            ["import datetime"],
        ),
        (uuid.UUID(int=1), 'uuid.UUID("00000000-0000-0000-0000-000000000001")', ["import uuid"]),
        (ipaddress.ip_address("::1"), 'ipaddress.IPv6Address("::1")', ["import ipaddress"]),
        (
            ipaddress.ip_network("10.0.0.0/8"),
            'ipaddress.IPv4Network("10.0.0.0/8")',
            ["import ipaddress"],
        ),
        (pathlib.Path("a/b"), 'pathlib.Path("a/b")', ["import pathlib"]),
        (
            pathlib.PureWindowsPath("C:\\x"),
            'pathlib.PureWindowsPath("C:/x")',
            ["import pathlib"],
        ),
        ([1, [2]], "[1, [2]]", []),
        ((), "()", []),
        ((1,), "(1,)", []),
        ({3, 1, 20}, "{1, 3, 20}", []),
        (set(), "set()", []),
        (frozenset(), "frozenset()", []),
        (frozenset({"b", "a"}), 'frozenset({"a", "b"})', []),
        ({1, "a", None}, '{"a", 1, None}', []),
        ({"b": 1, 2: [None]}, '{"b": 1, 2: [None]}', []),
        (OrderedDict(b=1, a=2), '{"b": 1, "a": 2}', []),
        (range(3), "range(0, 3)", []),
        (range(1, 9, 2), "range(1, 9, 2)", []),
        (slice(1, None), "slice(1, None, None)", []),
        (samples.Point(1), "history.samples.Point(x=1, y=0)", ["import history.samples"]),
        (samples.Colour.RED, "history.samples.Colour.RED", ["import history.samples"]),
        (samples.Level.HIGH, "history.samples.Level.HIGH", ["import history.samples"]),
        (samples.Word.HELLO, "history.samples.Word.HELLO", ["import history.samples"]),
        (samples.Odd["a-b"], 'history.samples.Odd["a-b"]', ["import history.samples"]),
        (samples.Odd["class"], 'history.samples.Odd["class"]', ["import history.samples"]),
        (samples.Outer.Mode.FAST, "history.samples.Outer.Mode.FAST", ["import history.samples"]),
        (samples.Access.ALL, "history.samples.Access.ALL", ["import history.samples"]),
        (
            samples.Access.READ | samples.Access.RUN,
            "history.samples.Access.READ | history.samples.Access.RUN",
            ["import history.samples"],
        ),
        (samples.Access(0), "history.samples.Access(0)", ["import history.samples"]),
        (re.compile("a+"), 're.compile("a+")', ["import re"]),
        (re.compile(b"a"), 're.compile(b"a")', ["import re"]),
        (
            re.compile("a", re.I | re.M),
            're.compile("a", re.IGNORECASE | re.MULTILINE)',
            ["import re"],
        ),
        (list, "list", []),
        (len, "len", []),
        (type(None), "type(None)", []),
        (dict.fromkeys, "dict.fromkeys", []),
        (list[int], "list[int]", []),
        (dict[str, list[int]], "dict[str, list[int]]", []),
        (int | None, "int | None", []),
        (math, "math", ["import math"]),
        (uuid.uuid4, "uuid.uuid4", ["import uuid"]),
        (time.time, "time.time", ["import time"]),
        (random.random, "random.random", ["import random"]),
        (secrets.token_hex, "secrets.token_hex", ["import secrets"]),
        (datetime.datetime.now, "datetime.datetime.now", ["import datetime"]),
        (samples.shout, "history.samples.shout", ["import history.samples"]),
        (samples.Outer.Inner, "history.samples.Outer.Inner", ["import history.samples"]),
        (samples.Outer.Inner.make, "history.samples.Outer.Inner.make", ["import history.samples"]),
        (
            samples.Outer.Inner.still,
            "history.samples.Outer.Inner.still",
            ["import history.samples"],
        ),
        (samples.Money(3), "history.samples.Money(amount=3)", ["import history.samples"]),
        (
            samples.Money(3, tags=("a",)),
            'history.samples.Money(amount=3, tags=("a",))',
            ["import history.samples"],
        ),
        (
            samples.Slugger("a", size=2, **{"not a name": 3}),
            'history.samples.Slugger("a", size=2, **{"not a name": 3})',
            ["import history.samples"],
        ),
    ],
    ids=title,
)
def test_a_value_is_written_and_read_back(value: Any, source: str, imports: list[str]) -> None:
    assert source_of(value) == (source, imports)
    found = read_back(source, imports)
    assert found == value
    assert type(found) is type(value) or isinstance(value, OrderedDict)


def test_nan_and_partials_are_written_though_they_equal_nothing() -> None:
    assert math.isnan(read_back(*source_of(math.nan)))
    made = functools.partial(samples.shout, "a", text="b")
    found = read_back(*source_of(made))
    assert (found.func, found.args, found.keywords) == (made.func, made.args, made.keywords)


_plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.dates(),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.ip_addresses(),
    st.sampled_from([*samples.Colour, *samples.Level, samples.shout, int, uuid.uuid4]),
    st.integers(0, 7).map(samples.Access),
)


def values(keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any value that has an equal, of collections and what can stand in them."""
    return st.recursive(
        _plain,
        lambda inner: st.one_of(
            st.lists(inner),
            st.lists(inner).map(tuple),
            st.dictionaries(keys, inner),
            st.frozensets(keys),
            st.sets(keys),
        ),
        max_leaves=12,
    )


ATOMS = st.one_of(st.integers(), st.text(), st.booleans(), st.none())


@given(values(ATOMS | st.dates() | st.uuids()))
def test_any_value_is_read_back_equal(value: Any) -> None:
    assert read_back(*source_of(value)) == value


class Local:
    pass


def _inside() -> Any:
    class Hidden(Local):
        pass

    return Hidden


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 1, "a lambda cannot be written into a file"),
        (functools.partial(lambda: 1), "a lambda cannot be written into a file"),
        (_inside(), "Hidden is local to a function, and cannot be written into a file"),
        (samples.Opaque(), "cannot be written into a migration file"),
        (samples.Slugger().deconstruct, "no import leads to"),
        ([{"a": (samples.Opaque(),)}], "cannot be written into a migration file"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_mend(value: Any, message: str) -> None:
    with pytest.raises(WriteError, match=re.escape(message)) as caught:
        source_of(value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "source", "statement"),
    [
        ("models", "models_.x", "import models as models_"),
        ("models.types", "models_types.x", "import models.types as models_types"),
        ("sqlalchemy", "sa.x", "import sqlalchemy as sa"),
        ("sqlalchemy.types", "sqlalchemy.types.x", "import sqlalchemy.types"),
        (
            "sqlalchemy.dialects.mysql",
            "mysql.x",
            "from sqlalchemy.dialects import mysql",
        ),
    ],
)
def test_no_module_takes_the_name_of_another(name: str, source: str, statement: str) -> None:
    from whimbrel.history.imports import Imports

    imports = Imports()
    assert imports.path(f"{name}:x") == source
    assert imports.lines() == [statement]


def test_a_module_with_an_odd_name_is_refused() -> None:
    from whimbrel.history.imports import Imports

    with pytest.raises(WriteError, match="no import statement can say"):
        Imports().path("blog.migrations.0001_initial:title")

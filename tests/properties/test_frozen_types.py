"""The law of frozen types: any class around any type makes what create_all makes, by way of a file that names none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from others import Others
from servers import PostgresServer
from strategies import examples

STANDARD = [
    "sa.Integer()",
    "sa.BigInteger()",
    "sa.SmallInteger()",
    "sa.String()",
    "sa.String(30)",
    "sa.Unicode(7)",
    "sa.Text()",
    "sa.VARCHAR(9)",
    "sa.Numeric(8, 2)",
    "sa.Numeric(8, 2, asdecimal=False)",
    "sa.Float(30)",
    "sa.Double()",
    "sa.Boolean()",
    "sa.Date()",
    "sa.DateTime(timezone=True)",
    "sa.Time()",
    "sa.Interval()",
    "sa.LargeBinary()",
    "sa.Uuid()",
    "sa.JSON()",
    "sa.PickleType()",
    'sa.Enum("a", "b", name="letters")',
    'sa.Enum("x", "yy", native_enum=False)',
    'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")',
    'sa.BigInteger().with_variant(sa.Integer(), "sqlite")',
]
OWN = ["postgresql.TSVECTOR()", "postgresql.INET()", "sa.ARRAY(sa.Integer())", "postgresql.BIT(3)"]

#: Classes around a type, of the number ``n``; ``own`` is what PostgreSQL has instead.
CLASSES = {
    "decorator": "class T{n}(sa.TypeDecorator):\n    impl = {of}\n    cache_ok = True\n",
    "loaded": (
        "class T{n}(sa.TypeDecorator):\n    impl = sa.Text\n    cache_ok = True\n"
        "    def __init__(self, key='s3cret'):\n        super().__init__()\n        self.hidden = key\n"
        "    def load_dialect_impl(self, dialect):\n        return dialect.type_descriptor({of})\n"
    ),
    "two": (
        "class T{n}(sa.TypeDecorator):\n    impl = sa.Text\n    cache_ok = True\n"
        "    def load_dialect_impl(self, dialect):\n"
        "        own = {own} if dialect.name == 'postgresql' else {of}\n"
        "        return dialect.type_descriptor(own)\n"
    ),
    "around": (
        "class Inner{n}(sa.TypeDecorator):\n    impl = {of}\n    cache_ok = True\n"
        "class T{n}(sa.TypeDecorator):\n    impl = Inner{n}()\n    cache_ok = True\n"
    ),
    "words": (
        "class T{n}(sa.types.UserDefinedType):\n    cache_ok = True\n"
        "    def get_col_spec(self, **_):\n        return 'CHARACTER(4)'\n"
    ),
}


@st.composite
def models(draw: st.DrawFn) -> str:
    """A table of columns whose types are classes around others."""
    before, columns = [], ['sa.Column("id", sa.Integer, primary_key=True)']
    for n in range(10):
        kind = draw(st.sampled_from(sorted(CLASSES)))
        of, own = draw(st.sampled_from(STANDARD)), draw(st.sampled_from([*STANDARD, *OWN]))
        if kind == "loaded" and "sqlite" in of:
            kind = "decorator"  # SQLAlchemy forgets variants of what is loaded
        if kind in ("loaded", "two") and "sa.Text()" in (of, own):
            kind = "decorator"  # which SQLAlchemy makes VARCHAR by psycopg, and TEXT by psycopg2
        if "Enum" in of or "Enum" in own:
            kind = "decorator"
        before.append(CLASSES[kind].format(n=n, of=of, own=own))
        columns.append(f'sa.Column("c{n}", T{n}())')
    return "\n".join(before) + f'\nsa.Table("t", metadata, {", ".join(columns)})\n'


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Callable[[], Iterator[tuple[Path, str, str]]]:
    """What gives a directory, and the URLs of two empty databases, for an example."""

    @contextmanager
    def fresh() -> Iterator[tuple[Path, str, str]]:
        with ExitStack() as stack:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if request.param == "sqlite":
                yield root, f"sqlite:///{root}/ours.sqlite3", f"sqlite:///{root}/theirs.sqlite3"
                return
            server: PostgresServer = request.getfixturevalue("postgresql_server")
            names = [stack.enter_context(server.fresh_database()) for _ in range(2)]
            yield root, server.url(names[0]), server.url(names[1])

    return fresh  # type: ignore[return-value]


@settings(
    max_examples=examples(6),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=models())
def test_any_class_around_any_type(databases: Callable[..., Iterator[object]], text: str) -> None:
    with databases() as (root, ours, theirs):  # type: ignore[attr-defined]
        project = Others(root / "project", ours).says(text)
        [file] = project.make()
        assert project.module not in file
        assert "s3cret" not in file
        assert project.make() == []
        project.go()
        assert project.catalog() == project.created(theirs)
        assert not project.drift()
        project.go("zero")

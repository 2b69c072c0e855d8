"""History is frozen in its types: each is written as what it is to each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from others import Others
from whimbrel import models
from whimbrel.commands.drift import migrations_of, script_back
from whimbrel.commands.make import write
from whimbrel.commands.migrate import migrate
from whimbrel.errors import ModelError, StepError, UnsupportedError
from whimbrel.history.writer import source_of
from whimbrel.planning.plan import Target
from whimbrel.sources import native
from whimbrel.sources.checks import check_state
from written import read_native


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Others:
    """An empty project of SQLAlchemy's models, once on each database."""
    return Others(tmp_path / "project", database_url)


@pytest.fixture
def theirs(request: pytest.FixtureRequest, project: Others, tmp_path: Path) -> Iterator[str]:
    """Another database of the same kind, for create_all."""
    if project.dialect == "sqlite":
        yield f"sqlite:///{tmp_path}/theirs.sqlite3"
        return
    server: Any = request.getfixturevalue("postgresql_server")
    with server.fresh_database() as name:
        yield server.url(name)


def dense(text: str) -> str:
    """A text without its layout."""
    return "".join(text.split()).replace(",)", ")").replace(",]", "]")


#: A column, what stands before its table, and how a file says its type.
TYPES = {
    "a decorator": (
        '"c", Cents()',
        "class Cents(sa.TypeDecorator):\n    impl = sa.Integer\n    cache_ok = True\n",
        "sa.Integer()",
    ),
    "a decorator that hands arguments on": (
        '"c", Short(12)',
        "class Short(sa.TypeDecorator):\n    impl = sa.String\n    cache_ok = True\n",
        "sa.String(length=12)",
    ),
    "corpora/15: a CHAR": (
        '"c", Hex()',
        "class Hex(sa.TypeDecorator):\n    impl = sa.CHAR\n    cache_ok = True\n"
        "    def load_dialect_impl(self, dialect):\n"
        "        return dialect.type_descriptor(sa.CHAR(32))\n",
        "sa.CHAR(length=32)",
    ),
    "each database has its own": (
        '"c", Guid()',
        "class Guid(sa.TypeDecorator):\n    impl = sa.CHAR\n    cache_ok = True\n"
        "    def load_dialect_impl(self, dialect):\n"
        "        own = postgresql.UUID() if dialect.name == 'postgresql' else sa.CHAR(36)\n"
        "        return dialect.type_descriptor(own)\n",
        'sa.CHAR(length=36).with_variant(sa.UUID(), "postgresql")',
    ),
    "corpora/11: a secret": (
        '"c", Sealed("k3y-from-env")',
        "class Sealed(sa.TypeDecorator):\n    impl = sa.LargeBinary\n    cache_ok = True\n"
        "    def __init__(self, key):\n        super().__init__()\n        self.key = key\n",
        "sa.LargeBinary()",
    ),
    "F-types: arguments that it keeps elsewhere": (
        '"c", Password(schemes=["x"], max_length=99)',
        "class Password(sa.TypeDecorator):\n    impl = sa.String(1)\n    cache_ok = True\n"
        "    def __init__(self, max_length=None, **context):\n"
        "        super().__init__()\n        self._max_length = max_length\n"
        "    def load_dialect_impl(self, dialect):\n"
        "        return dialect.type_descriptor(sa.String(self._max_length))\n",
        "sa.String(length=99)",
    ),
    "local to a function": (
        '"c", make()',
        "def make():\n    class Inner(sa.TypeDecorator):\n        impl = sa.Text\n"
        "        cache_ok = True\n    return Inner()\n",
        "sa.Text()",
    ),
    "a subclass of a standard type": (
        '"c", Name(20)', "class Name(sa.String):\n    pass\n", "sa.String(length=20)",
    ),
    "SQL of its own": (
        '"c", Words(3)',
        "class Words(sa.types.UserDefinedType):\n    cache_ok = True\n"
        "    def __init__(self, n):\n        self.n = n\n"
        "    def get_col_spec(self, **_):\n        return f'NUMERIC({self.n}, 1)'\n",
        'models.DatabaseType("NUMERIC(3, 1)")',
    ),
    "a compiler of its own": (
        '"c", Own()',
        "from sqlalchemy.ext.compiler import compiles\n"
        "class Own(sa.Text):\n    pass\n"
        "@compiles(Own, 'postgresql')\ndef own(type_, compiler, **_):\n    return 'VARCHAR(7)'\n",
        'sa.Text().with_variant(models.DatabaseType("VARCHAR(7)"), "postgresql")',
    ),
    "an enum inside": (
        '"c", Kind()',
        "class Colour(enum.Enum):\n    RED = 1\n    BLUE = 2\n"
        "class Kind(sa.TypeDecorator):\n    impl = sa.Enum(Colour)\n    cache_ok = True\n",
        'sa.Enum("RED", "BLUE", name="colour")',
    ),
    "an enum with a CHECK inside": (
        '"c", Kind()',
        "class Kind(sa.TypeDecorator):\n    cache_ok = True\n"
        '    impl = sa.Enum("a", "bc", name="kinds", native_enum=False, create_constraint=True)\n',
        'sa.Enum("a", "bc", name="kinds", native_enum=False, create_constraint=True)',
    ),
    "a boolean inside": (
        '"c", Truth()',
        "class Truth(sa.TypeDecorator):\n    cache_ok = True\n"
        '    impl = sa.Boolean(create_constraint=True, name="truth")\n',
        "sa.Boolean()",
    ),
    "a decorator inside a decorator": (
        '"c", Outer()',
        "class Inner(sa.TypeDecorator):\n    impl = sa.DateTime(timezone=True)\n"
        "    cache_ok = True\n"
        "class Outer(sa.TypeDecorator):\n    impl = Inner\n    cache_ok = True\n",
        "sa.DateTime(timezone=True)",
    ),
    "an interval": (
        '"c", Span()',
        "class Span(sa.TypeDecorator):\n    impl = sa.Interval\n    cache_ok = True\n",
        "sa.Interval()",
    ),
    "a variant": (
        '"c", Cents().with_variant(sa.Text(), "sqlite")',
        "class Cents(sa.TypeDecorator):\n    impl = sa.Integer\n    cache_ok = True\n",
        'sa.Integer().with_variant(sa.Text(), "sqlite")',
    ),
    "a pickle read in the user's own way": ('"c", sa.PickleType(pickler=json)', "import json\n", "sa.LargeBinary()"),
    "a pickle with a comparator": ('"c", sa.PickleType(comparator=max)', "", "sa.PickleType()"),
}  # fmt: skip


@pytest.mark.parametrize("case", TYPES)
def test_a_type_is_what_it_is_to_each_database(case: str, project: Others, theirs: str) -> None:
    column, before, source = TYPES[case]
    project.table(column, before)
    [text] = project.make()
    assert dense(f'("c", models.Field({source}, null=True))') in dense(text)
    assert project.module not in text
    assert "k3y" not in text
    assert project.make() == []
    project.go()
    if project.dialect == "postgresql" and "corpora/15" in case:
        # create_all by way of psycopg alone makes VARCHAR of it; by other drivers it is this.
        assert "character(32)" in repr(project.catalog())
    else:
        assert project.catalog() == project.created(theirs)
    assert not project.drift()
    project.go("zero")


CENTS = "class {name}(sa.TypeDecorator):\n    impl = sa.{impl}\n    cache_ok = True\n"


def test_alembic_users_f03_what_a_class_stands_on_changes(project: Others) -> None:
    project.table('"c", Cents()', CENTS.format(name="Cents", impl="Integer"))
    project.make()
    project.go()
    project.table('"c", Cents()', CENTS.format(name="Cents", impl="BigInteger"))
    [text] = project.make()
    assert 'migrations.AlterField("t", "c", models.Field(sa.BigInteger(), null=True))' in text
    project.go()
    project.table('"c", Money()', CENTS.format(name="Money", impl="BigInteger"))
    assert project.make() == []
    project.table('"c", sa.BigInteger')
    assert project.make() == []
    project.go("zero")
    project.go()
    assert not project.drift()


def test_corpora_11_no_error_shows_an_argument(project: Others) -> None:
    sealed = (
        "class Sealed(sa.TypeDecorator):\n    impl = sa.String\n    cache_ok = True\n"
        "    def __init__(self, key):\n        super().__init__()\n        self.key = key\n"
        "    def load_dialect_impl(self, dialect):\n        raise ValueError(self.key)\n"
    )
    project.table('"c", Sealed("k3y")', sealed)
    with pytest.raises(
        ModelError, match="Sealed is a type of no database: sqlite ends in"
    ) as caught:
        project.make()
    assert "k3y" not in f"{caught.value}{caught.value.hint}"


#: Fields of the user's own in a native model, and how a file says them.
FIELDS = {
    "a subclass": (
        "class Money(models.DecimalField):\n    def __init__(self, currency='EUR', **options):\n"
        "        super().__init__(max_digits=8, decimal_places=2, **options)\n"
        "        self._set('currency', currency)\n",
        "Money(default=1)",
        "models.DecimalField(max_digits=8, decimal_places=2, default=1)",
    ),
    "one with a type of its own": (
        "class Cents(models.IntegerField):\n    def column_type(self):\n"
        "        return models.BigIntegerField().column_type()\n",
        "Cents(null=True)",
        "models.Field(sa.BigInteger(), null=True)",
    ),
    "a type of one's own": (
        CENTS.format(name="Cents", impl="Integer"),
        "models.Field(Cents())",
        "models.Field(sa.Integer())",
    ),
    "a default that the type writes otherwise": (
        CENTS.format(name="Cents", impl="Integer")
        + "    def process_bind_param(self, value, dialect):\n        return round(value * 100)\n",
        "models.Field(Cents(), default=1.5)",
        "models.Field(sa.Integer(), default=150)",
    ),
    "a default that is called": (
        CENTS.format(name="Cents", impl="Integer")
        + "    def process_bind_param(self, value, dialect):\n        return str(value)\n",
        "models.Field(Cents(), default=len, null=True)",
        "models.Field(sa.Integer(), null=True, default=len)",
    ),
    "a default in SQL": (
        CENTS.format(name="Cents", impl="Integer")
        + "    def process_bind_param(self, value, dialect):\n        return str(value)\n",
        "models.Field(Cents(), db_default=models.SQL('1'))",
        'models.Field(sa.Integer(), db_default=models.SQL("1"))',
    ),
    "no default": (
        CENTS.format(name="Cents", impl="Integer")
        + "    def process_bind_param(self, value, dialect):\n        return str(value)\n",
        "models.Field(Cents(), default=None, null=True)",
        "models.Field(sa.Integer(), null=True, default=None)",
    ),
    "a member of an enum": (
        "import enum\nclass Mood(enum.Enum):\n    good = 1\n    bad = 2\n"
        "class Kind(sa.TypeDecorator):\n    impl = sa.Enum(Mood)\n    cache_ok = True\n",
        "models.Field(Kind(), default=Mood.good)",
        'models.Field(sa.Enum("good", "bad", name="mood"), default="good")',
    ),
    "a key": (
        "class Key(models.ForeignKey):\n    def __init__(self, to, **options):\n"
        "        super().__init__(to, models.CASCADE, **options)\n",
        "Key('self', null=True)",
        'models.ForeignKey("things.Thing", on_delete=models.CASCADE, null=True)',
    ),
    "many of them": (
        "class Many(models.ManyToManyField):\n    pass\n",
        "Many('self')",
        'models.ManyToManyField("things.Thing")',
    ),
    "a computed one": (
        CENTS.format(name="Cents", impl="Integer"),
        "models.GeneratedField(models.SQL('1'), models.Field(Cents()))",
        'models.GeneratedField(models.SQL("1"), models.Field(sa.Integer()))',
    ),
}


@pytest.mark.parametrize("case", FIELDS)
def test_fields_of_users_are_written_as_ours(case: str) -> None:
    before, field, source = FIELDS[case]
    state = read_native(
        f"import sqlalchemy as sa\nfrom whimbrel import models\n{before}\n"
        f"class Thing(models.Model):\n    x = {field}\n",
        "things",
    )
    thing = state.model("things.Thing")
    assert dense(source_of(thing.field("x").field)[0]) == dense(source)


def test_a_native_model_goes_through_the_type_that_it_names(tmp_path: Path) -> None:
    space: dict[str, Any] = {"__name__": "prices.models", "sa": sa, "models": models}
    exec(
        FIELDS["a default that the type writes otherwise"][0]
        + "    def process_result_value(self, value, dialect):\n        return value / 100\n"
        "class Price(models.Model):\n    amount = models.Field(Cents(), default=1.5)\n",
        space,
    )
    price: Any = space["Price"]
    engine = sa.create_engine("sqlite://")
    try:
        price.__table__.create(engine)
        with Session(engine) as session:
            session.add_all([price(id=1), price(id=2, amount=2.25)])
            session.commit()
            assert session.scalars(sa.select(price.amount).order_by(price.id)).all() == [1.5, 2.25]
            raw = session.execute(sa.text("SELECT amount FROM prices_price ORDER BY id"))
            assert raw.scalars().all() == [150, 225]
    finally:
        native.forget([price._meta])
        engine.dispose()


def test_historical_models_give_and_take_what_the_database_has(project: Others) -> None:
    """Also where an old file names the class: SQLAlchemy's own processing, and not the class's."""
    doubling = (
        "    def process_bind_param(self, value, dialect):\n        return 2 * value\n"
        "    def process_result_value(self, value, dialect):\n        return -value\n"
    )
    project.table('"c", Cents()', CENTS.format(name="Cents", impl="Integer") + doubling)
    [text] = project.make()
    field = f"models.Field({project.module}.Cents(), default=4)"
    named = text.replace("models.Field(sa.Integer(), null=True)", field)
    assert named != text
    file = project.root / "migrations" / "0001_initial.py"
    file.write_text(named.replace("from whimbrel", f"import {project.module}\nfrom whimbrel", 1))
    (project.root / "migrations" / "0002_rows.py").write_text(
        "from whimbrel import migrations\n\n"
        "def fill(apps, editor):\n"
        "    T = apps.get_model('core', 'T')\n"
        "    T.objects.create(id=1, c=7)\n    T.objects.create(id=2)\n"
        "    assert T.objects.get(id=1).c == 7\n\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('core', '0001_initial')]\n"
        "    operations = [migrations.RunPython(fill)]\n"
    )
    project.go()
    assert project.query("SELECT c FROM t ORDER BY id") == [(7,), (8,)]


def test_historical_models_go_by_what_a_type_is_to_their_database(project: Others) -> None:
    """Text on SQLite and bytes or a UUID on PostgreSQL: values are read by the one that it is."""
    dialects = """
class By(sa.types.TypeDecorator):
    impl = sa.String(40)
    cache_ok = True
    def load_dialect_impl(self, dialect):
        own = {own}
        return dialect.type_descriptor(own if dialect.name == "postgresql" else self.impl_instance)
"""
    bytes_by = dialects.format(own="sa.LargeBinary()")
    uuid_by = dialects.replace("By", "Key").format(own="sa.Uuid()")
    project.table('"b", By()), sa.Column("k", Key()', bytes_by + uuid_by)
    project.make()
    (project.root / "migrations" / "0002_rows.py").write_text(
        "import uuid\nfrom whimbrel import migrations\n\n"
        "def fill(apps, editor):\n"
        "    T = apps.get_model('core', 'T')\n"
        "    text = editor.dialect == 'sqlite'\n"
        "    T.objects.create(id=1, b='v' if text else b'v', k=str(uuid.UUID(int=7)))\n"
        "    row = T.objects.get(b='v' if text else b'v')\n"
        "    assert (bytes(row.b, 'ascii') if text else row.b) == b'v'\n"
        "    assert row.k == (str(uuid.UUID(int=7)) if text else uuid.UUID(int=7))\n"
        "    assert T.objects.filter(k=uuid.UUID(int=7)).count() == 1\n"
        "    T.objects.update(b=12 if text else b'12')\n\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('core', '0001_initial')]\n"
        "    operations = [migrations.RunPython(fill)]\n"
    )
    project.go()
    [(there,)] = project.query("SELECT b FROM t")
    assert there in ("12", b"12")


#: alembic-users/F06: a type that brings a CHECK: on which databases, and what it says.
BOUND = """
class Even(sa.types.TypeDecorator, sa.types.SchemaType):
    impl = sa.Integer
    cache_ok = True
    def _set_table(self, column, table):
        sa.CheckConstraint({condition}, name="even", _type_bound=True,
            _create_rule=lambda compiler: compiler.dialect.name in {dialects!r}
        )._set_parent_with_dispatch(table)
"""


@pytest.mark.parametrize(
    ("condition", "dialects"),
    [
        ('sa.text("c > 0")', ("oracle",)),
        ("column > 0", ("oracle",)),
        ("column > 0", ("sqlite", "postgresql")),
    ],
)
def test_alembic_users_f06_a_type_that_brings_a_check(
    condition: str, dialects: tuple[str, ...], project: Others, theirs: str
) -> None:
    project.table('"c", Even()', BOUND.format(condition=condition, dialects=dialects))
    [text] = project.make()
    assert ("CheckConstraint" in text) is ("sqlite" in dialects)
    project.go()
    assert project.catalog() == project.created(theirs)
    assert project.make() == []
    assert not project.drift()


def test_alembic_users_f08_columns_that_the_database_has_by_itself(
    project: Others, theirs: str
) -> None:
    project.table('"xmin", sa.String, system=True, server_default=sa.FetchedValue()')
    [text] = project.make()
    assert "xmin" not in text
    project.go()
    assert project.catalog() == project.created(theirs)
    assert project.make() == []


STATE = 'postgresql.ENUM("AL", "AK", name="us_state", create_type=False)'


@pytest.mark.parametrize(
    ("database_url", "of"),
    [("sqlite", STATE), ("postgresql", STATE), ("postgresql", f"sa.ARRAY({STATE})")],
    indirect=["database_url"],
)
def test_alembic_users_f08_a_type_that_others_make(of: str, project: Others) -> None:
    made = [("AL",), ("AK",)]
    labels = "SELECT enumlabel FROM pg_enum ORDER BY enumsortorder"
    if project.dialect == "postgresql":
        project.query("CREATE TYPE us_state AS ENUM ('AL', 'AK')")
    project.table(f'"c", {of}')
    [text] = project.make()
    assert 'models.DatabaseType("us_state")' in text
    project.go()
    assert project.make() == []
    assert not project.drift()
    default = "{AL}" if "ARRAY" in of else "AL"
    project.table(f'"c", {of}, server_default="{default}"')
    project.make()
    project.go()
    assert not project.drift()
    project.query("INSERT INTO t (id) VALUES (1)")
    project.go("zero")
    if project.dialect == "postgresql":
        assert project.query(labels) == made


def test_a_type_that_another_column_makes_is_that_one(project: Others, theirs: str) -> None:
    """People say create_type=False at the second use of an enum."""
    project.says(
        'one = sa.Enum("AL", "AK", name="us_state")\n'
        f"other = {STATE}\n"
        'sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("c", other))\n'
        'sa.Table("b", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("c", one))\n'
    )
    [text] = project.make()
    assert "DatabaseType" not in text
    project.go()
    assert not project.drift()
    nothing = project.query("SELECT 1 FROM a")
    assert nothing == []
    project.go("zero")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    "of",
    [
        'postgresql.ENUM("AL", "AK", name="us_state"{})',
        'sa.ARRAY(postgresql.ENUM("AL", "AK", name="US state", schema="public"{}))',
        'postgresql.DOMAIN("us_state", sa.Text, check="VALUE > \'A\'"{})',
    ],
)
def test_a_type_that_migrations_made_is_not_left_to_others(of: str, project: Others) -> None:
    project.table(f'"c", {of.format("")}')
    project.make()
    project.go()
    project.table(f'"c", {of.format(", create_type=False")}')
    with pytest.raises(ModelError, match="to others, and migrations made it") as caught:
        project.make()
    assert "create_type=False" in (caught.value.hint or "")
    project.table(f'"c", {of.format("")}')
    assert project.make() == []


VECTOR = (
    "class Vector(sa.types.UserDefinedType):\n    cache_ok = True\n"
    "    def __init__(self, dim):\n        self.dim = dim\n"
    "    def get_col_spec(self, **_):\n        return f'VECTOR({self.dim})'\n"
)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("column", "before", "extension"),
    [
        ('"c", Vector(3)', VECTOR, "vector"),
        ('"c", postgresql.CITEXT', "", "citext"),
        ('"c", sa.ARRAY(postgresql.HSTORE)', "", "hstore"),
    ],
)
def test_a_type_whose_extension_is_missing_names_it(
    column: str, before: str, extension: str, project: Others
) -> None:
    project.table(column, before)
    project.make()
    with pytest.raises(StepError) as caught:
        project.go()
    assert f'type "{extension}' in caught.value.message
    assert f"CREATE EXTENSION IF NOT EXISTS {extension}'" in (caught.value.hint or "")


# -- alembic-users/F08: domains --------------------------------------------------------------------

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

DOMAINS = {
    "with a check": 'postgresql.DOMAIN("posint", sa.Integer, check="VALUE > 0")',
    "without one": 'postgresql.DOMAIN("anyint", sa.Integer)',
    "with all there is": (
        'postgresql.DOMAIN("Zip code", sa.String(9), check=sa.text("VALUE ~ \'^[0-9]+$\'"), '
        'constraint_name="digits", not_null=False, default="007", collation="C")'
    ),
    "around another, in an array": (
        'sa.ARRAY(postgresql.DOMAIN("small", postgresql.DOMAIN("posint", sa.Integer, '
        'check="VALUE > 0"), check="VALUE < 9"))'
    ),
    "in a decorator": "Positive()",
    "as a variant": (
        'sa.Integer().with_variant(postgresql.DOMAIN("posint", sa.Integer), "postgresql")'
    ),
}
POSITIVE = (
    "class Positive(sa.TypeDecorator):\n    cache_ok = True\n"
    '    impl = postgresql.DOMAIN("posint", sa.Integer, check="VALUE > 0")\n'
)
ALL_DOMAINS = """
    SELECT typname, format_type(typbasetype, typtypmod), typnotnull, typdefault,
        (SELECT string_agg(conname || ' ' || pg_get_constraintdef(c.oid), ' ')
         FROM pg_constraint c WHERE contypid = t.oid AND contype = 'c')
    FROM pg_type t WHERE typtype = 'd' AND typnamespace = 'public'::regnamespace ORDER BY typname
"""


@on_postgresql
@pytest.mark.parametrize("case", DOMAINS)
def test_a_domain_is_made_and_dropped_with_its_users(
    case: str, project: Others, theirs: str, tmp_path: Path
) -> None:
    project.table(f'"c", {DOMAINS[case]}', POSITIVE)
    [text] = project.make()
    assert "postgresql.DOMAIN(" in text
    assert project.make() == []
    project.go()
    made = project.query(ALL_DOMAINS)
    if "around" in case:  # SQLAlchemy makes the outer one alone
        assert [row[0] for row in made] == ["posint", "small"]
    else:
        assert project.catalog() == project.created(theirs)
        assert made == Others(tmp_path / "theirs", theirs).query(ALL_DOMAINS)
    assert not project.drift()
    project.go("zero")
    assert project.query(ALL_DOMAINS) == []


@on_postgresql
def test_a_domain_that_says_something_else_is_altered_in_place(project: Others) -> None:
    def says(*columns: str) -> None:
        listed = "".join(
            f'sa.Table("t{n}", metadata, sa.Column("id", sa.Integer, primary_key=True), '
            f'sa.Column("c", {column}))\n'
            for n, column in enumerate(columns)
        )
        project.says(listed)

    domain = 'postgresql.DOMAIN("posint", sa.Integer, {})'
    first, other = (
        domain.format('check="VALUE > 0"'),
        domain.format('check="VALUE > 5", default="7"'),
    )
    says(first, first)
    project.make()
    project.go()
    project.query("INSERT INTO t0 (id, c) VALUES (1, 8)")
    says(other, other)
    project.make()
    project.go()
    [(_, _, _, default, check)] = project.query(ALL_DOMAINS)
    assert (default, check) == ("7", "posint_check CHECK ((VALUE > 5))")
    says(other, "sa.Integer")
    project.make()
    project.go()
    assert len(project.query(ALL_DOMAINS)) == 1
    says("sa.Integer", "sa.Integer")
    project.make()
    project.go()
    assert project.query(ALL_DOMAINS) == []
    assert project.query("SELECT c FROM t0") == [(8,)]
    project.go("0001_initial")
    assert "VALUE > 0" in repr(project.query(ALL_DOMAINS))
    assert not project.drift()


@on_postgresql
def test_a_domain_gets_no_other_type_in_place(project: Others) -> None:
    project.table('"c", postgresql.DOMAIN("posint", sa.Integer)')
    project.make()
    project.go()
    project.table('"c", postgresql.DOMAIN("posint", sa.BigInteger)')
    project.make()
    with pytest.raises(UnsupportedError, match="the domain posint gets another type"):
        project.go()
    assert "integer" in repr(project.query(ALL_DOMAINS))


@on_postgresql
@pytest.mark.parametrize("name", ["mail", "address"])
def test_another_check_of_a_domain_that_arrays_are_of(project: Others, name: str) -> None:
    """PostgreSQL refuses it where there is such a column; the way that is told then works."""
    column = '"c", sa.ARRAY(postgresql.DOMAIN({!r}, sa.Text, check="VALUE LIKE {!r}"))'
    project.table(column.format("mail", "%@%")).make()
    project.go()
    project.query("INSERT INTO t (id, c) VALUES (1, '{a@b.c}')")
    project.table(column.format(name, "%@%.%")).make()
    if name == "mail":
        with pytest.raises(StepError, match='cannot alter type "mail"') as found:
            project.go()
        assert "Give the domain another name" in str(found.value.hint)
        return
    project.go()
    assert project.query("SELECT CAST(c AS text) FROM t") == [("{a@b.c}",)]
    assert not project.drift()


def test_a_domain_with_another_type_on_sqlite(project: Others, theirs: str) -> None:
    domain = 'postgresql.DOMAIN("posint", sa.Integer, check="VALUE > 0")'
    project.table(f'"c", {domain}.with_variant(sa.Integer, "sqlite")')
    project.make()
    project.go()
    if project.dialect == "postgresql":  # on SQLite, create_all ends in an AttributeError
        assert project.catalog() == project.created(theirs)
    assert not project.drift()
    project.go("zero")


def test_a_domain_without_another_type_on_sqlite_is_refused(
    tmp_path: Path, sqlite_url: str
) -> None:
    project = Others(tmp_path / "project", sqlite_url)
    project.table('"c", postgresql.DOMAIN("posint", sa.Integer)')
    with pytest.raises(ModelError, match="does not exist on sqlite"):
        project.make()


@on_postgresql
def test_a_database_with_domains_of_create_all_is_adopted(project: Others) -> None:
    project.table(f'"c", {DOMAINS["with a check"]}')
    project.created(project.url)
    project.make()
    migrate(project.config, Target(), fake_initial=True, rename=True)
    assert not project.drift()
    project.go("zero")
    assert project.query(ALL_DOMAINS) == []


#: What somebody does to a domain by hand; whether it can be taken back in place.
DOMAINS_BY_HAND = {
    "another check": (
        "ALTER DOMAIN posint DROP CONSTRAINT posint_check; ALTER DOMAIN posint ADD CHECK (VALUE > 5)",
        True,
    ),
    "one more check": ("ALTER DOMAIN posint ADD CONSTRAINT small CHECK (VALUE < 99)", True),
    "a check's name": ("ALTER DOMAIN posint RENAME CONSTRAINT posint_check TO other", True),
    "no check": ("ALTER DOMAIN posint DROP CONSTRAINT posint_check", True),
    "not null": ("ALTER DOMAIN posint SET NOT NULL", True),
    "another default": ("ALTER DOMAIN posint SET DEFAULT 8", True),
    "no default": ("ALTER DOMAIN posint DROP DEFAULT", True),
    "the inner one": ("ALTER DOMAIN base ADD CHECK (VALUE < 99)", True),
    "another type": (
        "CREATE DOMAIN aside AS bigint DEFAULT 7 CONSTRAINT posint_check CHECK (VALUE > 0); "
        "ALTER TABLE t ALTER c TYPE aside; DROP DOMAIN posint; ALTER DOMAIN aside RENAME TO posint",
        False,
    ),
    "another column's type": ("ALTER TABLE t ALTER c TYPE integer", True),
    "gone": ("ALTER TABLE t ALTER c TYPE integer; DROP DOMAIN posint", True),
}
OF_POSINT = """
base = postgresql.DOMAIN("base", sa.Integer{1})
sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("c", postgresql.DOMAIN("posint", sa.Integer, check=sa.text("VALUE > 0"), default="7"{0})),
    sa.Column("d", postgresql.DOMAIN("outer", base{1})),
    sa.Column("f", sa.ARRAY(postgresql.DOMAIN("word", sa.String(9), collation="C",
        check="VALUE <> ''"{0}))))
"""


@on_postgresql
@pytest.mark.parametrize("place", ["", ', schema="other"', ', schema="public"'])
def test_domains_as_the_models_say_them_are_no_drift(project: Others, place: str) -> None:
    project.says(OF_POSINT.format(place, place)).make()
    project.go()
    assert not project.drift()


@on_postgresql
@pytest.mark.parametrize("case", DOMAINS_BY_HAND)
def test_a_domain_that_was_changed_by_hand_is_drift(project: Others, case: str) -> None:
    by_hand, in_place = DOMAINS_BY_HAND[case]
    project.says(OF_POSINT.format("", "")).make()
    project.go()
    before = project.query(ALL_DOMAINS)
    project.query(by_hand)
    found = project.drift()
    assert found
    if not in_place:
        with pytest.raises(UnsupportedError, match="the domain posint gets another type"):
            script_back(project.config, found)
        return
    for statement in script_back(project.config, found).statements:
        project.query(statement.sql)
    assert not project.drift()
    assert project.query(ALL_DOMAINS) == before


@on_postgresql
def test_checks_of_a_domain_with_any_name_are_taken_back(project: Others) -> None:
    name = "Odd'%I $$x"
    check = 'sa.text("VALUE > 0 AND VALUE < 90")'
    project.table(f'"c", postgresql.DOMAIN({name!r}, sa.Integer, check={check})').make()
    project.go()
    before = project.query(ALL_DOMAINS)
    project.query(f'ALTER DOMAIN "{name}" ADD CONSTRAINT "it\'s" CHECK (VALUE < 99)')
    for statement in script_back(project.config, project.drift()).statements:
        project.query(statement.sql)
    assert not project.drift()
    assert project.query(ALL_DOMAINS) == before


@on_postgresql
def test_a_check_that_somebody_added_to_a_domain_outlives_another_of_the_model(
    project: Others,
) -> None:
    column = '"c", postgresql.DOMAIN("d", sa.Integer, check="VALUE > 0 AND VALUE < {}")'
    project.table(column.format(90)).make()
    project.go()
    project.query("ALTER DOMAIN d ADD CONSTRAINT mine CHECK (VALUE <> 13)")
    project.table(column.format(95)).make()
    project.go()
    assert project.query("SELECT conname FROM pg_constraint WHERE contypid = 'd'::regtype") == [
        ("mine",),
        ("d_check",),
    ]


#: What somebody does to an enum type, an identity or a sequence by hand, and what drift says of it.
COUNTERS_BY_HAND = {
    "labels in another order": (
        "ALTER TABLE t ALTER k TYPE text; DROP TYPE kind; CREATE TYPE kind AS ENUM ('b', 'a'); "
        "ALTER TABLE t ALTER k TYPE kind USING k::kind",
        "(b, a)",
    ),
    "a label between": ("ALTER TYPE kind ADD VALUE 'c' BEFORE 'b'", "(a, c, b)"),
    "an identity counts in fives": ("ALTER TABLE t ALTER n SET INCREMENT 5", "increment 5"),
    "an identity is bounded": ("ALTER TABLE t ALTER n SET MAXVALUE 5000", "maxvalue 5000"),
    "a sequence counts in sevens": ("ALTER SEQUENCE s INCREMENT 7", "(start 5, increment 7)"),
    "a sequence begins elsewhere": ("ALTER SEQUENCE s START 9", "SEQUENCE (start 9)"),
    "a sequence of a smaller type": ("ALTER SEQUENCE s AS integer", "maxvalue 2147483647"),
    "a sequence goes round": ("ALTER SEQUENCE s CYCLE", "(start 5, cycle)"),
}


@on_postgresql
@pytest.mark.parametrize("case", COUNTERS_BY_HAND)
def test_what_counts_otherwise_is_drift(project: Others, case: str) -> None:
    by_hand, said = COUNTERS_BY_HAND[case]
    project.says(
        'sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True),\n'
        '    sa.Column("k", sa.Enum("a", "b", name="kind")),\n'
        '    sa.Column("n", sa.Integer, sa.Identity(start=3, increment=2)),\n'
        '    sa.Column("m", sa.Integer, sa.Sequence("s", start=5)))\n'
    ).make()
    project.go()
    project.query(by_hand)
    found = project.drift()
    [detail] = [detail for each in found.deviations for detail in each.details]
    assert detail.found is not None and said in detail.found
    for statement in script_back(project.config, found).statements:
        project.query(statement.sql)
    assert not project.drift()


@on_postgresql
def test_a_domain_of_others_is_not_dropped(project: Others) -> None:
    """A column got it by hand: it gets its own type back, and the domain stays."""
    project.table('"c", sa.Integer').make()
    project.go()
    project.query("CREATE DOMAIN theirs AS integer CHECK (VALUE > 3)")
    assert not project.drift()
    project.query("ALTER TABLE t ALTER c TYPE theirs")
    sql = [each.sql for each in script_back(project.config, project.drift()).statements]
    assert any("ALTER TABLE" in each for each in sql) and not any("DROP DOMAIN" in s for s in sql)


@on_postgresql
def test_files_take_a_domain_over_as_the_database_has_it(project: Others) -> None:
    """`drift --makemigrations`: what was done by hand is a migration, and can be undone."""
    project.says(OF_POSINT.format("", "")).make()
    project.go()
    project.query("ALTER DOMAIN posint ADD CONSTRAINT small CHECK (VALUE < 99)")
    files = migrations_of(project.config, project.drift())
    write(files)
    migrate(project.config, fake=True)
    assert not project.drift()
    project.go("0001_initial")
    assert not project.drift()
    project.go()
    assert not project.drift()


def test_two_domains_of_one_name_are_refused(project: Others) -> None:
    project.says(
        "".join(
            f'sa.Table("t{n}", metadata, sa.Column("id", sa.Integer, primary_key=True), '
            'sa.Column("c", postgresql.DOMAIN("posint", sa.Integer, '
            f'check="VALUE > {n}").with_variant(sa.Integer, "sqlite")))\n'
            for n in (0, 1)
        )
    )
    with pytest.raises(ModelError, match=r"the domain posint is another one in core\.t0"):
        project.make()


def test_a_default_that_a_type_writes_differently_each_time_is_refused() -> None:
    """Each makemigrations would find another one; and what encrypts needs a secret."""
    sealed = (
        "import os\nimport sqlalchemy as sa\nfrom whimbrel import models\n"
        "class Sealed(sa.TypeDecorator):\n    impl = sa.LargeBinary\n    cache_ok = True\n"
        "    def process_bind_param(self, value, dialect):\n        return os.urandom(9)\n"
        "class Thing(models.Model):\n    x = models.Field(Sealed(), default={})\n"
    )
    check_state(read_native(sealed.format("lambda: 's3cret'"), "things"))
    with pytest.raises(
        ModelError, match="Sealed writes its constant default differently"
    ) as caught:
        read_native(sealed.format("'s3cret'"), "things")
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"
    assert caught.value.place

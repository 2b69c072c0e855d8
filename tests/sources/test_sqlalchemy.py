"""Models of others: what is read from SQLAlchemy's tables and classes."""

import importlib
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql

from whimbrel.errors import ConfigError, ModelError
from whimbrel.models import (
    CASCADE,
    SET_NULL,
    SQL,
    CheckConstraint,
    ExclusionConstraint,
    Field,
    ForeignKey,
    ForeignKeyConstraint,
    GeneratedField,
    Identity,
    Index,
    IndexPart,
    PrimaryKeyConstraint,
    Sequence,
    UniqueConstraint,
)
from whimbrel.sources.sqlalchemy import load, read
from whimbrel.state.lowering import lower

pytestmark = pytest.mark.reduced

INTEGER = sa.Integer()


def read_table(*columns, naming=None, **options):
    """The model of a table "t" with a primary key "id" and these columns or constraints."""
    metadata = sa.MetaData(naming_convention=naming)
    sa.Table(
        "other",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.BigInteger, unique=True),
    )
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns, **options)
    return read(metadata, "core").model("core.t")


COLUMNS = [
    (sa.Column("c", sa.Integer), Field(INTEGER, null=True)),
    (sa.Column("c", sa.Integer, nullable=False), Field(INTEGER)),
    (sa.Column("c", sa.Integer, default=5), Field(INTEGER, null=True)),
    (sa.Column("c", sa.Integer, unique=True), Field(INTEGER, null=True, unique=True)),
    (sa.Column("c", sa.Integer, comment="x"), Field(INTEGER, null=True, db_comment="x")),
    (sa.Column("c", sa.Integer, key="k"), Field(INTEGER, null=True, db_column="c")),
    (sa.Column("c", sa.Integer, server_default="5"), Field(INTEGER, null=True, db_default=SQL("'5'"))),
    (sa.Column("c", sa.String, server_default="it's"), Field(sa.String(), null=True, db_default=SQL("'it''s'"))),
    (sa.Column("c", sa.Integer, server_default=sa.text("1 + 1")), Field(INTEGER, null=True, db_default=SQL("1 + 1"))),
    (
        sa.Column("c", sa.DateTime, server_default=sa.func.now()),
        Field(sa.DateTime(), null=True, db_default=SQL("now()", sqlite="CURRENT_TIMESTAMP")),
    ),
    (
        sa.Column("c", sa.Boolean, server_default=sa.true()),
        Field(sa.Boolean(), null=True, db_default=SQL("1", mysql="true", postgresql="true")),
    ),
    (sa.Column("c", sa.Integer, sa.FetchedValue()), Field(INTEGER, null=True)),
    (sa.Column("c", sa.Integer, sa.Identity(start=5, always=True)), Field(INTEGER, identity=Identity(start=5, always=True))),
    (sa.Column("c", sa.Integer, sa.Sequence("s", start=3)), Field(INTEGER, null=True, sequence=Sequence("s", start=3))),
    (sa.Column("c", sa.Integer, sa.Computed("id * 2")), GeneratedField(SQL("id * 2"), Field(INTEGER))),
    (
        sa.Column("c", sa.Integer, sa.Computed("id * 2", persisted=False)),
        GeneratedField(SQL("id * 2"), Field(INTEGER), db_persist=False),
    ),
    (
        sa.Column("c", sa.ForeignKey("other.id")),
        ForeignKey("core.other", null=True, db_column="c", db_index=False),
    ),
    (
        sa.Column("c_id", sa.ForeignKey("other.id"), key="c", nullable=False),
        ForeignKey("core.other", db_index=False),
    ),
    (
        sa.Column("c", sa.ForeignKey("other.n", name="own", ondelete="cascade", onupdate="CASCADE", deferrable=True, initially="DEFERRED")),
        ForeignKey(
            "core.other", CASCADE, to_field="n", null=True, db_column="c", db_index=False,
            db_constraint="own", on_update="CASCADE", deferrable="deferred",
        ),
    ),
    (
        sa.Column("c", sa.BigInteger, sa.ForeignKey("other.id", ondelete="SET NULL", use_alter=True)),
        ForeignKey("core.other", SET_NULL, null=True, db_column="c", db_index=False, type=sa.BigInteger()),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "field"), COLUMNS, ids=lambda each: repr(each)[:70].split(" object at ")[0]
)
def test_columns(column, field):
    found = read_table(column).fields[-1]
    assert (found.name, found.field) == (column.key, field)


A, B = (lambda: sa.Column("a", sa.Integer, nullable=False)), (lambda: sa.Column("b", sa.Integer))

PARTS = [
    (sa.UniqueConstraint("a", "b"), UniqueConstraint(fields=["a", "b"])),
    (sa.UniqueConstraint("a", name="x"), UniqueConstraint(fields="a", name="x")),
    (sa.UniqueConstraint("a", deferrable=True), UniqueConstraint(fields="a", deferrable="immediate")),
    (
        sa.UniqueConstraint("a", postgresql_nulls_not_distinct=True),
        UniqueConstraint(fields="a", nulls_distinct=False),
    ),
    (sa.CheckConstraint("a > 0"), CheckConstraint("a > 0")),
    (sa.CheckConstraint(r"a > '\:x'"), CheckConstraint("a > ':x'")),
    (sa.CheckConstraint(sa.column("a") + 1 > 0, name="x"), CheckConstraint("a + 1 > 0", name="x")),
    (
        sa.ForeignKeyConstraint(["a", "b"], ["other.id", "other.n"], name="x", ondelete="CASCADE"),
        ForeignKeyConstraint(fields=["a", "b"], to="core.other", to_fields=["id", "n"], name="x", on_delete=CASCADE),
    ),
    (
        sa.ForeignKeyConstraint(["a"], ["other.id"], name="x", ondelete="SET NULL"),
        ForeignKeyConstraint(fields="a", to="core.other", to_fields="id", name="x", on_delete=SET_NULL),
    ),
    (
        postgresql.ExcludeConstraint(("a", "="), (sa.text("int4range(a, b)"), "&&"), name="x", where=sa.text("a > 0")),
        ExclusionConstraint(
            expressions=[("a", "="), (SQL("int4range(a, b)"), "&&")], name="x", condition=SQL("a > 0")
        ),
    ),
    (sa.Index("x", "a", "b"), Index(fields=["a", "b"], name="x")),
    (sa.Index("x", "a", unique=True), Index(fields="a", name="x", unique=True)),
    (sa.Index("x", sa.text("lower(a) DESC NULLS LAST")), Index(IndexPart(SQL("lower(a)"), True, "last"), name="x")),
    (sa.Index("x", sa.desc(sa.column("a"))), Index(IndexPart(SQL("a"), True), name="x")),
    (
        sa.Index("x", "a", postgresql_using="GIN", postgresql_with={"fastupdate": False}, postgresql_ops={"a": "int4_ops"}),
        Index(IndexPart("a", opclass="int4_ops"), name="x", method="gin", options={"fastupdate": False}),
    ),
    (
        sa.Index("x", "a", postgresql_where=sa.text("b > 0"), sqlite_where=sa.text("b > 0"), postgresql_include=["b"]),
        Index(fields="a", name="x", condition=SQL("b > 0"), include="b"),
    ),
    (
        sa.Index("x", "a", postgresql_where=sa.text("b"), sqlite_where=sa.text("b = 1")),
        Index(fields="a", name="x", condition=SQL("b", sqlite="b = 1")),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "part"), PARTS, ids=lambda each: repr(each)[:70].split(" object at ")[0]
)
def test_constraints_and_indexes(given, part):
    model = read_table(A(), B(), given)
    assert [each.value for each in (*model.options.indexes, *model.options.constraints)] == [part]


def test_expressions_of_columns_lose_their_table():
    metadata = sa.MetaData()
    table = sa.Table("t", metadata, sa.Column("a", sa.Integer), sa.Column("b", sa.String))
    sa.Index(
        "x", table.c.a.desc().nulls_last(), sa.func.lower(table.c.b), postgresql_where=table.c.a > 3
    )
    table.append_constraint(sa.CheckConstraint(table.c.b != "it's", name="c"))
    options = read(metadata, "core").model("core.t").options
    assert options.indexes[0].value == Index(
        IndexPart("a", True, "last"),
        SQL("lower(b)"),
        name="x",
        condition=SQL("", postgresql="a > 3"),
    )
    assert options.constraints[0].value == CheckConstraint("b != 'it''s'", name="c")


CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (sa.Column("c", sa.Integer, unique=True), "uq_t_c"),
        (sa.Column("c", sa.Integer, index=True), "ix_t_c"),
        (sa.CheckConstraint("id > 0", name="positive"), "ck_t_positive"),
        (sa.Column("c", sa.Integer, sa.CheckConstraint("c > 0", name="own")), "ck_t_own"),
        (sa.CheckConstraint("id > 0", name=sa.sql.naming.conv("exactly")), "exactly"),
        (sa.Column("c", sa.ForeignKey("other.id")), "fk_t_c_other"),
        (sa.Column("c", sa.Integer), "pk_t"),
    ],
)
def test_names_come_from_the_naming_convention(given, name):
    model = read_table(given, naming=CONVENTION)
    names = [part.name for part in (*model.options.indexes, *model.options.constraints)]
    names += [
        each.field.db_constraint for each in model.fields if isinstance(each.field, ForeignKey)
    ]
    assert name in names


class TestPrimaryKeys:
    @pytest.mark.parametrize(
        ("columns", "key", "counts"),
        [
            ([sa.Column("a", sa.Integer, primary_key=True)], ["a"], ["a"]),
            ([sa.Column("a", sa.Integer, primary_key=True, autoincrement=False)], ["a"], []),
            ([sa.Column("a", sa.Integer, primary_key=True, default=lambda: 1)], ["a"], ["a"]),
            ([sa.Column("a", sa.String, primary_key=True)], ["a"], []),
            (
                [sa.Column("a", sa.Integer, primary_key=True), sa.Column("b", sa.Integer, primary_key=True)],
                ["a", "b"],
                [],
            ),
            ([sa.Column("a", sa.Integer), sa.Column("b", sa.Integer), sa.PrimaryKeyConstraint("b", "a")], ["b", "a"], []),
        ],
    )  # fmt: skip
    def test_keys_and_counters(self, columns, key, counts):
        metadata = sa.MetaData()
        sa.Table("t", metadata, *columns)
        model = read(metadata, "core").model("core.t")
        assert [each.name for each in model.primary_key] == key
        made = str(
            sa.schema.CreateTable(metadata.tables["t"]).compile(dialect=postgresql.dialect())
        )
        assert [each.name for each in model.fields if each.field.autoincrement] == (
            counts if "SERIAL" in made else []
        )

    def test_a_name_of_its_own(self):
        metadata = sa.MetaData()
        sa.Table(
            "t", metadata, sa.Column("a", sa.Integer), sa.PrimaryKeyConstraint("a", name="own")
        )
        (part,) = read(metadata, "core").model("core.t").options.constraints
        assert part.value == PrimaryKeyConstraint(fields="a", name="own")


class TestTables:
    def test_comment_schema_and_dialect_options(self):
        options = read_table(
            comment="hi", schema="s", sqlite_with_rowid=False, info={"x": 1}
        ).options
        assert (options.db_table, options.schema, options.db_table_comment) == ("t", "s", "hi")
        assert options.dialect == (("sqlite_with_rowid", False),)

    def test_names_of_models_differ(self):
        metadata = sa.MetaData()
        for name, schema in (("a-b", None), ("A_b", "s"), ("a_b", None), ("c", None)):
            sa.Table(name, metadata, sa.Column("x", sa.Integer), schema=schema)
        names = [model.name for model in read(metadata, "core")]
        assert names == ["a_b", "s_A_b", "a_b_2", "c"]

    def test_a_boolean_with_a_check(self):
        """PostgreSQL has a type for it, and SQLAlchemy makes no CHECK there."""
        model = read_table(sa.Column("c", sa.Boolean(create_constraint=True, name="is_bool")))
        assert model.field("c").field == Field(sa.Boolean(), null=True)
        (part,) = model.options.constraints
        assert part.value == CheckConstraint("c IN (0, 1)", name="is_bool", dialects=["sqlite"])

    def test_an_enum_with_a_check(self):
        model = read_table(sa.Column("c", sa.Enum("a", "b", name="e", create_constraint=True)))
        assert model.field("c").field.column_type().check
        assert model.options.constraints == ()


class TestClasses:
    def test_models_and_fields_are_called_as_in_python(self):
        class Base(orm.DeclarativeBase):
            pass

        class Person(Base):
            __tablename__ = "people"
            id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
            given: orm.Mapped[str] = orm.mapped_column("given_name", sa.String(30))
            kind: orm.Mapped[str]
            __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "p"}

        class Worker(Person):
            __mapper_args__ = {"polymorphic_identity": "w"}
            wage: orm.Mapped[int | None] = orm.mapped_column("pay")

        class Boss(Person):
            __tablename__ = "bosses"
            __mapper_args__ = {"polymorphic_identity": "b"}
            id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("people.id"), primary_key=True)

        sa.Table("plain", Base.metadata, sa.Column("x", sa.Integer))
        state = read(Base.metadata, "core")
        names = {model.name: [each.name for each in model.fields] for model in state}
        assert names == {
            "Person": ["id", "given", "kind", "wage"],
            "Boss": ["id"],
            "plain": ["x"],
        }
        assert state.model("core.Person").field("wage").field.db_column == "pay"
        assert state.model("core.Person").place.startswith("tests/sources/test_sqlalchemy.py:")
        assert Worker.__table__ is Person.__table__ and issubclass(Boss, Person)

    def test_cycles_are_ordinary(self):
        metadata = sa.MetaData()
        for name, other in (("a", "b"), ("b", "a")):
            sa.Table(
                name,
                metadata,
                sa.Column("id", sa.Integer, primary_key=True),
                sa.Column(
                    "x", sa.ForeignKey(f"{other}.id", use_alter=name == "a", name=f"fk_{name}")
                ),
            )
        schema = lower(read(metadata, "core"))
        assert [key.name for table in schema.tables.values() for key in table.foreign_keys] == [
            "fk_a",
            "fk_b",
        ]


class Nowhere(sa.types.TypeDecorator):
    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect):
        raise NotImplementedError("s3cret")


class TestRefusals:
    @pytest.mark.parametrize(
        ("column", "message"),
        [
            (sa.Column("c"), "the column 'c' has no type"),
            (sa.Column("c", sa.ForeignKey("nowhere.id")), "points at what is not there"),
            (sa.Column("c", sa.Enum("a", "b")), "no name"),
            (sa.Column("c", Nowhere()), "Nowhere is a type of no database: sqlite ends in a NotImpl"),
            (sa.Column("c", sa.ForeignKey("other.id", ondelete="VANISH")), "ON DELETE VANISH"),
            (sa.Column("c", sa.Integer, sa.CheckConstraint(sa.literal(object()) == 1)), "cannot be written"),
            (sa.Column("c", sa.Integer, sa.CheckConstraint("c > :x")), "the parameter :x"),
        ],
        ids=lambda each: str(each)[:40],
    )  # fmt: skip
    def test_what_no_file_could_say(self, column, message):
        with pytest.raises(ModelError, match=message) as caught:
            read_table(column)
        assert caught.value.place == "Table 't'"
        assert caught.value.hint
        assert "s3cret" not in str(caught.value)

    def test_a_table_of_another_metadata(self):
        other = sa.Table("o", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
        with pytest.raises(ModelError, match="the table o, which is in no app"):
            read_table(sa.Column("c", sa.ForeignKey(other.c.id)))


REAL = ["jupyterhub.orm:Base", "optuna.storages._rdb.models:BaseModel"]


@pytest.mark.parametrize("target", REAL)
def test_real_models_are_read_alike_twice(target):
    metadata = load(target, Path.cwd(), "test")
    first, second = (read(metadata, "core", target) for _ in range(2))
    assert lower(first) == lower(second)
    assert {table.at.name for table in lower(first).tables.values()} == set(metadata.tables)


def test_sqlmodel_classes():
    sqlmodel = pytest.importorskip("sqlmodel")

    class Team(sqlmodel.SQLModel, table=True):
        __tablename__ = "sources_team"
        id: int | None = sqlmodel.Field(default=None, primary_key=True)
        name: str = sqlmodel.Field(index=True)

    class Hero(sqlmodel.SQLModel, table=True):
        __tablename__ = "sources_hero"
        id: int | None = sqlmodel.Field(default=None, primary_key=True)
        team_id: int | None = sqlmodel.Field(default=None, foreign_key="sources_team.id")

    class NoTable(sqlmodel.SQLModel):
        x: int

    state = read(load("sqlmodel:SQLModel", Path.cwd(), "test"), "core", "sqlmodel:SQLModel")
    assert state.model("core.Hero").field("team_id").field == ForeignKey(
        "core.Team", null=True, db_column="team_id", db_index=False
    )
    assert [part.name for part in state.model("core.Team").options.indexes] == [
        "ix_sources_team_name"
    ]
    assert "core.NoTable" not in state
    for model in (Team, Hero):
        sqlmodel.SQLModel.metadata.remove(model.__table__)


class TestTargets:
    @pytest.fixture
    def acme(self, tmp_path, monkeypatch):
        """A module "acme_db" of the given text, importable."""

        def write(text):
            (tmp_path / "acme_db.py").write_text(text)
            importlib.invalidate_caches()
            monkeypatch.syspath_prepend(tmp_path)
            monkeypatch.delitem(importlib.sys.modules, "acme_db", raising=False)
            return tmp_path

        return write

    HOLDERS = (
        "import sqlalchemy as sa\nfrom sqlalchemy import orm\n"
        "class Base(orm.DeclarativeBase): pass\n"
        "class A(Base):\n    __tablename__ = 'a'\n    id = sa.Column(sa.Integer, primary_key=True)\n"
        "class Space:\n    metadata_of_it = Base.metadata\n    registry = Base.registry\n"
    )

    @pytest.mark.parametrize(
        "target",
        [
            "acme_db:Base",
            "acme_db:Base.metadata",
            "acme_db:Space.registry",
            "acme_db:Space.metadata_of_it",
            "acme_db",
        ],
    )
    def test_what_holds_models(self, acme, target):
        assert set(load(target, acme(self.HOLDERS), "x").tables) == {"a"}

    @pytest.mark.parametrize(
        ("text", "target", "message", "place"),
        [
            (HOLDERS, "acme_db:Bass", "has no Bass", "x"),
            (HOLDERS, "acme_db:sa", "holds no models", "x"),
            (HOLDERS, "acme_not", "no module 'acme_not'", "x"),
            ("import sqlalchemy as sa\nm = sa.MetaData()\nn = sa.MetaData()", "acme_db", "2 sets", "x"),
            ("", "acme_db", "no sets", "x"),
            ("x = 1\n1 / 0\n", "acme_db:Base", "ZeroDivisionError", "acme_db.py:2"),
            ("import not_there_at_all\n", "acme_db:Base", "not_there_at_all", "acme_db.py:1"),
            ("x = (\n", "acme_db:Base", "SyntaxError", "acme_db.py:1"),
        ],
    )  # fmt: skip
    def test_what_does_not(self, acme, text, target, message, place):
        with pytest.raises(ConfigError, match=message) as caught:
            load(target, acme(text), "x")
        assert caught.value.place.endswith(place)
        assert caught.value.hint

"""What `create_all` makes, `migrate` makes: names, checks, options of tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from created import Created
from servers import PostgresServer
from whimbrel.commands.check import check
from whimbrel.commands.inspect import inspect
from whimbrel.errors import HistoryError, ModelError, StepError
from whimbrel.planning.plan import Target


@pytest.fixture(params=["sqlite", "postgresql"])
def created(
    request: pytest.FixtureRequest, tmp_path: Path, project_root: Path
) -> Iterator[Created]:
    """A project and two empty databases of one kind."""
    if request.param == "sqlite":
        urls = (f"sqlite:///{tmp_path}/{name}.db" for name in ("ours", "theirs"))
        made = Created(project_root, *urls)
        yield made
        made.close()
        return
    server: PostgresServer = request.getfixturevalue("postgresql_server")
    with server.fresh_database() as ours, server.fresh_database() as theirs:
        made = Created(project_root, server.url(ours), server.url(theirs))
        yield made
        made.close()


only_sqlite = pytest.mark.parametrize("created", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("created", ["postgresql"], indirect=True)


def is_postgresql(created: Created) -> bool:
    return created.ours.startswith("postgresql")


# -- corpora, and their siblings -------------------------------------------------------

#: MetaData, and what create_all makes of them on each database.
LIKE_CREATE_ALL = {
    "corpora/07": """
sa.Table("parcel", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Enum("a", "b", name="parcel_kind_chk", create_constraint=True,
        native_enum=False)))
""",
    "corpora/05": """
sa.Table("flag", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("active", sa.Boolean(name="flag_active_chk", create_constraint=True)),
    sa.Column("plain", sa.Boolean(create_constraint=True)),
    sa.Column("kind", sa.Enum("a", "b", name="flag_kind_chk", create_constraint=True)),
    sa.Column("kind2", sa.Enum("a", "b", name="flag_kind2_chk", create_constraint=True,
        native_enum=False)))
""",
    "corpora/16": """
sa.Table("tick", metadata, sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("n", sa.Integer))
sa.Table("tock", metadata,
    sa.Column("id", sa.Integer, sa.Identity(start=7, always=True), primary_key=True),
    sa.Column("n", sa.Integer), sqlite_autoincrement=True)
""",
    "corpora/03": """
metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s",
    "fk": "%(table_name)s_%(column_0_name)s_fkey"})
sa.Table("measurement_campaign_participant", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("originating_measurement_device_id", sa.Integer, index=True))
""",
    "alembic-users/F05 not valid": """
sa.Table("item", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a", sa.Integer),
    sa.Column("o", sa.ForeignKey("item.id", name="o", postgresql_not_valid=True)),
    sa.CheckConstraint("a > 0", name="c", postgresql_not_valid=True))
""",
    "an enum that no name has": """
sa.Table("parcel", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Enum("a", "b", create_constraint=True, native_enum=False)),
    sa.Column("size", sa.Enum("a", "b", native_enum=False)))
""",
    "an enum under a convention": """
metadata = sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
sa.Table("parcel", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Enum("a", "b", name="kind", create_constraint=True, native_enum=False)))
""",
    "types with checks under a convention": """
import enum
metadata = sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
class Size(enum.Enum):
    small = 1
    large = 2
sa.Table("parcel", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Enum("a", "b", name="kind", create_constraint=True)),
    sa.Column("fixed", sa.Enum("a", "b", name=sa.schema.conv("fixed"), create_constraint=True)),
    sa.Column("size", sa.Enum(Size, create_constraint=True)),
    sa.Column("bare", sa.Enum("a", "b", name="bare")),
    sa.Column("paid", sa.Boolean(name="paid", create_constraint=True)))
""",
    "types with checks under a convention of columns": """
metadata = sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(column_0_name)s"})
sa.Table("parcel", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Enum("a", "b", name="kind_type", create_constraint=True)),
    sa.Column("other", sa.Enum("a", "b", create_constraint=True, native_enum=False)),
    sa.Column("paid", sa.Boolean(name="is_paid", create_constraint=True)),
    sa.Column("sent", sa.Boolean(create_constraint=True)))
""",
}

#: A native enum whose CHECK on SQLite has its own name or another's; two labels, and three.
CHECKED = """
metadata = sa.MetaData(naming_convention={0})
sa.Table("parcel", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Enum({1}, name="kind", create_constraint=True)))
"""
PLAIN_NAMES = {"ix": "ix_%(column_0_label)s"}
CHECK_NAMES = {"ck": "ck_%(table_name)s_%(constraint_name)s"}


def test_the_check_of_a_native_enum_follows_the_convention(created: Created) -> None:
    """A convention that comes later, a label that comes and goes: always as create_all makes it."""
    ways = [(PLAIN_NAMES, '"a", "b"'), (CHECK_NAMES, '"a", "b"'), (CHECK_NAMES, '"a", "b", "c"')]
    for number, (names, labels) in enumerate(ways):
        created.said(CHECKED.format(names, labels)).makemigrations()
        created.migrate()
        if number == 0:
            created.query("INSERT INTO parcel (id, kind) VALUES (1, 'a')")
        created.theirs = created.theirs.replace("theirs", f"theirs{number}")
        if not is_postgresql(created):
            created.create_all()
            created.assert_same()
        assert not created.drift() and created.makemigrations() == ""
    for name in ("0002", "0001"):
        created.migrate(Target("core", name))
        assert not created.drift()
    assert created.query("SELECT id, kind FROM parcel") == [(1, "a")]


# -- a database made by create_all, without a naming convention ----------------------------------

NAMELESS = """
sa.Table("p", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("u", sa.Integer, unique=True),
    sa.Column("x", sa.Integer, index=True),
    sa.Column("kind", sa.Enum("a", "b", create_constraint=True, native_enum=False)),
    sa.CheckConstraint("x > 0"))
sa.Table("c", metadata,
    sa.Column("a", sa.Integer, primary_key=True),
    sa.Column("b", sa.Integer, primary_key=True),
    sa.Column("p_id", sa.ForeignKey("p.id")),
    sa.Column("q_id", sa.ForeignKey("p.u")),
    sa.UniqueConstraint("p_id", "q_id"),
    sa.CheckConstraint("a > b"))
"""
#: The same without what has no name in it.
BARE = """
sa.Table("p", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("u", sa.Integer, unique=True),
    sa.Column("x", sa.Integer),
    sa.Column("kind", sa.Enum("a", "b", "c", create_constraint=True, native_enum=False)))
sa.Table("c", metadata,
    sa.Column("a", sa.Integer, primary_key=True),
    sa.Column("b", sa.Integer, primary_key=True),
    sa.Column("p_id", sa.Integer),
    sa.Column("q_id", sa.ForeignKey("p.u", ondelete="CASCADE")))
"""


def test_what_create_all_made_is_adopted_under_the_names_of_migrations(created: Created) -> None:
    """A later migration takes away what it does on a database that migrations made."""
    created.said(NAMELESS).makemigrations()
    created.create_all(created.ours)
    if is_postgresql(created):
        with pytest.raises(HistoryError, match="under other names") as caught:
            created.migrate(fake_initial=True)
        assert "--fake-initial --rename" in str(caught.value.hint)
    created.migrate(fake_initial=True, rename=True)
    assert not created.drift()
    created.said(BARE).makemigrations()
    created.migrate()
    assert not created.drift()
    created.create_all()
    created.assert_same()
    created.migrate(Target("core", "0001"))
    assert not created.drift()


@pytest.mark.parametrize("text", [LIKE_CREATE_ALL["corpora/16"]], ids=["corpora/16"])
def test_what_needs_no_other_names_is_adopted_as_it_is(created: Created, text: str) -> None:
    created.said(text).makemigrations()
    created.create_all(created.ours)
    created.migrate(fake_initial=True, rename=is_postgresql(created))
    assert not created.drift()


@only_postgresql
def test_what_differs_otherwise_is_not_renamed(created: Created) -> None:
    created.said(NAMELESS).makemigrations()
    created.create_all(created.ours)
    created.query("ALTER TABLE c DROP COLUMN q_id")
    with pytest.raises(HistoryError, match="q_id: column is missing"):
        created.migrate(fake_initial=True, rename=True)
    assert ("c_pkey",) in created.query("SELECT conname FROM pg_constraint")


#: The same, of what SQLite has not.
LIKE_CREATE_ALL_ON_POSTGRESQL = {
    "alembic-users/F05 unlogged": """
sa.Table("item", metadata, sa.Column("id", sa.Integer, primary_key=True), prefixes=["UNLOGGED"])
""",
    "alembic-users/F05 tablespace": """
sa.Table("item", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a", sa.Integer),
    sa.Index("ix_a", "a", postgresql_tablespace="fast", postgresql_with={"fillfactor": 70}),
    postgresql_tablespace="fast")
""",
    "the tablespace that is the database's": """
sa.Table("item", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a", sa.Integer),
    sa.Index("ix_a", "a", postgresql_tablespace="pg_default"),
    postgresql_tablespace="pg_default")
""",
    "a sequence that a server default draws from": """
ticket = sa.Sequence("ticket_no", metadata=metadata, start=5)
sa.Table("item", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer, server_default=ticket.next_value()))
""",
}


@pytest.fixture
def fast(postgresql_server: PostgresServer) -> Iterator[None]:
    """A tablespace of that name."""
    server = postgresql_server
    directory = server.directory / "fast"
    # The server itself makes it, since it must be the owner.
    server.execute(f"COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; mkdir {directory}'")
    server.execute(f"CREATE TABLESPACE fast LOCATION '{directory}'")
    yield
    server.execute("DROP TABLESPACE fast")
    server.execute(f"COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; rmdir {directory}'")


@pytest.mark.parametrize("text", LIKE_CREATE_ALL.values(), ids=LIKE_CREATE_ALL)
def test_what_create_all_makes_migrate_makes(created: Created, text: str) -> None:
    comes_and_goes_as_with_create_all(created, text)


@only_postgresql
@pytest.mark.parametrize(
    "text", LIKE_CREATE_ALL_ON_POSTGRESQL.values(), ids=LIKE_CREATE_ALL_ON_POSTGRESQL
)
def test_what_only_postgresql_has_too(fast: None, created: Created, text: str) -> None:
    comes_and_goes_as_with_create_all(created, text)


def comes_and_goes_as_with_create_all(created: Created, text: str) -> None:
    created.said(text).makemigrations()
    created.migrate()
    created.create_all()
    created.assert_same()
    assert created.makemigrations() == ""
    assert not created.drift()
    created.migrate(Target("core", "zero"))
    assert not any("table" in name or "core" in name for name in created.seen().get("tables", ()))


ENUM = """
sa.Table("parcel", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("{column}", sa.Enum({labels}, name="{name}", create_constraint=True,
        native_enum=False)))
"""


def test_the_check_of_an_enum_goes_with_its_labels(created: Created) -> None:
    """Its name is the enum's: another name of the column leaves it, another of the enum does not."""
    for column, name, labels in (
        ("kind", "k", '"a"'),
        ("kind", "k", '"a", "b"'),
        ("kind", "other", '"a", "b"'),
    ):
        created.said(ENUM.format(column=column, name=name, labels=labels)).makemigrations()
        created.migrate()
        assert not created.drift()
        created.query("DROP TABLE IF EXISTS parcel", created.theirs)
        created.create_all()
        created.assert_same()
    for target in ("0002", "0001"):
        created.migrate(Target("core", target))
        assert not created.drift()


@only_postgresql
def test_a_check_under_its_older_name_goes_too(created: Created) -> None:
    created.said(ENUM.format(column="kind", name="k", labels='"a"')).makemigrations()
    created.migrate()
    created.query("ALTER TABLE parcel RENAME CONSTRAINT k TO kind_labels_check")
    created.said(ENUM.format(column="kind", name="k", labels='"a", "b"')).makemigrations()
    created.migrate()
    assert not created.drift()


@only_postgresql
def test_columns_that_share_an_enum_have_a_check_each(created: Created) -> None:
    """SQLAlchemy gives both the same name, which PostgreSQL refuses."""
    created.said("""
kind = sa.Enum("a", "b", name="k", create_constraint=True, native_enum=False)
sa.Table("parcel", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("one", kind), sa.Column("two", kind))
""").makemigrations()
    created.migrate()
    names = created.query("SELECT conname FROM pg_constraint WHERE contype = 'c' ORDER BY 1")
    assert [name for (name,) in names if name in ("k", "two_labels_check")] == [
        "k",
        "two_labels_check",
    ]
    assert not created.drift()


# -- white space alone -----------------------------------------------------------------------------

SPACED = """
t = sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a", sa.Integer, server_default=sa.text("{0}")),
    sa.Column("b", sa.Integer, sa.Computed("{1}", persisted=True)),
    sa.CheckConstraint("{2}", name="c"))
sa.Index("i", sa.text("{3}"), _table=t)
"""


def test_white_space_alone_is_no_change(created: Created) -> None:
    one = SPACED.format("(1 + 2)", "a + 1", "a > 0 AND a < 9", "abs(a)")
    other = SPACED.format("( 1+2 )", "a +1", "a>0 AND\\n    a<9", "abs( a )")
    created.said(one).makemigrations()
    created.migrate()
    created.said(other)
    assert created.makemigrations() == ""
    assert not created.drift()


# -- alembic-users/F05: what is not supported is named ---------------------------------------------

UNSAID = {
    "prefix": ('prefixes=["TEMPORARY"]', "its prefix TEMPORARY"),
    "a sequence of a type": ('sa.Column("n", sa.Integer, sa.Sequence("q", data_type=sa.Integer))', "data_type"),
    "on conflict": ('sa.UniqueConstraint("a", name="u", sqlite_on_conflict="IGNORE")', "sqlite_on_conflict"),
    "on conflict of a column": ('sa.Column("b", sa.Integer, sqlite_on_conflict_not_null="FAIL")', "sqlite_on_conflict_not_null"),
    "include of a primary key": ('sa.PrimaryKeyConstraint("id", postgresql_include=["a"])', "postgresql_include"),
}  # fmt: skip


@only_sqlite
@pytest.mark.parametrize(("said", "named"), UNSAID.values(), ids=UNSAID)
def test_what_no_migration_can_say_is_named(created: Created, said: str, named: str) -> None:
    key = "" if "PrimaryKey" in said else ", primary_key=True"
    created.said(f"""
sa.Table("item", metadata, sa.Column("id", sa.Integer{key}), sa.Column("a", sa.Integer), {said})
""")
    with pytest.raises(ModelError, match=named) as caught:
        created.makemigrations()
    assert "RunSQL" in str(caught.value.hint)


def test_a_sequence_that_stands_by_itself_is_named(created: Created) -> None:
    """SQLite has none, and create_all makes none there."""
    created.said('sa.Sequence("ticket_no", metadata=metadata)')
    if not is_postgresql(created):
        assert created.makemigrations() == ""
        return
    with pytest.raises(ModelError, match="ticket_no stands by itself"):
        created.makemigrations()


LOOSE = """
sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Integer),
    {})
"""
LOOSE_PARTS = """
    sa.CheckConstraint("a > 0", name="c", postgresql_not_valid={0}),
    sa.ForeignKeyConstraint(["a"], ["t.id"], name="k", postgresql_not_valid={0})"""


@only_postgresql
def test_what_is_not_valid_leaves_the_rows_that_are_there(created: Created) -> None:
    """On a new table it holds, as with create_all; and a database may have validated it since."""
    created.said(LOOSE.format("")).makemigrations()
    created.migrate()
    created.query("INSERT INTO t (id, a) VALUES (1, -5)")
    created.said(LOOSE.format(LOOSE_PARTS.format(True)))
    text = created.makemigrations()
    assert text.count("not_valid=True") == 2
    created.migrate()
    valid = "SELECT conname, convalidated FROM pg_constraint WHERE conname IN ('c', 'k') ORDER BY 1"
    assert created.query(valid) == [("c", False), ("k", False)]
    assert not created.drift()
    assert created.makemigrations() == ""
    created.query("UPDATE t SET a = 1")
    created.query("ALTER TABLE t VALIDATE CONSTRAINT c")
    assert not created.drift()
    created.said(LOOSE.format(LOOSE_PARTS.format(False))).makemigrations()
    created.migrate()
    assert created.query(valid) == [("c", True), ("k", True)]
    assert not created.drift()
    created.migrate(Target("core", "0001"))
    assert created.query(valid) == []


@only_postgresql
def test_what_is_not_valid_is_adopted(created: Created) -> None:
    created.said(LOOSE.format(LOOSE_PARTS.format(True))).makemigrations()
    created.create_all(created.ours)
    created.query("ALTER TABLE t DROP CONSTRAINT c")
    created.query("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID")
    created.migrate(fake_initial=True, rename=True)
    assert not created.drift()


KEYED = """
sa.Table("item", metadata, sa.Column("id", sa.{}, primary_key=True), sa.Column("n", sa.Integer){})
"""


@pytest.mark.parametrize("kind", ["BigInteger", "SmallInteger"])
def test_a_key_that_counts_on_postgresql_alone_is_adopted(created: Created, kind: str) -> None:
    """SQLite's create_all declares it BIGINT, which does not count; migrations make it count."""
    created.said(KEYED.format(kind, "")).makemigrations()
    created.create_all(created.ours)
    created.query("INSERT INTO item (id, n) VALUES (7, 1)")
    created.migrate(fake_initial=True, rename=is_postgresql(created))
    assert not created.drift()
    created.said(KEYED.format(kind, ', sa.CheckConstraint("n > 0", name="c")')).makemigrations()
    created.migrate()
    assert not created.drift()
    assert created.query("SELECT id, n FROM item") == [(7, 1)]
    created.migrate(Target("core", "0001"))
    assert not created.drift()
    assert created.query("SELECT id, n FROM item") == [(7, 1)]


@only_postgresql
def test_a_table_leaves_the_log_and_comes_back(created: Created) -> None:
    for prefixes, persistence in (([], "p"), (["UNLOGGED"], "u"), ([], "p")):
        created.said(f"""
sa.Table("item", metadata, sa.Column("id", sa.Integer, primary_key=True), prefixes={prefixes})
""").makemigrations()
        created.migrate()
        assert not created.drift()
        found = "SELECT relpersistence::text FROM pg_class WHERE relname = 'item'"
        assert created.query(found) == [(persistence,)]
    created.migrate(Target("core", "0002"))
    assert created.query(found) == [("u",)]


# -- corpora/03: limits of names -------------------------------------------------------------------

LONG = f"""
t = sa.Table("{"t" * 70}", metadata, sa.Column("{"c" * 70}", sa.Integer, primary_key=True),
    sa.Column("n", sa.Integer), sa.CheckConstraint("n > 0", name="{"k" * 70}"))
sa.Index("{"i" * 70}", t.c.n)
"""


@only_sqlite
def test_names_of_any_length_where_sqlite_is_alone(created: Created) -> None:
    comes_and_goes_as_with_create_all(created, LONG)


@only_sqlite
def test_models_of_inspectdb_are_not_refused(created: Created) -> None:
    created.said(LONG).create_all(created.ours)
    text = inspect(created.config, app="core", style="sqlalchemy").text
    created.said(
        f"{text.replace('from __future__ import annotations', '')}\nmetadata = Base.metadata\n"
    ).makemigrations()
    created.migrate(fake_initial=True, rename=True)
    assert not created.drift()


@only_sqlite
def test_a_variable_may_be_another_database_elsewhere(
    created: Created, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are the same on all machines: names are cut as PostgreSQL cuts them."""
    monkeypatch.setenv("DATABASE_URL", created.ours)
    file = created.said(LIKE_CREATE_ALL["corpora/03"]).root / "whimbrel.toml"
    file.write_text(file.read_text().replace(created.ours, "${DATABASE_URL}"))
    assert (
        "ix_measurement_campaign_participant_originating_measure_0b3a" in created.makemigrations()
    )


# -- an enum's label that is used in the migration that adds it ------------------------------------

ADDS_A_LABEL = """
from whimbrel import migrations, models
import sqlalchemy as sa

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [("core", "0001_initial")]
    operations = [
        migrations.AlterField("t", "k", models.Field(sa.Enum("a", "b", "c", name="k"), null=True)),
        migrations.RunSQL({sql}, migrations.RunSQL.noop),
    ]
"""


@only_postgresql
@pytest.mark.parametrize(
    ("sql", "atomic", "found"),
    [
        ("\"UPDATE t SET k = 'b'\"", True, ["b"]),
        ("[(\"UPDATE t SET k = 'c' WHERE id = %s\", [1])]", True, ["c"]),
        ('{"postgresql": "UPDATE t SET k = \'b\'", "sqlite": ""}', True, ["b"]),
        ("\"UPDATE t SET k = 'a'\"", True, []),
        ("\"UPDATE t SET k = 'b'\"", False, []),
    ],
)
def test_a_label_that_is_used_too_early_is_found(
    created: Created, sql: str, atomic: bool, found: list[str]
) -> None:
    text = 'sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("k", sa.Enum({}, name="k")))'
    created.said(text.format('"a"')).makemigrations()
    created.migrate()
    created.query("INSERT INTO t (k) VALUES ('a')")
    created.said(text.format('"a", "b", "c"'))
    written = ADDS_A_LABEL.format(sql=sql, atomic=atomic)
    (created.root / "migrations" / "0002_x.py").write_text(written)
    labels = [each for each in check(created.config).findings if each.code == "label"]
    assert [each.line for each in labels] == [10 for _ in found]
    assert all(
        f"the label {name!r}" in each.message for name, each in zip(found, labels, strict=True)
    )
    if found:
        with pytest.raises(StepError, match="unsafe use of new value") as caught:
            created.migrate()
        assert "in a migration of its own" in str(caught.value.hint)
    else:
        created.migrate()

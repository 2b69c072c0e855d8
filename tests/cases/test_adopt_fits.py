"""What an adopted database has, and fits: adoption/01, 01b, 05, 09, 11, 15."""

from __future__ import annotations

from pathlib import Path

import pytest

from inside import Inside

MODELS = """
import sqlalchemy as sa
metadata = sa.MetaData({meta})
sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True), {columns})
"""


@pytest.fixture
def project(project_root: Path, database_url: str) -> Inside:
    return Inside(project_root, database_url)


only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def alembics(project: Inside, columns: str, *sql: str, meta: str = "") -> None:
    project.write(
        "alembic.ini", f"[alembic]\nscript_location = alembic\nsqlalchemy.url = {project.url}\n"
    )
    project.write("alembic/env.py", "from db import metadata\ntarget_metadata = metadata\n")
    project.write("alembic/versions/a1.py", 'revision = "a1"\ndown_revision = None\n')
    project.write("db.py", MODELS.format(columns=columns, meta=meta))
    project.query("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    project.query("INSERT INTO alembic_version VALUES ('a1')")
    for statement in sql:
        project.query(statement)


def goes_on(project: Inside) -> None:
    """The next migration makes of the database what the models say."""
    project.do("makemigrations")
    project.do("migrate")
    assert project.do("drift").err == "No drift.\n"
    assert project.do("makemigrations", "--check").err == "No changes.\n"


PK = "CONSTRAINT {} PRIMARY KEY (id)"
#: What the models ask for, and what the database has of it.
COUNTERS = {
    "another name, and no AUTOINCREMENT": ("True", PK.format("dataset_pkey")),
    "no AUTOINCREMENT": ("True", PK.format("a_pkey")),
    "another name": ("False", PK.format("dataset_pkey")),
    "more": ("False", None),
}


@only_sqlite
@pytest.mark.parametrize("what", COUNTERS)
def test_a_key_that_counts_otherwise(project: Inside, what: str) -> None:
    asked, key = COUNTERS[what]
    line = f"id INTEGER NOT NULL, n VARCHAR(40), {key}"
    line = line if key else "id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, n VARCHAR(40)"
    alembics(
        project,
        f'sa.Column("n", sa.String(50)), sqlite_autoincrement={asked}',
        f"CREATE TABLE a ({line})",
        "INSERT INTO a VALUES (3, 'x')",
        meta='naming_convention={"pk": "%(table_name)s_pkey"}',
    )
    assert project.do("adopt", "alembic", "--from-database").out.endswith(
        "recorded db.0001_initial\n"
    )
    assert project.do("drift").err == "No drift.\n"
    goes_on(project)
    assert project.query("SELECT * FROM a") == [(3, "x")]


@pytest.mark.parametrize("options", [(), ("--exclude", "role")], ids=" ".join)
def test_a_key_to_a_table_without_a_model(project: Inside, options: tuple[str, ...]) -> None:
    """It becomes an unmanaged model: the state can say the key, and nothing is done to the table."""
    alembics(
        project,
        'sa.Column("role_id", sa.Integer)',
        "CREATE TABLE role (id INTEGER NOT NULL PRIMARY KEY, boss INTEGER REFERENCES role (id))",
        "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, role_id INTEGER, "
        "CONSTRAINT fk_role FOREIGN KEY (role_id) REFERENCES role (id))",
        "INSERT INTO role VALUES (7, 7)",
    )
    ended = project.run("adopt", "alembic", "--from-database", *options)
    assert ended.code == 0, ended
    assert project.do("drift").err == "No drift.\n"
    again = project.run("adopt", "alembic", "--from-database")
    assert (again.code, "has it as it is" in again.err) == (4, True)
    project.do("makemigrations")
    project.do("migrate")
    assert project.do("makemigrations", "--check").err == "No changes.\n"
    assert ("No drift" in project.run("drift").err) is bool(options)  # else it is a stranger again
    assert "fk_role" not in project.run("drift").out
    assert project.query("SELECT id, boss FROM role") == [(7, 7)]


def test_an_enum_that_is_no_type_is_not_missing_as_one(project: Inside) -> None:
    alembics(
        project,
        'sa.Column("k", sa.Enum("X", "YY", native_enum=False))',
        "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, k VARCHAR)",
    )
    told = project.run("adopt", "alembic").out
    assert "a.k: type is VARCHAR, expected VARCHAR(2)" in told
    assert "enum type" not in told


@only_sqlite
def test_a_number_in_quotes_is_that_number(project: Inside) -> None:
    alembics(
        project,
        'sa.Column("k", sa.Integer, server_default="0"), sa.Column("m", sa.Integer, server_default="-1"),'
        'sa.Column("b", sa.Boolean, server_default="0"), sa.Column("r", sa.Float, server_default="1.5"),'
        'sa.Column("t", sa.String(9), server_default="0")',
        "CREATE TABLE a (id INTEGER NOT NULL, k INTEGER DEFAULT 0, m INTEGER DEFAULT -1,"
        " b BOOLEAN DEFAULT (false), r FLOAT DEFAULT (1.5), t VARCHAR(9) DEFAULT '0', PRIMARY KEY (id))",
    )
    assert project.do("adopt", "alembic").out.endswith("recorded db.0001_initial\n")
    project.query("INSERT INTO a (id) VALUES (1)")
    assert project.query("SELECT k, m, b, r, t FROM a") == [(0, -1, 0, 1.5, "0")]


def test_an_enum_without_a_check_holds_what_a_string_holds(project: Inside) -> None:
    alembics(
        project,
        'sa.Column("k", sa.Enum("SYSTEM", "ADMIN", native_enum=False))',
        "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, k VARCHAR)",
        "INSERT INTO a VALUES (1, 'r0')",
    )
    project.run("adopt", "alembic", "--from-database")
    project.do("makemigrations")
    project.query("INSERT INTO a VALUES (2, 'too long for it')")
    assert project.run("migrate").code == 5
    project.query("DELETE FROM a WHERE id = 2")
    project.do("migrate")
    assert project.query("SELECT k FROM a") == [("r0",)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_names_alone_are_counted_and_taken_on_the_way(project: Inside) -> None:
    """ "Remove constraint services_pkey", 47 times."""
    alembics(
        project,
        'sa.Column("n", sa.String(9), unique=True), sa.Column("x", sa.ForeignKey("a.id"))',
        "CREATE TABLE a (id SERIAL PRIMARY KEY, n VARCHAR(8) UNIQUE, x INTEGER REFERENCES a (id))",
    )
    told = project.run("adopt", "alembic")
    assert "3 constraints and indexes are named otherwise (--rename takes" in told.out
    assert "a_pkey" not in told.out
    assert "--from-database --rename" in told.err
    project.do("adopt", "alembic", "--from-database", "--rename")
    assert project.do("makemigrations").out.splitlines()[1:] == ["  Alter field n of a"]
    goes_on(project)
    rows = project.query(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'a'::regclass AND contype <> 'n'"
    )
    assert {name for (name,) in rows} == {"db_a_pk", "db_a_n_uniq", "db_a_x_fk"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_key_that_only_has_another_name_is_renamed(project: Inside) -> None:
    """What PostgreSQL called the key is in the initial migration; the next one does not remove it."""
    alembics(
        project,
        'sa.Column("n", sa.String(9))',
        "CREATE TABLE a (id SERIAL PRIMARY KEY, n VARCHAR(8))",
    )
    project.do("adopt", "alembic", "--from-database")
    assert project.do("makemigrations").out.splitlines()[1:] == [
        "  Rename constraint a_pkey on a to the name made for it",
        "  Alter field n of a",
    ]
    assert "RENAME CONSTRAINT a_pkey TO db_a_pk" in project.do("sqlmigrate", "db", "0002").out
    key = "SELECT conname FROM pg_constraint WHERE conrelid = 'a'::regclass AND contype = 'p'"
    for command, name in ((["migrate"], "db_a_pk"), (["migrate", "db", "0001"], "a_pkey")):
        project.do(*command)
        assert project.query(key) == [(name,)]
        assert project.do("drift").err == "No drift.\n"
    project.do("migrate")
    assert project.do("makemigrations", "--check").err == "No changes.\n"
    assert project.do("check").err == "Nothing found.\n"

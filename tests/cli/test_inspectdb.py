"""`inspectdb`: models of live tables, exact enough that nothing differs when they are adopted."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from projects import Ended, Project

STYLES = ["native", "sqlalchemy"]

#: Tables as people make them, with names and circles that Python minds.
TABLES = {
    "sqlite": """
        CREATE TABLE author (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(100) NOT NULL DEFAULT 'it''s',
            best_id INTEGER REFERENCES book (id));
        CREATE TABLE book (
            id INTEGER PRIMARY KEY, title TEXT NOT NULL CONSTRAINT titled CHECK (length(title) > 0),
            author_id INTEGER NOT NULL REFERENCES author (id) ON DELETE CASCADE,
            price NUMERIC(8, 2), made DATETIME DEFAULT CURRENT_TIMESTAMP,
            doubled INTEGER GENERATED ALWAYS AS (id * 2) VIRTUAL, UNIQUE (author_id, title));
        CREATE INDEX by_title ON book (title DESC) WHERE price > 0;
        CREATE UNIQUE INDEX by_lower ON book (lower(title));
        CREATE TABLE pair (a INTEGER NOT NULL, b VARCHAR(5) NOT NULL, PRIMARY KEY (b, a));
        CREATE TABLE of_pair (
            id INTEGER PRIMARY KEY, a INTEGER, b VARCHAR(5),
            CONSTRAINT to_pair FOREIGN KEY (b, a) REFERENCES pair (b, a) ON DELETE SET NULL);
        CREATE TABLE keyless (a INTEGER, b BLOB);
        CREATE TABLE "any" (
            id INTEGER PRIMARY KEY, "class" TEXT, metadata TEXT, registry TEXT, "2nd way" TEXT,
            "models" INTEGER, "sa" INTEGER, self_id INTEGER REFERENCES "any" (id));
        CREATE TABLE "Base" (id INTEGER PRIMARY KEY, "int" INTEGER, "a-b" INTEGER, "a b" INTEGER);
        CREATE TABLE "dt" (id INTEGER PRIMARY KEY, "dt" DATETIME, "datetime" DATE)""",
    "postgresql": """
        CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
        CREATE TABLE author (
            id SERIAL PRIMARY KEY, name VARCHAR(100) NOT NULL DEFAULT 'it''s', best_id INTEGER,
            feels mood DEFAULT 'sad');
        COMMENT ON TABLE author IS 'who: "writes"';
        COMMENT ON COLUMN author.name IS 'a % b';
        CREATE TABLE book (
            id BIGINT GENERATED ALWAYS AS IDENTITY (START 5) PRIMARY KEY,
            title TEXT COLLATE "C" NOT NULL CONSTRAINT titled CHECK (length(title) > 0),
            author_id INTEGER NOT NULL REFERENCES author ON DELETE CASCADE DEFERRABLE,
            price NUMERIC(8, 2), made TIMESTAMPTZ DEFAULT now(), tags TEXT[], data JSONB,
            doubled INTEGER GENERATED ALWAYS AS (length(title) * 2) STORED,
            UNIQUE (author_id, title));
        ALTER TABLE author ADD FOREIGN KEY (best_id) REFERENCES author (id) ON DELETE SET NULL;
        CREATE INDEX by_title ON book (title DESC NULLS LAST) INCLUDE (made) WHERE price > 0;
        CREATE UNIQUE INDEX by_lower ON book (lower(title) text_pattern_ops);
        CREATE INDEX by_data ON book USING gin (data);
        CREATE TABLE pair (a INTEGER NOT NULL, b VARCHAR(5) NOT NULL, PRIMARY KEY (b, a));
        CREATE TABLE of_pair (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(), a INTEGER, b VARCHAR(5),
            CONSTRAINT to_pair FOREIGN KEY (b, a) REFERENCES pair (b, a) ON DELETE SET NULL);
        CREATE TABLE keyless (a INTEGER, b BYTEA);
        CREATE TABLE "any" (
            id INTEGER PRIMARY KEY, "class" TEXT, metadata TEXT, registry TEXT, "2nd way" TEXT,
            "models" INTEGER, "sa" INTEGER, self_id INTEGER REFERENCES "any" (id));
        CREATE TABLE "Base" (id INTEGER PRIMARY KEY, "int" INTEGER, "a-b" INTEGER, "a b" INTEGER);
        CREATE TABLE "dt" (id INTEGER PRIMARY KEY, "dt" TIMESTAMP, "datetime" DATE);
        CREATE TABLE egg (id INTEGER PRIMARY KEY, hen_id INTEGER);
        CREATE TABLE hen (id INTEGER PRIMARY KEY, egg_id INTEGER REFERENCES egg);
        ALTER TABLE egg ADD CONSTRAINT from_hen FOREIGN KEY (hen_id) REFERENCES hen""",
}


def run_all(project: Project, statements: str) -> None:
    for statement in statements.split(";\n"):
        project.query(statement)


def dialect_of(project: Project) -> str:
    return project.url.partition(":")[0].partition("+")[0]


@pytest.fixture
def empty_app(anywhere: Project) -> Project:
    """A project with one app that has no models, and an empty database."""
    anywhere.write("blog/models.py")
    return anywhere


@pytest.fixture
def legacy(empty_app: Project) -> Project:
    """A project without models, and a database with tables."""
    run_all(empty_app, TABLES[dialect_of(empty_app)])
    return empty_app


def adopted(project: Project, style: str, *options: str) -> Ended:
    """What is there is inspected and taken over: nothing may differ then."""
    found = project.do("inspectdb", "--style", style, *options)
    project.write("blog/models.py", found.out)
    if style == "sqlalchemy":
        project.configured(
            more='[tool.whimbrel.app.blog]\nmodels = "blog.models:Base"\n'
            'migrations = "blog/migrations"\n'
        )
    project.do("makemigrations", "--no-input")
    ended = project.do("migrate", "--fake-initial")
    assert {line.split()[0] for line in ended.err.splitlines()} == {"Recorded"}
    assert project.do("drift").err == "No drift.\n"
    assert project.do("makemigrations", "--check").err == "No changes.\n"
    return found


@pytest.mark.parametrize("style", STYLES)
def test_tables_of_all_sorts(legacy: Project, style: str) -> None:
    adopted(legacy, style)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("style", STYLES)
def test_domains_are_read_whole(style: str, empty_app: Project) -> None:
    run_all(
        empty_app,
        "CREATE DOMAIN posint AS integer CHECK (VALUE > 0);\n"
        "CREATE DOMAIN zip AS varchar(9) DEFAULT '007' CONSTRAINT digits CHECK (VALUE ~ '^[0-9]+$');\n"
        "CREATE TABLE place (id posint PRIMARY KEY, zip zip)",
    )
    adopted(empty_app, style)
    read = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace ORDER BY 1"
    there = empty_app.query(read)
    empty_app.do("migrate", "blog", "zero")
    assert empty_app.query(read) == []
    empty_app.do("migrate")
    assert empty_app.query(read) == there


@pytest.mark.parametrize("style", STYLES)
def test_optuna(empty_app: Project, style: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.storages.RDBStorage(empty_app.url).engine.dispose()
    found = adopted(empty_app, style)
    assert "alembic_version" not in found.out


@pytest.fixture
def few(empty_app: Project) -> Project:
    """Two tables with a key between them, one of the app's own name, and records of tools."""
    run_all(
        empty_app,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE blog_child (id INTEGER PRIMARY KEY, parent_id INTEGER,"
        " CONSTRAINT upwards FOREIGN KEY (parent_id) REFERENCES parent (id));\n"
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);\n"
        "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY)",
    )
    return empty_app


@pytest.mark.parametrize("style", STYLES)
def test_a_key_to_a_table_that_is_not_inspected(few: Project, style: str) -> None:
    ended = few.do("inspectdb", "blog_child", "--style", style)
    assert ended.out.count("class Child(") == 1
    assert "Parent" not in ended.out
    words = "upwards (parent_id) points at parent, which was not inspected."
    if dialect_of(few) == "postgresql":
        assert f"# {words}" in ended.out
    assert "points at parent, which was not inspected." in ended.err


def test_which_tables(few: Project) -> None:
    assert few.do("inspectdb").err.splitlines()[0] == "2 tables."
    assert "alembic_version" in few.do("inspectdb", "alembic_version").out
    few.configured("blog", more='exclude = ["parent"]\n')
    assert few.do("inspectdb").err.splitlines()[1] == "1 table."
    few.configured("blog", more='include = ["nothing"]\n')
    ended = few.run("inspectdb")
    assert (ended.code, ended.out) == (2, "")
    assert "every table is left out" in ended.err


def test_a_table_that_is_not_there(few: Project) -> None:
    ended = few.run("inspectdb", "blog_chidl")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no table 'blog_chidl'" in ended.err
    assert "Did you mean 'blog_child'?" in ended.err


def test_the_app_has_to_be_known(few: Project) -> None:
    few.configured("blog", "shop")
    assert "Give --app LABEL." in few.run("inspectdb").err
    assert 'db_table = "blog_child"' in few.do("inspectdb", "--app", "shop").out


def test_a_file_is_never_overwritten(few: Project) -> None:
    file = Path(few.root, "found.py")
    assert few.do("inspectdb", "--output", "found.py").out == ""
    text = file.read_text()
    assert text == few.do("inspectdb").out
    ended = few.run("inspectdb", "parent", "--output", "found.py")
    assert (ended.code, file.read_text()) == (2, text)
    assert "not overwritten" in ended.err
    assert few.run("inspectdb", "--output", "no/where.py").code == 2


def test_another_database_schema(few: Project) -> None:
    if dialect_of(few) == "sqlite":
        pytest.skip("SQLite has no schemas of its own")
    run_all(few, "CREATE SCHEMA far;\nCREATE TABLE far.star (id INTEGER PRIMARY KEY)")
    assert "star" not in few.do("inspectdb").out
    found = few.do("inspectdb", "--schema", "far").out
    assert 'schema = "far"' in found
    assert few.do("inspectdb", "--schema", "public").out == few.do("inspectdb").out
    few.configured("blog", more='include = ["far.*"]\n')
    adopted(few, "native", "--schema", "far")


KEYS_ACROSS_SCHEMAS = """
    CREATE SCHEMA far;
    CREATE TABLE far.star (id INTEGER PRIMARY KEY, near INTEGER REFERENCES parent (id));
    CREATE TABLE moon (id INTEGER PRIMARY KEY, star INTEGER REFERENCES far.star (id))"""


@pytest.mark.parametrize("style", ["native", "sqlalchemy"])
@pytest.mark.parametrize(
    "args",
    [
        ["--schema", "far", "--schema", "public", "star", "moon", "parent"],
        ["far.star", "moon", "public.parent"],
    ],
    ids=["by schemas", "by names"],
)
def test_keys_across_database_schemas(few: Project, style: str, args: list[str]) -> None:
    if dialect_of(few) == "sqlite":
        pytest.skip("SQLite has no schemas of its own")
    run_all(few, KEYS_ACROSS_SCHEMAS)
    run_all(few, "DROP TABLE blog_child; DROP TABLE django_migrations")
    assert "was not inspected" not in few.do("inspectdb", *args).err
    adopted(few, style, *args)


def test_one_table_of_another_database_schema(few: Project) -> None:
    if dialect_of(few) == "sqlite":
        pytest.skip("SQLite has no schemas of its own")
    run_all(few, KEYS_ACROSS_SCHEMAS)
    run_all(few, 'CREATE TABLE "far.away" (id INTEGER PRIMARY KEY)')
    found = few.do("inspectdb", "far.star")
    assert "1 table" in found.err
    assert 'schema = "far"' in found.out
    assert "2 tables" in few.do("inspectdb", "far.star", "parent").err


def test_a_database_schema_that_is_not_there(few: Project) -> None:
    ended = few.run("inspectdb", "--schema", "nowhere")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no database schema 'nowhere'" in ended.err


def test_a_database_that_is_not_there(project: Project) -> None:
    ended = project.run("inspectdb")
    assert ended.code == 2
    assert "there is no database" in ended.err

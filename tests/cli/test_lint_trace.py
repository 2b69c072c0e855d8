"""lint --trace: what the user's own SQL and functions do, seen on a scratch database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from projects import Project

EXECUTE = """
def forwards(apps, schema_editor):
    schema_editor.execute("".join(["{0}"]))  # as nobody can read it beforehand


"""


@pytest.fixture
def traced(project_root: object, postgresql_url: str, empty: Project) -> Project:
    """A project with a table, whose configuration names another database than the server's."""
    empty.configured("blog").chain("blog", 1)
    empty.write("pyproject.toml", '[tool.whimbrel]\napps = ["blog"]\n')  # on SQLite
    return Project(empty.root, postgresql_url)


def add(project: Project, *operations: str, atomic: bool = True, function: str = "") -> None:
    file = project.migration(
        "blog", "0002_next", *operations, after=[("blog", "0001_m1")], atomic=atomic
    )
    text = file.read_text()
    file.write_text(text.replace("class Migration", f"{function}class Migration"))


def databases(project: Project) -> set[str]:
    return {row[0] for row in project.query("SELECT datname FROM pg_database")}


def found(project: Project, *more: str) -> list[str]:
    before = databases(project)
    args = ("lint", "blog", "0002", "--json", "--trace", project.url, *more)
    ended = project.run(*args)
    assert databases(project) == before
    assert project.tables() == set()
    return [each["code"] for each in ended.json["findings"]]


def run(sql: str) -> str:
    return f"migrations.RunSQL({sql!r}, migrations.RunSQL.noop)"


DO = "DO $$ BEGIN {0}; END $$"

#: Operations; what is found by their text; what is found on a server.
ROWS: dict[str, tuple[str, str, list[str], list[str]]] = {
    "a block that rewrites": (
        run(DO.format("ALTER TABLE blog_m1 ALTER COLUMN number TYPE bigint")),
        "",
        ["unread-sql"],
        ["rewrites-table"],
    ),
    "a block that scans": (
        run(DO.format("ALTER TABLE blog_m1 ADD CHECK (number > 0)")),
        "",
        ["unread-sql"],
        ["scans-table"],
    ),
    "a block that does no harm": (run(DO.format("PERFORM 1")), "", ["unread-sql"], []),
    "a block that only reads": (
        run(DO.format("PERFORM count(*) FROM blog_m1")),
        "",
        ["unread-sql"],
        [],
    ),
    "a statement that is known already": (
        run("CREATE INDEX ON blog_m1 (number)"),
        "",
        ["scans-table"],
        ["scans-table"],
    ),
    "a function that scans": (
        "migrations.RunPython(forwards, migrations.RunPython.noop)",
        EXECUTE.format("CREATE INDEX ON blog_m1 (number)"),
        [],
        ["scans-table"],
    ),
    "a table of its own": (
        run(DO.format("CREATE TABLE x (a int); CREATE INDEX ON x (a)")),
        "",
        ["unread-sql"],
        [],
    ),
}


@pytest.mark.parametrize(("operation", "function", "read", "seen"), ROWS.values(), ids=ROWS)
def test_what_is_seen(
    traced: Project, operation: str, function: str, read: list[str], seen: list[str]
) -> None:
    add(traced, operation, function=function)
    args = ("lint", "blog", "0002", "--json", "--dialect", "postgresql")
    plain = traced.run(*args).json["findings"]
    assert [each["code"] for each in plain] == read
    assert found(traced) == seen


def test_the_database_of_the_url_is_left_alone_though_its_query_names_it(traced: Project) -> None:
    add(traced, run("ALTER TABLE blog_m1 SET UNLOGGED"))
    url = sa.make_url(traced.url)
    named = url.set(database=None).update_query_dict({"dbname": str(url.database)})
    other = Project(traced.root, named.render_as_string(hide_password=False))
    assert found(other) == ["rewrites-table"]
    assert traced.tables() == set()


def test_what_fails_there_is_said_and_nothing_is_left(traced: Project) -> None:
    add(traced, run("SELECT nothing FROM nowhere"))
    before = databases(traced)
    ended = traced.run("lint", "blog", "0002", "--trace", traced.url)
    assert (ended.code, "nowhere" in ended.err) == (5, True)
    assert databases(traced) == before


def test_outside_of_a_transaction_nothing_is_seen(traced: Project) -> None:
    add(traced, run(DO.format("LOCK TABLE blog_m1")), atomic=False)
    assert found(traced) == ["unread-sql"]


def test_sqlite_shows_no_locks(traced: Project) -> None:
    add(traced, run("SELECT 1"))
    ended = traced.run("lint", "blog", "0002", "--trace", "sqlite:///x.sqlite3")
    assert (ended.code, "sqlite shows no locks of tables" in ended.err) == (5, True)
    assert not (traced.root / "x.sqlite3").exists()

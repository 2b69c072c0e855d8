"""Runs that are killed, interrupted, kept waiting or not alone: nothing half done without a record."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from projects import Project, kill
from whimbrel.engines import engine_for
from whimbrel.run.lock import lock_name


def wait_for(process: subprocess.Popen[str], words: str) -> str:
    """Read what a process says until it says these words."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it never said {words!r}, but: {said}")


@contextmanager
def held(project: Project, *statements: str) -> Iterator[sa.Connection]:
    """A transaction of somebody else's that stays open."""
    engine = sa.create_engine(project.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        try:
            for statement in statements:
                connection.exec_driver_sql(statement)
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")
    engine.dispose()


def tables_of(applied: list[str]) -> set[str]:
    return {f"blog_m{int(label[5:9])}" for label in applied}


def assert_record_is_true(project: Project) -> None:
    applied = project.applied()
    assert project.tables() - {"whimbrel_migrations"} == tables_of(applied)


@pytest.mark.parametrize("last", [1, 5, 9])
def test_a_killed_run_leaves_what_its_record_says(anywhere: Project, last: int) -> None:
    names = anywhere.chain("blog", 12)
    running = anywhere.start("migrate", "--no-leap")
    wait_for(running, f"Applied blog.{names[last - 1]}")
    kill(running)
    assert len(anywhere.applied()) >= last
    assert_record_is_true(anywhere)
    anywhere.do("migrate")
    assert anywhere.applied() == [f"blog.{name}" for name in names]
    assert_record_is_true(anywhere)


@pytest.mark.parametrize("last", [2, 7])
def test_a_killed_way_back(anywhere: Project, last: int) -> None:
    names = anywhere.chain("blog", 10)
    anywhere.do("migrate")
    running = anywhere.start("migrate", "blog", "zero")
    wait_for(running, f"Undone blog.{names[last]}")
    kill(running)
    assert_record_is_true(anywhere)
    anywhere.do("migrate", "blog", "zero")
    assert anywhere.tables() == set()


def test_two_runners_at_once(anywhere: Project) -> None:
    names = anywhere.chain("blog", 10)
    both = [anywhere.start("migrate", "--no-leap", "--json") for _ in range(2)]
    ended = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert anywhere.applied() == [f"blog.{name}" for name in names]
    assert_record_is_true(anywhere)


def test_a_runner_that_stays_is_waited_for_no_longer_than_told(
    anywhere: Project,
) -> None:
    anywhere.chain("blog", 1)
    with other_runner(anywhere):
        ended = anywhere.run("migrate", "--lock-timeout", "0.2")
    assert ended.code == 5, ended.err
    assert "error[lock]" in ended.err
    assert "--lock-timeout" in ended.err
    anywhere.do("migrate")


@contextmanager
def other_runner(project: Project) -> Iterator[None]:
    """Another runner at work."""
    if project.url.startswith("sqlite"):
        with held(project, "BEGIN IMMEDIATE"):
            yield
        return
    engine = engine_for("postgresql")
    with held(project) as connection:
        assert engine.runner_lock(connection, lock_name(connection))
        yield


@pytest.fixture
def blog(anywhere: Project) -> Project:
    """On PostgreSQL: three tables, and a migration that alters each in steps of their own."""
    anywhere.chain("blog", 3)
    anywhere.do("migrate")
    added = [
        f'migrations.AddField("M{n}", "more", models.IntegerField(default=0))' for n in (1, 2, 3)
    ]
    anywhere.migration("blog", "0004_more", *added, after=[("blog", "0003_m3")], atomic=False)
    return anywhere


on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

BLOCKED = ("BEGIN", "SELECT * FROM blog_m2")


@on_postgresql
def test_lock_name_is_tried_again(blog: Project) -> None:
    with held(blog, *BLOCKED) as other:
        running = blog.start("migrate")
        said = wait_for(running, "held by process")
        assert "Locked: blog.0004_more" in said
        other.exec_driver_sql("COMMIT")
        running.communicate()
    assert running.returncode == 0
    assert "blog.0004_more" in blog.applied()


@on_postgresql
def test_who_holds_a_table_too_long_is_named(blog: Project) -> None:
    with held(blog, *BLOCKED):
        ended = blog.run("migrate", "--lock-timeout", "0.2")
    assert ended.code == 5
    assert "error[lock]: blog.0004_more: ALTER TABLE blog_m2" in ended.err
    assert "it was tried once" in ended.err
    assert "Held by process" in ended.err


def killed_half_way(blog: Project, *target: str) -> None:
    with held(blog, *BLOCKED):
        running = blog.start("migrate", *target)
        wait_for(running, "Locked")
        kill(running)


@on_postgresql
@pytest.mark.parametrize(
    ("command", "there", "last"),
    [
        ((), True, "0004_more"),
        (("blog", "0004"), True, "0004_more"),
        (("blog", "0003"), False, "0003_m3"),
        (("blog", "0002"), False, "0002_m2"),
    ],
)
def test_what_is_half_applied_goes_on_or_back(
    blog: Project, command: tuple[str, ...], there: bool, last: str
) -> None:
    killed_half_way(blog)
    assert "[~] 0004_more  (half done" in blog.do("showmigrations").out
    assert columns(blog) == [True, False, False]
    planned = blog.do("migrate", *command, "--plan", "--json").out
    assert ("ADD COLUMN" in planned, "DROP COLUMN" in planned) == (there, not there)
    blog.do("migrate", *command)
    left = 3 if last > "0003" else 2
    assert columns(blog, left) == [there] * left
    assert blog.applied()[-1] == f"blog.{last}"
    assert blog.query("SELECT * FROM whimbrel_journal") == []


@on_postgresql
@pytest.mark.parametrize(
    ("command", "there"), [((), True), (("blog", "0004"), True), (("blog", "0003"), False)]
)
def test_what_is_half_undone_goes_on_or_back(
    blog: Project, command: tuple[str, ...], there: bool
) -> None:
    blog.do("migrate")
    killed_half_way(blog, "blog", "0003")
    assert columns(blog) == [True, True, False]
    blog.do("migrate", *command)
    assert columns(blog) == [there] * 3
    assert ("blog.0004_more" in blog.applied()) is there
    assert blog.query("SELECT * FROM whimbrel_journal") == []


@pytest.mark.parametrize(
    ("depends", "command", "code"),
    [
        ("", ("shop",), 0),
        ("", ("shop", "zero"), 0),
        ("", ("shop", "--fake"), 0),
        ("shop on blog", ("shop",), 5),  # which goes on with it, and fails again
        ("shop on blog's first", ("shop",), 4),
        ("blog on shop", ("shop",), 4),
        ("blog on shop", ("shop", "zero"), 4),
        ("blog on shop", ("shop", "--fake"), 4),
    ],
)
def test_what_is_half_done_stops_those_alone_that_it_has_to_do_with(
    project: Project, depends: str, command: tuple[str, ...], code: int
) -> None:
    project.configured("blog", "shop")
    project.chain("blog", 1)
    project.chain("shop", 1)
    project.do("migrate")
    after = [("blog", "0001_m1"), *[("shop", "0001_m1")] * (depends == "blog on shop")]
    project.migration("blog", "0002_half", FIELD, FAILING, after=after, atomic=False)
    assert project.run("migrate", "blog").code == 5
    on = {"shop on blog": [("blog", "0002_half")], "shop on blog's first": [("blog", "0001_m1")]}
    after = [("shop", "0001_m1"), *on.get(depends, [])]
    project.migration("shop", "0002_other", FIELD, after=after)
    ended = project.run("migrate", *command)
    assert ended.code == code, ended.err
    if code == 4:
        assert "blog.0002_half: it is half applied" in ended.err
        assert "whimbrel migrate blog 0002_half" in ended.err
    assert "[~] 0002_half" in project.do("showmigrations").out
    project.do("migrate", "blog", "0001")


@on_postgresql
@pytest.mark.parametrize("command", [(), ("blog", "0003")], ids=["on", "back"])
def test_a_file_that_was_edited_half_way_changes_nothing_of_what_began(
    blog: Project, command: tuple[str, ...]
) -> None:
    killed_half_way(blog)
    other = 'migrations.AddField("M1", "less", models.IntegerField(default=0))'
    more = other.replace("M1", "M2")
    blog.migration("blog", "0004_more", other, more, atomic=False, after=[("blog", "0003_m3")])
    ended = blog.run("migrate", *command)
    assert columns(blog) == [not command] * 3
    if command:  # what the file says now is done from the beginning
        assert ended.code == 0
        assert blog.run("migrate").code == 0
        assert columns(blog) == [False] * 3
    else:
        assert "Applied blog.0004_more" in ended.err
        assert "error[edited]" in ended.err
        assert "- migrations.AddField('M1', 'more'" in ended.err


@on_postgresql
def test_what_is_taken_back_is_taken_up_where_it_was_killed(blog: Project) -> None:
    with held(blog, "BEGIN", "SELECT * FROM blog_m3"):
        running = blog.start("migrate")
        wait_for(running, "Locked")
        kill(running)
    assert columns(blog) == [True, True, False]
    killed_half_way(blog, "blog", "0003")
    assert columns(blog) == [False, True, False]
    assert "Undone blog.0004_more" in blog.do("migrate").err
    assert columns(blog) == [True] * 3
    assert blog.query("SELECT * FROM whimbrel_journal") == []


MIXED = """
from whimbrel import migrations, models

def fill(apps, schema_editor):
    apps.get_model("blog", "M1").objects.create(more=7)

def empty(apps, schema_editor):
    apps.get_model("blog", "M1").objects.all().delete()

class Migration(migrations.Migration):
    dependencies = [("blog", "0001_m1")]
    operations = [
        migrations.AddField("M1", "more", models.IntegerField(default=0)),
        migrations.RunPython(fill, empty, atomic=False),
        migrations.AddField("M1", "less", models.IntegerField(default=0)),
        migrations.RunSQL("INSERT INTO done VALUES (1)", "DELETE FROM done"),
        migrations.RunPython(BROKEN, atomic=False),
    ]
"""


def fields_of(project: Project) -> list[str]:
    engine = sa.create_engine(project.url)
    try:
        return [str(column) for column in sa.inspect(engine).get_columns("blog_m1")]
    finally:
        engine.dispose()


@pytest.mark.parametrize("is_irreversible", [False, True])
def test_functions_are_undone_by_their_reverse(anywhere: Project, is_irreversible: bool) -> None:
    anywhere.chain("blog", 1)
    anywhere.do("migrate")
    anywhere.query("CREATE TABLE done (id integer)")
    text = MIXED.replace("BROKEN", "lambda apps, schema_editor: 1 / 0, migrations.RunPython.noop")
    if is_irreversible:
        text = text.replace("fill, empty", "fill")
    anywhere.write("blog/migrations/0002_mixed.py", text)
    before = fields_of(anywhere)
    assert anywhere.run("migrate").code == 5
    assert anywhere.query("SELECT more, less FROM blog_m1") == [(7, 0)]
    assert anywhere.query("SELECT * FROM done") == [(1,)]
    if not is_irreversible:
        planned = anywhere.do("migrate", "blog", "0001", "--plan").out
        assert "  undo: Run Python function fill\n" in planned
    ended = anywhere.run("migrate", "blog", "0001")
    if is_irreversible:
        assert "it cannot be undone; nothing was changed" in ended.err
        assert anywhere.query("SELECT more, less FROM blog_m1") == [(7, 0)]
    else:
        assert ended.code == 0, ended.err
        assert anywhere.query("SELECT * FROM blog_m1") == []
        assert anywhere.query("SELECT * FROM done") == []
        assert fields_of(anywhere) == before


ROLLED_BACK = """
from whimbrel import migrations, models

def add(apps, schema_editor):
    schema_editor.execute("UPDATE blog_m1 SET number = number + 10")
    1 / 0

def subtract(apps, schema_editor):
    schema_editor.execute("UPDATE blog_m1 SET number = number - 10")

class Migration(migrations.Migration):
    atomic = ATOMIC
    dependencies = [("blog", "0001_m1")]
    operations = [
        migrations.AddField("M1", "more", models.IntegerField(default=0)),
        migrations.Backfill("M1", set={"more": 1}, reverse=migrations.Backfill.noop),
        migrations.RunPython(add, BACK, atomic=True),
    ]
"""


@pytest.mark.parametrize("atomic", ["True", "False"])
@pytest.mark.parametrize("back", ["subtract", "None"])
def test_a_function_that_was_rolled_back_is_not_taken_back(
    anywhere: Project, atomic: str, back: str
) -> None:
    anywhere.chain("blog", 1)
    anywhere.do("migrate")
    anywhere.query("INSERT INTO blog_m1 (number) VALUES (5)")
    text = ROLLED_BACK.replace("ATOMIC", atomic).replace("BACK,", f"{back},")
    anywhere.write("blog/migrations/0002_add.py", text)
    assert anywhere.run("migrate").code == 5
    anywhere.do("migrate", "blog", "0001")
    assert anywhere.query("SELECT number FROM blog_m1") == [(5,)]


FAILING = 'migrations.RunSQL("INSERT INTO done VALUES (1, 2)", "DELETE FROM done")'
FIXED = 'migrations.RunSQL(["INSERT INTO done VALUES (1)"], "DELETE FROM done")'
TWO = 'migrations.RunSQL(["INSERT INTO done VALUES (1)"] * 2, "DELETE FROM done")'
FIELD = 'migrations.AddField("M1", "more", models.IntegerField(default=0))'


def failed(project: Project, *operations: str) -> Project:
    """With a migration that has failed at one of these operations, in no transaction."""
    project.chain("blog", 1)
    project.do("migrate")
    project.query("CREATE TABLE done (id integer)")
    after = [("blog", "0001_m1")]
    project.migration("blog", "0002_mixed", *operations, after=after, atomic=False)
    assert project.run("migrate").code == 5
    return project


@pytest.mark.parametrize(
    ("operations", "is_taken"),
    [((FIXED, FIELD), True), ((TWO, FIELD), False), ((FIELD, FIXED), False), ((FIELD,), False)],
    ids=["fixed", "more", "moved", "removed"],
)
def test_sql_is_mended_in_its_place_only(
    anywhere: Project, operations: tuple[str, ...], is_taken: bool
) -> None:
    failed(anywhere, FAILING, FIELD)
    after = [("blog", "0001_m1")]
    anywhere.migration("blog", "0002_mixed", *operations, after=after, atomic=False)
    ended = anywhere.run("migrate")
    assert anywhere.query("SELECT * FROM done") == [(1,)] * is_taken
    assert ("its file says something else now" in ended.err) is not is_taken
    assert ("blog.0002_mixed" in anywhere.applied()) is is_taken


@on_postgresql
@pytest.mark.parametrize("code", ["RunSQL({!r}, '')", "RunPython(lambda a, e: e.execute({!r}))"])
def test_the_journal_is_found_whatever_the_search_path(anywhere: Project, code: str) -> None:
    anywhere.chain("blog", 1)
    sql = "SELECT set_config('search_path', '', false)"
    after = [("blog", "0001_m1")]
    operations = [FIELD, f"migrations.{code.format(sql)}"]
    anywhere.migration("blog", "0002_mixed", *operations, after=after, atomic=False)
    anywhere.do("migrate")
    assert columns(anywhere, 1) == [True]


@on_postgresql
def test_what_fails_at_the_commit_is_named(anywhere: Project) -> None:
    anywhere.chain("blog", 1)
    anywhere.do("migrate")
    key = "REFERENCES blog_m1 DEFERRABLE INITIALLY DEFERRED"
    anywhere.query(f"CREATE TABLE child (id bigint {key})")
    sql = "migrations.RunSQL('INSERT INTO child VALUES (7)', '')"
    after = [("blog", "0001_m1")]
    anywhere.migration("blog", "0002_mixed", FIELD, sql, after=after, atomic=False)
    assert "blog.0002_mixed: INSERT INTO child VALUES (7)" in anywhere.run("migrate").err


@on_postgresql
def test_a_procedure_that_commits_may_have_happened(anywhere: Project) -> None:
    anywhere.query(
        "CREATE PROCEDURE fill() LANGUAGE plpgsql AS "
        "$$ BEGIN CREATE TABLE half (id int); COMMIT; PERFORM 1 / 0; END $$"
    )
    failed(anywhere, FIELD, 'migrations.RunSQL("CALL fill()", "DROP TABLE half")')
    assert (
        "nothing tells whether it has happened: CALL fill()"
        in anywhere.do("migrate", "blog", "0001").err
    )


def test_sql_that_failed_has_not_happened(anywhere: Project) -> None:
    failed(anywhere, FIELD, 'migrations.RunSQL("DROP TABLE nothing", "DROP TABLE nothing")')
    assert "nothing tells" not in anywhere.do("migrate", "blog", "0001").err
    assert columns(anywhere, 1) == [False]


@on_postgresql
def test_sql_that_was_killed_may_have_happened(anywhere: Project) -> None:
    anywhere.chain("blog", 1)
    slow = 'migrations.RunSQL("SELECT pg_sleep(5)", "DROP TABLE nothing")'
    after = [("blog", "0001_m1")]
    anywhere.migration("blog", "0002_mixed", FIELD, slow, after=after, atomic=False)
    running = anywhere.start("migrate")
    asleep = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(5)'"
    while not anywhere.query(asleep):
        assert running.poll() is None
    kill(running)
    said = anywhere.do("migrate", "blog", "0001").err
    assert "nothing tells whether it has happened: SELECT pg_sleep(5)" in said
    assert columns(anywhere, 1) == [False]


@pytest.mark.parametrize(
    "around", ["{}", "migrations.SeparateDatabaseAndState([{}])"], ids=["alone", "inside"]
)
def test_sql_without_a_reverse_is_run_again_where_it_was_passed(
    anywhere: Project, around: str
) -> None:
    anywhere.chain("blog", 1)
    anywhere.do("migrate")
    anywhere.query("INSERT INTO blog_m1 DEFAULT VALUES")
    sql = "migrations.RunSQL('UPDATE blog_m1 SET {}', migrations.RunSQL.noop)"
    fails = "migrations.RunSQL(migrations.RunSQL.noop, 'SELECT broken')"
    other = 'migrations.AddField("M1", "other", models.IntegerField(default=1))'
    more = around.format(sql.format("more = more + 4"))
    after = [("blog", "0001_m1")]
    operations = [other, sql.format("other = other + 1"), fails, FIELD, more]
    anywhere.migration("blog", "0002_mixed", *operations, after=after, atomic=False)
    anywhere.do("migrate")
    assert anywhere.query("SELECT other, more FROM blog_m1") == [(2, 4)]
    assert anywhere.run("migrate", "blog", "0001").code == 5
    assert columns(anywhere, 1) == [False]
    anywhere.do("migrate")
    assert anywhere.query("SELECT other, more FROM blog_m1") == [(2, 4)]


@pytest.mark.parametrize("default", ['bytearray(b"1")', 'memoryview(b"1")'])
def test_a_default_of_another_class_is_journalled(anywhere: Project, default: str) -> None:
    field = f'migrations.AddField("M1", "more", models.BinaryField(default={default}))'
    failed(anywhere, field, FAILING)
    anywhere.do("migrate", "blog", "0001")
    assert columns(anywhere, 1) == [False]


def test_parts_on_data_are_not_taken_back_from_half_way(anywhere: Project) -> None:
    parts = f"{FIXED}, {FIELD}, {FIXED}, {FAILING}"
    failed(anywhere, f"migrations.SeparateDatabaseAndState([{parts}], [{FIELD}])")
    refused = anywhere.run("migrate", "blog", "0001")
    assert refused.code == 4
    assert "cannot be taken back from half way; nothing was changed" in refused.err
    assert anywhere.query("SELECT * FROM done") == [(1,), (1,)]


@pytest.mark.parametrize("content", ["null", "[]", '["other", 1]', "{broken"])
def test_a_journal_that_cannot_be_read_is_left_alone(anywhere: Project, content: str) -> None:
    failed(anywhere, FIELD, FAILING)
    anywhere.query(f"UPDATE whimbrel_journal SET content = '{content}' WHERE step = '1.1'")
    for command in ((), ("blog", "0001"), ("--plan",)):
        ended = anywhere.run("migrate", *command)
        assert ended.code == 4
        assert "error[history]" in ended.err
    assert len(anywhere.query("SELECT * FROM whimbrel_journal")) == 3


@on_postgresql
def test_what_is_half_done_and_has_no_file_is_shown_and_waits_for_it(blog: Project) -> None:
    killed_half_way(blog)
    file = blog.root / "blog/migrations/0004_more.py"
    text = file.read_text()
    file.unlink()
    assert "[~] 0004_more" in blog.do("showmigrations").out
    refused = blog.run("migrate")
    assert refused.code == 4
    assert "blog.0004_more: it is half applied, and there is no file of it" in refused.err
    file.write_text(text)
    blog.do("migrate")
    assert columns(blog) == [True] * 3


@on_postgresql
def test_what_was_finished_by_hand_may_be_recorded(blog: Project) -> None:
    with held(blog, *BLOCKED):
        running = blog.start("migrate")
        wait_for(running, "Locked")
        kill(running)
    for table in ("blog_m2", "blog_m3"):
        blog.query(f"ALTER TABLE {table} ADD COLUMN more integer DEFAULT 0 NOT NULL")
    blog.do("migrate", "--fake")
    assert blog.do("migrate").err == "Nothing to do.\n"
    blog.do("migrate", "blog", "zero")
    assert blog.tables() == set()


def columns(project: Project, tables: int = 3) -> list[bool]:
    """Whether each of the tables has the new column."""
    engine = sa.create_engine(project.url)
    try:
        inspector = sa.inspect(engine)
        return [
            "more" in {column["name"] for column in inspector.get_columns(f"blog_m{number}")}
            for number in range(1, tables + 1)
        ]
    finally:
        engine.dispose()


def test_ctrl_c_says_what_is_applied(anywhere: Project) -> None:
    anywhere.chain("blog", 2)
    anywhere.do("migrate", "blog", "0001")
    field = 'migrations.AddField("M1", "more", models.IntegerField(default=0))'
    anywhere.migration("blog", "0003_more", field, after=[("blog", "0002_m2")])
    with late_blocker(anywhere):
        running = anywhere.start("migrate")
        wait_for(running, "Locked")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate()
    assert running.returncode == 130
    assert "Interrupted. " in said
    assert_record_is_true(anywhere)


@contextmanager
def late_blocker(project: Project) -> Iterator[None]:
    """Something that the run gets stuck at."""
    if project.url.startswith("sqlite"):
        statements = ["BEGIN IMMEDIATE"]
    else:
        statements = ["BEGIN", "SELECT * FROM blog_m1"]
    with held(project, *statements):
        yield


CONCURRENT = """
from ipaddress import ip_address
from whimbrel import migrations, models

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("blog", "0001_m1")]
    operations = [
        migrations.AddField("M1", "more", models.IntegerField(default=0)),
        migrations.RunSQL([("SELECT %s", [ip_address("::1")])], migrations.RunSQL.noop),
        migrations.RunSQL(
            'CREATE UNIQUE INDEX CONCURRENTLY "I 1" ON public.blog_m1 (more)', 'DROP INDEX "I 1"'
        ),
    ]
"""


@on_postgresql
@pytest.mark.parametrize("back", [False, True])
def test_an_index_of_the_users_that_broke_is_taken_away(blog: Project, back: bool) -> None:
    blog.do("migrate", "blog", "0001")
    blog.query("INSERT INTO blog_m1 DEFAULT VALUES")
    blog.query("INSERT INTO blog_m1 DEFAULT VALUES")
    for file in ("0002_m2", "0003_m3", "0004_more"):
        (blog.root / f"blog/migrations/{file}.py").unlink()
    blog.write("blog/migrations/0002_index.py", CONCURRENT)
    assert blog.run("migrate").code == 5
    invalid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('\"I 1\"')"
    assert blog.query(invalid) == [(False,)]
    if back:
        blog.do("migrate", "blog", "0001")
        assert blog.query(invalid) == []
    else:
        blog.query("DELETE FROM blog_m1 WHERE id = 1")
        blog.do("migrate")
        assert blog.query(invalid) == [(True,)]

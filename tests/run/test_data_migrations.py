"""RunPython, RunSQL and SeparateDatabaseAndState, forwards and backwards, on every database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from run.data import CREATED, Rows
from whimbrel.errors import (
    DataError,
    EditedError,
    HistoryError,
    IrreversibleError,
    StepError,
    UnsupportedError,
    WhimbrelError,
)
from whimbrel.run.events import DataDone, DataStarted

ADD = """
def add(apps, editor):
    editor.execute("INSERT INTO blog_row (number) VALUES (7)")

def take(apps, editor):
    editor.execute("DELETE FROM blog_row WHERE number = 7")
"""

MORE = 'migrations.AddField("Row", "more", models.IntegerField(null=True))'


# -- RunPython ---------------------------------------------------------------------------------


def test_a_function_is_called_in_each_direction(rows: Rows) -> None:
    rows.made(1).file("0002_add", "RunPython(add, take)", ADD)
    rows.go()
    assert rows.numbers() == [1, 7]
    rows.go("0001_row")
    assert rows.numbers() == [1]
    assert rows.applied() == ["0001_row"]
    assert [type(event) for event in rows.events if "Data" in type(event).__name__] == [
        DataStarted,
        DataDone,
    ] * 2


def test_a_leap_stops_at_it(rows: Rows) -> None:
    rows.file("0001_row", CREATED)
    rows.file("0002_add", "RunPython(add, take)", ADD)
    rows.file("0003_more", MORE)
    rows.file("0004_less", 'migrations.RemoveField("Row", "more")')
    done = rows.go().done
    assert [len(each.labels) for each in done] == [1, 1, 2]
    assert rows.numbers() == [7]


@pytest.mark.parametrize(
    "operations",
    [
        f"{MORE}, RunPython(add), {MORE.replace('more', 'most')}",
        f"RunPython(add), {MORE}, RunPython(RunPython.noop)",
        f"{MORE}, RunPython(add, atomic=False), RunPython(RunPython.noop)",
        f'RunPython(add), migrations.AlterField("Row", "number", models.BigIntegerField()), {MORE}',
    ],
)
def test_rows_and_tables_in_one_migration(rows: Rows, operations: str) -> None:
    rows.made(1).file("0002_both", operations, ADD)
    rows.go()
    assert rows.numbers() == [1, 7]
    rows.query("UPDATE blog_row SET more = 1")


DEFERRED = """
def add(apps, editor):
    editor.execute("INSERT INTO blog_child (row_id) VALUES (99)")
    editor.execute("INSERT INTO blog_row (id, number) VALUES (99, 5)")
"""


def test_checks_that_wait_for_the_commit_keep_no_step_waiting(rows: Rows) -> None:
    key = 'models.ForeignKey("Row", models.CASCADE, deferrable="deferred")'
    child = (
        'migrations.CreateModel("Child", fields=[("id", models.BigAutoField(primary_key=True)),'
        f'("row", {key})])'
    )
    rows.made().file("0002_child", child)
    rows.go()
    rows.file("0003_both", f"RunPython(add), {MORE.replace('Row', 'Child')}", DEFERRED)
    rows.go()
    assert rows.numbers() == [5]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("editor.execute('UPDATE blog_row SET number = %s WHERE number = %s', [9, 1])", [2, 9]),
        ("editor.execute('UPDATE blog_row SET number = 9 WHERE number % 2 = %s', [1])", [2, 9]),
        ("editor.execute('UPDATE blog_row SET number = 9 WHERE number %% 2 = %s', [1])", [2, 9]),
        (
            "editor.execute('UPDATE blog_row SET number = 9 WHERE number % 2 = %(n)s', {'n': 1})",
            [2, 9],
        ),
        (
            "editor.execute('UPDATE blog_row SET number = 9 WHERE number % 2 = :n', {'n': 1})",
            [2, 9],
        ),
        ("editor.execute('UPDATE blog_row SET number = 9 WHERE number % 2 = 1')", [2, 9]),
        ("editor.execute('UPDATE blog_row SET number = %(a)s', {'a': 3})", [3, 3]),
        ("editor.execute('UPDATE blog_row SET number = :a', {'a': 3})", [3, 3]),
        ("editor.execute('DELETE FROM blog_row; INSERT INTO blog_row (number) VALUES (4);')", [4]),
        ("assert editor.execute('SELECT count(*) FROM blog_row').scalar_one() == 2", [1, 2]),
        ("assert editor.execute(\"SELECT '100%'\").scalar_one() == '100%'", [1, 2]),
        ("assert editor.connection.alias == 'default'", [1, 2]),
        (
            "assert editor.connection.vendor == editor.dialect == editor.connection.dialect.name",
            [1, 2],
        ),
        ('assert editor.quote_name(\'a"b\') == \'"a""b"\'', [1, 2]),
        ("editor.connection.cursor().execute('DELETE FROM blog_row WHERE number = 1')", [2]),
        ("editor.execute(sa.text('DELETE FROM blog_row WHERE number = 2'))", [1]),
        ("editor.connection.execute(sa.text('DELETE FROM blog_row'))", []),
        (
            "try:\n        with editor.transaction():\n            raise_after(editor)\n"
            "    except ZeroDivisionError: pass",
            [1, 2],
        ),
        (
            "with editor.transaction():\n        editor.execute('DELETE FROM blog_row')",
            [],
        ),
    ],
)
@pytest.mark.parametrize("atomic", [True, False])
def test_what_the_schema_editor_offers(
    rows: Rows, body: str, expected: list[int], atomic: bool
) -> None:
    helper = (
        "import sqlalchemy as sa\n\ndef raise_after(editor):\n"
        "    editor.execute('DELETE FROM blog_row')\n    1 / 0\n\n"
    )
    rows.made(1, 2).file(
        "0002_x", "RunPython(act)", f"{helper}def act(apps, editor):\n    {body}\n", atomic=atomic
    )
    rows.go()
    assert rows.numbers() == expected


VALUES = """
import datetime as dt
import decimal
import uuid

HERE = dt.timezone(dt.timedelta(hours=2))
VALUES = {
    "price": decimal.Decimal("1.50"), "day": dt.date(2026, 1, 2), "hour": dt.time(3, 4),
    "moment": dt.datetime(2026, 1, 2, 3, 4, tzinfo=HERE), "token": uuid.UUID(int=7),
}
INTO = "INSERT INTO blog_kept (price, day, hour, moment, token) VALUES "
LIST = INTO + "(%s, %s, %s, %s, %s)"

def act(apps, editor):
    values = list(VALUES.values())
    editor.execute(LIST, values)
    editor.execute(INTO + "(:price, :day, :hour, :moment, :token)", VALUES)
    with editor.connection.cursor() as cursor:
        cursor.execute(LIST, values)
        cursor.executemany(LIST, [values])

def look(apps, editor):
    assert apps.get_model("blog", "Kept").objects.filter(**VALUES).count() == 5
"""
KEPT = """
    migrations.CreateModel("Kept", fields=[
        ("id", models.BigAutoField(primary_key=True)),
        ("price", models.DecimalField(max_digits=8, decimal_places=2)),
        ("day", models.DateField()), ("hour", models.TimeField()),
        ("moment", models.DateTimeField()), ("token", models.UUIDField()),
    ]), RunPython(act), RunSQL([(LIST, list(VALUES.values()))]), RunPython(look)
"""


def test_parameters_are_stored_as_the_columns_would(rows: Rows) -> None:
    rows.file("0001_kept", KEPT, VALUES)
    rows.go()
    assert len(rows.query("SELECT DISTINCT price, day, hour, moment, token FROM blog_kept")) == 1


SESSION = """
import sqlalchemy as sa

numbers = sa.table("blog_row", sa.column("number"))

def block(apps, editor):
    with editor.session() as session:
        session.execute(sa.insert(numbers).values(number=1))

def bare(apps, editor):
    editor.session().execute(sa.insert(numbers).values(number=1))

def committed(apps, editor):
    session = editor.session()
    session.execute(sa.insert(numbers).values(number=1))
    session.commit()
    session.execute(sa.insert(numbers).values(number=2))
    session.rollback()

def failed(apps, editor):
    committed(apps, editor)
    1 / 0
"""


@pytest.mark.parametrize(
    ("name", "atomic", "expected"),
    [
        ("block", True, [1]),
        ("bare", True, [1]),
        ("committed", True, [1]),
        ("block", False, [1]),
        ("bare", False, [1]),
        # Without a transaction there is nothing to roll back.
        ("committed", False, [1, 2]),
    ],
)
def test_a_session_is_written(rows: Rows, name: str, atomic: bool, expected: list[int]) -> None:
    rows.made().file("0002_x", f"RunPython({name})", SESSION, atomic=atomic)
    rows.go()
    assert rows.numbers() == expected


def test_what_a_session_commits_is_the_migrations_to_roll_back(rows: Rows) -> None:
    rows.made().file("0002_x", "RunPython(failed)", SESSION)
    with pytest.raises(DataError):
        rows.go()
    assert rows.numbers() == []


ASYNC = """
import asyncio

async def add(apps, editor):
    await asyncio.sleep(0)
    editor.execute("INSERT INTO blog_row (number) VALUES (7)")
"""


def test_an_async_function_is_run(rows: Rows) -> None:
    rows.made().file("0002_add", "RunPython(add)", ASYNC)
    rows.go()
    assert rows.numbers() == [7]


def test_an_async_function_inside_of_a_loop_is_refused(rows: Rows) -> None:
    rows.made().file("0002_add", "RunPython(add)", ASYNC)

    async def inside() -> None:
        rows.go()

    with pytest.raises(DataError, match="event loop") as caught:
        asyncio.run(inside())
    assert "asyncio.to_thread" in str(caught.value.hint)
    assert rows.numbers() == []
    rows.go()
    assert rows.numbers() == [7]


def test_what_a_function_prints_is_no_data(rows: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    rows.made().file("0002_x", "RunPython(act)", "def act(apps, editor):\n    print('hello')\n")
    rows.go()
    assert capsys.readouterr() == ("", "hello\n")


# -- where a function fails --------------------------------------------------------------------

FAILS = """
import sqlalchemy as sa

def fail(apps, editor):
    editor.execute("INSERT INTO blog_row (number) VALUES (7)")
    deeper(editor)

def deeper(editor):
    {line}

def add(apps, editor):
    editor.execute("INSERT INTO blog_row (number) VALUES (8)")
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise ValueError", "ValueError"),
        ("editor.execute('SELECT nothing FROM blog_row')", "nothing"),
        ("assert editor is None, 'no editor'", "AssertionError: no editor"),
        # Drivers are Python, or Cython.
        ("editor.connection.scalar(sa.select(sa.literal('', sa.LargeBinary())))", "bytes"),
    ],
)
def test_the_users_own_line_is_shown(rows: Rows, line: str, message: str) -> None:
    rows.made(1).file("0002_x", f"{MORE}, RunPython(fail)", FAILS.format(line=line))
    with pytest.raises(DataError) as caught:
        rows.go()
    error = caught.value
    assert message in error.message
    assert str(error.place).startswith("blog.0002_x: ")
    assert "blog/migrations/0002_x.py:12, in deeper" in str(error.place)
    assert error.hint == f"    {line}\nAll of blog.0002_x was rolled back."
    assert rows.numbers() == [1]
    assert rows.applied() == ["0001_row"]
    with pytest.raises(Exception, match="more"):
        rows.query("SELECT more FROM blog_row")


def test_the_command_line_shows_no_traceback_unless_asked(rows: Rows) -> None:
    rows.made().file("0002_x", "RunPython(fail)", FAILS.format(line="1 / 0"))
    ended = rows.project.run("migrate")
    assert ended.code == 5
    assert ended.err == (
        "error[data]: blog.0002_x: blog/migrations/0002_x.py:12, in deeper: "
        "ZeroDivisionError: division by zero\n    1 / 0\nAll of blog.0002_x was rolled back.\n"
    )
    assert "Traceback" in rows.project.run("--traceback", "migrate").err


@pytest.mark.parametrize(
    ("migration", "operation", "left", "says"),
    [
        (True, None, [], "All of blog.0002_x was rolled back."),
        (True, True, [], "All of blog.0002_x was rolled back."),
        (True, False, [7, 8], "It ran in no transaction"),
        (False, None, [7, 8], "It ran in no transaction"),
        (False, True, [8], "What the operation did was rolled back; what came before it stays."),
    ],
)
def test_what_is_left_of_a_function_that_fails(
    rows: Rows, migration: bool, operation: bool | None, left: list[int], says: str
) -> None:
    functions = FAILS.format(line="1 / 0")
    operations = f"RunPython(add), RunPython(fail, atomic={operation})"
    rows.made().file("0002_x", operations, functions, atomic=migration)
    with pytest.raises(DataError) as caught:
        rows.go()
    assert says in str(caught.value.hint)
    assert rows.numbers() == left
    assert rows.applied() == ["0001_row"]
    # Mended, it goes on where it was.
    rows.query("DELETE FROM blog_row WHERE number = 7")
    rows.file("0002_x", operations, functions.replace("1 / 0", "pass"), atomic=migration)
    rows.go()
    assert rows.numbers() == [7, 8]
    assert rows.applied() == ["0001_row", "0002_x"]


# -- RunSQL ------------------------------------------------------------------------------------

SQLS: list[tuple[Any, list[int]]] = [
    ("INSERT INTO blog_row (number) VALUES (1); INSERT INTO blog_row (number) VALUES (2);", [1, 2]),
    (["INSERT INTO blog_row (number) VALUES (1)", "UPDATE blog_row SET number = 3"], [3]),
    ([("INSERT INTO blog_row (number) VALUES (%s)", [4])], [4]),
    ([("INSERT INTO blog_row (number) VALUES (%(n)s)", {"n": 4})], [4]),
    ([("INSERT INTO blog_row (number) VALUES (:n)", {"n": 4})], [4]),
    ([("INSERT INTO blog_row (number) VALUES (5);", None)], [5]),
    (("INSERT INTO blog_row (number) VALUES (%s)", [6]), [6]),
    (
        {
            "sqlite": "INSERT INTO blog_row (number) VALUES (7)",
            "postgresql": ["INSERT INTO blog_row (number) VALUES (7)"],
        },
        [7],
    ),
    ("-- nothing to do\n", []),
    ("", []),
    ([], []),
]


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize(("sql", "expected"), SQLS, ids=[str(index) for index in range(len(SQLS))])
def test_sql_is_sent_as_it_is_given(
    rows: Rows, sql: Any, expected: list[int], atomic: bool
) -> None:
    rows.made().file("0002_x", f"RunSQL({sql!r}, 'DELETE FROM blog_row')", atomic=atomic)
    rows.go()
    assert rows.numbers() == expected
    rows.go("0001_row")
    assert rows.numbers() == []


TRIGGERS = """
RunSQL({
    "sqlite": '''
        CREATE TRIGGER grow AFTER INSERT ON blog_row BEGIN
            UPDATE blog_row SET number = number + 1 WHERE id = new.id;
            UPDATE blog_row SET number = number * 10 WHERE id = new.id;
        END;
        INSERT INTO blog_row (number) VALUES (1); -- done; here
    ''',
    "postgresql": '''
        CREATE FUNCTION grow() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            new.number = new.number + 1;
            new.number = new.number * 10;
            RETURN new;
        END
        $body$;
        CREATE TRIGGER grow BEFORE INSERT ON blog_row FOR EACH ROW EXECUTE FUNCTION grow();
        INSERT INTO blog_row (number) VALUES (1); /* done; /* here */ ; */
    ''',
}, {
    "sqlite": "DROP TRIGGER grow",
    "postgresql": "DROP TRIGGER grow ON blog_row; DROP FUNCTION grow()",
})
"""


def test_triggers_and_functions(rows: Rows) -> None:
    rows.made().file("0002_grow", TRIGGERS)
    rows.go()
    assert rows.numbers() == [20]
    rows.go("0001_row")
    rows.query("INSERT INTO blog_row (number) VALUES (1)")
    assert rows.numbers() == [1, 20]


@pytest.mark.parametrize(
    ("operation", "error", "says", "hint"),
    [
        ('RunSQL({"mysql": "A"})', UnsupportedError, "but for mysql", "RunSQL.noop"),
        ('RunSQL("A; BEGIN; B; COMMIT")', HistoryError, "BEGIN", "atomic = False"),
        ('RunSQL([("A; B", [1])])', HistoryError, "2 statements", "a pair of its own"),
        ("RunSQL(3)", HistoryError, "3 is no SQL", "A string"),
        ('RunSQL("SELECT nothing")', StepError, "nothing", ""),
    ],
)
def test_sql_that_cannot_be_sent(
    rows: Rows, operation: str, error: type[WhimbrelError], says: str, hint: str
) -> None:
    rows.made().file("0002_x", operation)
    with pytest.raises(error) as caught:
        rows.go()
    assert says in caught.value.message
    assert hint in str(caught.value.hint)
    assert str(caught.value.place).startswith("blog.0002_x: ")
    assert rows.applied() == ["0001_row"]


# -- the way back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "names", "add"),
    [
        ("RunPython(add)", "Run Python function add", "RunPython(add, backwards)"),
        ('RunSQL("SELECT 1")', "Run SQL: SELECT 1", "reverse_sql="),
        ("SeparateDatabaseAndState([RunPython(add)])", "Run Python function add", "backwards"),
        ('SeparateDatabaseAndState([RunSQL("SELECT 1")])', "Run SQL: SELECT 1", "reverse_sql="),
    ],
)
def test_without_a_way_back_nothing_is_touched(
    rows: Rows, operation: str, names: str, add: str
) -> None:
    rows.made(1).file("0002_x", f"{MORE}, {operation}", ADD)
    rows.file("0003_y", "RunSQL('DELETE FROM blog_row', 'DELETE FROM blog_row')")
    rows.file("0004_z", MORE.replace("more", "most"))
    rows.go()
    before = rows.numbers()
    rows.query("INSERT INTO blog_row (number) VALUES (3)")
    with pytest.raises(IrreversibleError) as caught:
        rows.go("0001_row")
    assert str(caught.value.place).startswith("blog.0002_x: ")
    assert names in str(caught.value.place)
    assert add in str(caught.value.hint)
    assert rows.numbers() == sorted([*before, 3])
    assert rows.applied() == ["0001_row", "0002_x", "0003_y", "0004_z"]
    rows.go("0003_y")
    rows.go("0001_row", fake=True)
    assert rows.applied() == ["0001_row"]


def test_the_way_back_of_rows_and_tables(rows: Rows) -> None:
    operations = f"RunPython(add, take), {MORE}, RunSQL('UPDATE blog_row SET more = 1', '')"
    rows.made(1).file("0002_x", operations, ADD)
    for _ in range(2):
        rows.go()
        assert rows.query("SELECT number, more FROM blog_row ORDER BY 1") == [(1, 1), (7, 1)]
        rows.go("0001_row")
        assert rows.numbers() == [1]


# -- states apart ------------------------------------------------------------------------------

OTHER = CREATED.replace('"Row"', '"Other"')


def test_sql_that_says_what_it_does_to_the_models(rows: Rows) -> None:
    rows.made(1).file(
        "0002_x",
        f"RunSQL('ALTER TABLE blog_row ADD COLUMN more INTEGER', "
        f"'ALTER TABLE blog_row DROP COLUMN more', state_operations=[{MORE}])",
    )
    rows.file("0003_y", 'migrations.RenameField("Row", "more", "most")')
    rows.go()
    assert rows.query("SELECT most FROM blog_row") == [(None,)]
    rows.go("0001_row")
    assert rows.numbers() == [1]


def test_sql_and_models_side_by_side(rows: Rows) -> None:
    """A table renamed by hand: SQL does in the database what the state says."""
    rows.made(1).file(
        "0002_x",
        "SeparateDatabaseAndState([RunSQL('ALTER TABLE blog_row RENAME TO blog_line', "
        "'ALTER TABLE blog_line RENAME TO blog_row')], [migrations.RenameModel('Row', 'Line')])",
    )
    rows.file("0003_y", MORE.replace("Row", "Line"))
    rows.go()
    rows.query("UPDATE blog_line SET more = 1")
    rows.go("0001_row")
    assert rows.numbers() == [1]


def test_what_was_in_the_database_all_along(rows: Rows) -> None:
    rows.made()
    number = "number INTEGER NOT NULL DEFAULT 0"
    rows.query(
        f"CREATE TABLE blog_other (id BIGINT PRIMARY KEY, {number})"
        if rows.is_postgresql
        else f"CREATE TABLE blog_other (id INTEGER PRIMARY KEY AUTOINCREMENT, {number})"
    )
    rows.query("INSERT INTO blog_other (id, number) VALUES (1, 4)")
    rows.file("0002_there", f"SeparateDatabaseAndState(state_operations=[{OTHER}])")
    rows.file("0003_more", MORE.replace("Row", "Other"))
    rows.go()
    assert rows.query("SELECT number, more FROM blog_other") == [(4, None)]
    rows.go("0002_there")
    assert rows.numbers("blog_other") == [4]
    rows.go("0001_row")
    assert rows.numbers("blog_other") == [4]
    rows.go()
    rows.file("0004_gone", 'migrations.DeleteModel("Other")')
    rows.go()
    assert rows.project.tables() == {"whimbrel_migrations", "blog_row"}


def test_a_model_that_goes_and_a_table_that_stays(rows: Rows) -> None:
    gone = "SeparateDatabaseAndState(state_operations=[migrations.DeleteModel('Row')])"
    rows.made(1).file("0002_gone", gone)
    rows.file("0003_other", OTHER)
    rows.go()
    assert rows.numbers() == [1]
    rows.go("0001_row")
    assert rows.numbers() == [1]
    assert "blog_other" not in rows.project.tables()


def test_the_database_alone(rows: Rows) -> None:
    rows.made(1).file("0002_x", f"SeparateDatabaseAndState(database_operations=[{MORE}])")
    rows.go()
    assert rows.query("SELECT more FROM blog_row") == [(None,)]
    rows.go("0001_row")
    with pytest.raises(Exception, match="more"):
        rows.query("SELECT more FROM blog_row")


@pytest.mark.parametrize("columns", ["n integer NOT NULL", "n integer, CHECK (id < 0)"])
def test_a_row_that_does_not_hold_stays_out_of_the_message(rows: Rows, columns: str) -> None:
    """PostgreSQL's detail is all that the row has."""
    table = f"CREATE TABLE other (id integer, said text, {columns})"
    put = """
def put(apps, editor):
    editor.execute("INSERT INTO other (id, said) VALUES (7, %s)", ["secret" * 2])
"""
    rows.made().file("0002_x", f"RunSQL({table!r}, ''), RunPython(put)", put)
    done = rows.project.run("migrate")
    assert done.code == 5
    assert "IntegrityError" in done.err
    assert "secretsecret" not in done.out + done.err


# -- looking -----------------------------------------------------------------------------------


def test_the_plan_and_the_printed_sql_show_them(rows: Rows) -> None:
    percent = "[(\"UPDATE blog_row SET number = %s WHERE '%%' = '%%'\", [3])]"
    rows.made().file("0002_x", f"RunPython(add, take), RunSQL({percent}, '')", ADD)
    plan = rows.project.do("migrate", "--plan").out
    assert "  Run Python function add\n  Run SQL: UPDATE blog_row" in plan
    script = rows.project.do("sqlmigrate", "blog", "0002").out
    assert "-- Run Python function add: it cannot be shown as SQL\n" in script
    assert "UPDATE blog_row SET number = 3 WHERE '%' = '%';\n" in script
    back = rows.project.do("sqlmigrate", "blog", "0002", "--backwards").out
    assert "-- undo: Run Python function take: it cannot be shown as SQL\n" in back
    found = rows.project.do("sqlmigrate", "blog", "0002", "--json").json["statements"]
    assert [each["sql"] for each in found if "note" in each] == [None]


def test_an_empty_migration_is_ready_to_be_filled_in(rows: Rows) -> None:
    rows.made(1)
    rows.project.do("makemigrations", "blog", "--empty", "--name", "fill")
    file = rows.project.root / "blog/migrations/0002_fill.py"
    text = file.read_text()
    assert 'apps.get_model("blog", "Row")' in text
    rows.go()
    rows.go("0001_row")
    filled = "editor.execute('UPDATE blog_row SET number = number + {}')"
    text = text.replace("schema_editor", "editor")
    text = text.replace("    pass", f"    {filled.format(1)}", 1)
    file.write_text(text.replace("    pass", f"    {filled.format(-1)}", 1))
    rows.go()
    assert rows.numbers() == [2]
    rows.go("0001_row")
    assert rows.numbers() == [1]


@pytest.mark.parametrize(
    ("old", "new", "edited"),
    [
        ("(7)", "(8)", True),
        ('editor.execute("DEL', 'editor .execute( # why\n        "DEL', False),
        ("RunPython(add, take)", "RunPython(add, reverse_code=take, elidable=True)", False),
    ],
)
def test_an_edited_function_is_noticed(rows: Rows, old: str, new: str, edited: bool) -> None:
    file = rows.made().file("0002_x", "RunPython(add, take)", ADD)
    rows.go()
    file.write_text(file.read_text().replace(old, new))
    if edited:
        with pytest.raises(EditedError, match="does something else now"):
            rows.go()
    else:
        assert not rows.go().done


# -- operations of the user's own --------------------------------------------------------------

OWN = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Own(migrations.Operation):
    number: int
    atomic: bool | None = None

    def describe(self):
        return f"Own {self.number}"

    def execute(self, context):
        context.get_model("Row").objects.create(number=self.number)

    def undo(self, context):
        context.schema_editor.execute("DELETE FROM blog_row WHERE number = %s", [self.number])


class Late(Own):
    async def execute(self, context):
        super().execute(context)


class Failing(Own):
    def execute(self, context):
        raise ValueError("no such thing")
"""


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize(
    "operations",
    [
        "Own(7)",
        "Late(7)",
        "Own(7, atomic=False)",
        "Own(7, atomic=True)",
        "SeparateDatabaseAndState(database_operations=[Own(7)])",
    ],
)
def test_an_own_operation_is_executed_in_each_direction(
    rows: Rows, operations: str, atomic: bool
) -> None:
    rows.made(1).file("0002_own", operations, OWN, atomic=atomic)
    rows.go()
    assert rows.numbers() == [1, 7]
    rows.go("0001_row")
    assert rows.numbers() == [1]


def test_an_own_operation_that_fails_is_named_with_its_line(rows: Rows) -> None:
    rows.made(1).file("0002_own", "Own(7), Failing(8)", OWN)
    with pytest.raises(DataError, match="ValueError: no such thing") as caught:
        rows.go()
    assert "blog/migrations/0002_own.py" in str(caught.value)
    assert rows.numbers() == [1]

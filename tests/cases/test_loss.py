"""No silent loss: what changes rows carries them, or is refused, or was asked for by name."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from run.data import Rows
from whimbrel.commands.make import make_migrations, write
from whimbrel.commands.script import Script, sql_migrate
from whimbrel.detect import FlagQuestioner, Flags
from whimbrel.errors import DataError, LossError, QuestionError, StepError, WhimbrelError
from whimbrel.report.script import script_text


@pytest.fixture
def rows(project_root: Path, database_url: str) -> Rows:
    """An empty project; see `Rows.made`."""
    return Rows(project_root, database_url)


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# -- django-users/02: foreign keys hold at the end of every migration --------------------------

POINTING = """migrations.CreateModel("Note", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("row", models.ForeignKey("Row", models.DO_NOTHING, null=True)),
])"""
ADDED = 'migrations.AddField("Row", "more", models.IntegerField(default=1))'
REBUILT = 'migrations.AlterField("Row", "number", models.BigIntegerField(default=7))'
WRITES = 'RunSQL("INSERT INTO blog_note (row_id) VALUES (998)", RunSQL.noop)'
DELETES = 'RunSQL("DELETE FROM blog_row", RunSQL.noop)'
CALLED = """
def act(apps, editor):
    apps.get_model("blog", "Note").objects.create(row_id=998)

def sql(apps, editor):
    editor.execute("INSERT INTO blog_note (row_id) VALUES (998)")
"""

#: Operations that leave a row which points at nothing.
BREAKING = {
    "RunSQL inserts": WRITES,
    "RunSQL deletes": DELETES,
    "RunSQL beside a column": f"{ADDED}, {WRITES}",
    "RunSQL beside a rebuild": f"{REBUILT}, {WRITES}",
    "RunPython": "RunPython(act)",
    "RunPython beside RunSQL": f"RunPython(act), {DELETES}",
    "RunPython beside a rebuild": f"{REBUILT}, RunPython(act)",
    "execute()": "RunPython(sql)",
}


def pointing(rows: Rows) -> Rows:
    rows.made(1).file("0002_note", POINTING)
    rows.go()
    rows.query("INSERT INTO blog_note (row_id) SELECT id FROM blog_row")
    return rows


@pytest.mark.parametrize("operations", BREAKING.values(), ids=BREAKING)
def test_a_migration_that_breaks_a_foreign_key_is_refused(rows: Rows, operations: str) -> None:
    pointing(rows).file("0003_x", operations, CALLED)
    with pytest.raises((StepError, DataError)):
        rows.go()
    assert rows.applied() == ["0001_row", "0002_note"]
    there = "SELECT count(*) FROM blog_note n JOIN blog_row r ON r.id = n.row_id"
    assert rows.query("SELECT count(*) FROM blog_note") == rows.query(there) == [(1,)]


@on_sqlite
@pytest.mark.parametrize("operations", [WRITES, DELETES, "RunPython(act)", f"{DELETES}, {ADDED}"])
def test_without_a_transaction_it_is_refused_too(rows: Rows, operations: str) -> None:
    pointing(rows).file("0003_x", operations, CALLED, atomic=False)
    with pytest.raises(WhimbrelError):
        rows.go()
    assert rows.applied() == ["0001_row", "0002_note"]


@on_sqlite
@pytest.mark.parametrize("atomic", [True, False])
def test_what_was_broken_before_is_not_blamed_on_a_migration(rows: Rows, atomic: bool) -> None:
    pointing(rows)
    rows.query("INSERT INTO blog_note (row_id) VALUES (997)")
    rows.file("0003_x", 'RunSQL("UPDATE blog_row SET number = 2", RunSQL.noop)', atomic=atomic)
    rows.go()
    rows.file("0004_x", WRITES, atomic=atomic)
    with pytest.raises(StepError, match="1 rows of blog_note"):
        rows.go()


@on_sqlite
def test_on_the_way_back_as_well(rows: Rows) -> None:
    back = 'RunSQL(RunSQL.noop, "DELETE FROM blog_row")'
    pointing(rows).file("0003_x", back)
    rows.go()
    with pytest.raises(StepError, match="blog_note"):
        rows.go("0002")
    assert rows.numbers() == [1]


# -- new-users/06, corpora/14: a schema that was there before stays ------------------------------

KEPT = """migrations.CreateModel("Kept", fields=[
    ("id", models.BigAutoField(primary_key=True)),
], options={"schema": "reporting"})"""
SCHEMAS = """
SELECT n.nspname, n.nspacl::text, (SELECT count(*) FROM pg_default_acl d WHERE d.defaclnamespace = n.oid)
FROM pg_namespace n WHERE nspname = 'reporting'
"""
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_postgresql
@pytest.mark.parametrize("way", ["back", "on", "leap"])
def test_a_schema_that_was_there_before_stays_with_its_grants(rows: Rows, way: str) -> None:
    rows.query("CREATE SCHEMA reporting")
    rows.query("GRANT USAGE ON SCHEMA reporting TO public")
    rows.query("ALTER DEFAULT PRIVILEGES IN SCHEMA reporting GRANT SELECT ON TABLES TO public")
    before = rows.query(SCHEMAS)
    rows.file("0001_kept", KEPT)
    if way == "on":
        rows.file("0002_gone", 'migrations.DeleteModel("Kept")')
    rows.go(leap=way == "leap")
    rows.go("zero")
    assert rows.query(SCHEMAS) == before != []


@on_postgresql
def test_a_schema_that_a_migration_made_goes_unless_others_use_it(rows: Rows) -> None:
    rows.file("0001_kept", KEPT)
    rows.go()
    rows.go("zero")
    assert rows.query(SCHEMAS) == []
    rows.go()
    rows.query("CREATE TABLE reporting.of_others (a integer)")
    rows.go("zero")
    assert rows.query("SELECT count(*) FROM reporting.of_others") == [(0,)]


# -- what a type cuts off is asked, refused, or cut where it was asked for -----------------------


def made(rows: Rows, field: str, **flags: list[str]) -> str:
    """What makemigrations writes for a model with a field ``x``."""
    rows.project.models("blog", f"class Item(models.Model):\n    x = models.{field}\n")
    forget_models()
    questioner = FlagQuestioner(Flags.parse(**flags))
    files = make_migrations(rows.config(), [], questioner)
    write(files)
    return "".join(file.text for file in files)


def forget_models() -> None:
    for name in [name for name in sys.modules if name == "blog" or name.startswith("blog.")]:
        del sys.modules[name]


#: Before, after, a value in SQL that is cut, what is left of it, and a value that fits.
CUT = {
    "fewer places": ("DecimalField(max_digits=8, decimal_places=4)", "DecimalField(max_digits=8, decimal_places=1)", "1.25", "1.3", "1.5"),
    "no places": ("DecimalField(max_digits=8, decimal_places=4)", "IntegerField()", "1.5", "2", "7"),
    "float": ("FloatField()", "IntegerField()", "1.75", "2", "7"),
    "day": ("DateTimeField()", "DateField()", "'2020-01-31 10:00:00.000000'", "'2020-01-31'", "'2020-01-31 00:00:00.000000'"),
    "yes or no": ("IntegerField()", "BooleanField()", "7", "true", "1"),
    "shorter": ("CharField(max_length=20)", "CharField(max_length=3)", "'abcdef'", "'abc'", "'abc'"),
    "text": ("TextField()", "CharField(max_length=3)", "'abcdef'", "'abc'", "'abc'"),
}  # fmt: skip
cuts = pytest.mark.parametrize(("before", "after", "value", "rest", "fit"), CUT.values(), ids=CUT)
HOLDS = "SELECT count(*) FROM blog_item WHERE x = {}"


@cuts
def test_what_is_cut_off_is_asked_and_refused_or_was_asked_for(
    rows: Rows, before: str, after: str, value: str, rest: str, fit: str
) -> None:
    made(rows, before)
    rows.go()
    rows.query(f"INSERT INTO blog_item (x) VALUES ({value})")
    with pytest.raises(QuestionError) as asked:
        made(rows, after)
    assert asked.value.questions[0]["flags"] == ["--no-loss blog.Item.x", "--lossy blog.Item.x"]

    assert "lossy" not in made(rows, after, no_loss=["blog.Item.x"])
    with pytest.raises(LossError, match=r"blog_item.x holds .*\(the row id = 1\)"):
        rows.go()
    assert rows.query(HOLDS.format(value)) == [(1,)]
    rows.query(f"UPDATE blog_item SET x = {fit}")
    rows.go()
    rows.go("0001")
    assert rows.query(HOLDS.format(fit)) == [(1,)]

    file = next((rows.project.root / "blog/migrations").glob("0002*.py"))
    file.unlink()
    assert "lossy=True" in made(rows, after, lossy=["blog.Item.x"])
    rows.query(f"UPDATE blog_item SET x = {value}")
    rows.go()
    assert rows.query(HOLDS.format(rest)) == [(1,)]


#: Before, after, and a value whose way back ends in an error of the database's.
NO_WAY_BACK = {
    "time of day": ("DateTimeField()", "TimeField()", "'2020-01-31 10:00:00.000000'"),
    "short UUID": ("UUIDField()", "CharField(max_length=31)", "'123e4567e89b12d3a456426614174000'"),
    "short day": ("DateField()", "CharField(max_length=5)", "'2020-01-31'"),
    "few digits": ("IntegerField()", "DecimalField(max_digits=3, decimal_places=1)", "1234"),
}


@pytest.mark.parametrize(("before", "after", "value"), NO_WAY_BACK.values(), ids=list(NO_WAY_BACK))
def test_a_value_without_a_way_back_is_refused_in_our_words(
    rows: Rows, before: str, after: str, value: str
) -> None:
    made(rows, before)
    rows.go()
    rows.query(f"INSERT INTO blog_item (x) VALUES ({value})")
    rows._last = "0001_initial"
    rows.file("0002_x", f'migrations.AlterField("Item", "x", models.{after})')
    with pytest.raises(LossError, match=r"blog_item.x holds .*\(the row id = 1\)"):
        rows.go()
    assert rows.query(HOLDS.format(value)) == [(1,)]


#: A text, the type that reads it where that is asked for, and the value in SQL.
READ = {
    "integer": ("IntegerField()", "007", "7"),
    "decimal": ("DecimalField(max_digits=8, decimal_places=2)", "1.556", "1.56"),
    "boolean": ("BooleanField()", "Yes", "true"),
    "moment": ("DateTimeField()", "2020-01-31T10:20", "'2020-01-31 10:20:00.000000'"),
    "uuid": ("UUIDField()", "123E4567-E89B-12D3-A456-426614174000", "'123e4567e89b12d3a456426614174000'"),
}  # fmt: skip


@pytest.mark.parametrize(("field", "value", "found"), READ.values(), ids=READ)
@pytest.mark.parametrize("atomic", [True, False])
def test_a_text_is_spelled_otherwise_only_where_that_is_asked_for(
    rows: Rows, field: str, value: str, found: str, atomic: bool
) -> None:
    made(rows, "TextField()")
    rows.go()
    rows.query(f"INSERT INTO blog_item (x) VALUES ('{value}')")
    rows._last = "0001_initial"
    alters = f'migrations.AlterField("Item", "x", models.{field}'
    rows.file("0002_x", f"{alters})", atomic=atomic)
    with pytest.raises(LossError, match=r"\(the row id = 1\)") as caught:
        rows.go()
    assert "lossy=True" in str(caught.value.hint)
    assert rows.query("SELECT x FROM blog_item") == [(value,)]
    rows.file("0002_x", f"{alters}, lossy=True)", atomic=atomic)
    rows.go()
    assert rows.query(HOLDS.format(found)) == [(1,)]


@pytest.mark.parametrize("lossy", ["", ", lossy=True"])
def test_what_cannot_be_read_is_refused_with_its_row(rows: Rows, lossy: str) -> None:
    made(rows, "TextField()\n    y = models.TextField()")
    rows.go()
    rows.query("INSERT INTO blog_item (x, y) VALUES ('1', '2'), ('3', 'abc')")
    rows._last = "0001_initial"
    field = f"models.IntegerField(){lossy}"
    alters = [f'migrations.AlterField("Item", "{name}", {field})' for name in "xy"]
    rows.file("0002_x", ", ".join(alters))
    with pytest.raises(LossError, match=r"blog_item.y holds 'abc' \(the row id = 2\)"):
        rows.go()
    assert rows.query("SELECT x, y FROM blog_item ORDER BY id") == [("1", "2"), ("3", "abc")]


@on_postgresql
@pytest.mark.parametrize("atomic", [True, False])
def test_moments_mean_utc_whatever_the_zone_of_the_session(rows: Rows, atomic: bool) -> None:
    [(name,)] = rows.query("SELECT current_database()")
    rows.query(f"ALTER DATABASE {name} SET TimeZone = 'Asia/Kolkata'")
    made(rows, "DateTimeField()")
    rows.go()
    rows.query("INSERT INTO blog_item (x) VALUES ('2020-01-31 10:20:30Z')")
    rows._last = "0001_initial"
    default = "models.DateTimeField(default=dt.datetime(2020, 1, 31, 10, 20, 30))"
    operations = (
        'migrations.AlterField("Item", "x", models.Field(sa.DateTime())),'
        f'migrations.AddField("Item", "y", {default})'
    )
    rows.file("0002_x", operations, "import datetime as dt\nimport sqlalchemy as sa", atomic=atomic)
    script = sql_migrate(rows.config(), "blog", "0002", assume_small=True)
    assert "SET LOCAL TimeZone TO 'UTC'" in script_text(script)
    in_utc = "SELECT x::text, y AT TIME ZONE 'UTC' = x FROM blog_item"
    rows.go()
    assert rows.query(in_utc) == [("2020-01-31 10:20:30", True)]
    rows.go("0001")
    assert rows.query("SELECT x = '2020-01-31 10:20:30Z' FROM blog_item") == [(True,)]
    run_by_hand(rows.project.url, script)
    assert rows.query(in_utc) == [("2020-01-31 10:20:30", True)]


def test_that_values_may_be_cut_says_nothing_of_the_way_back(rows: Rows) -> None:
    wide, narrow = "CharField(max_length=20)", "CharField(max_length=3)"
    made(rows, wide)
    made(rows, narrow, lossy=["blog.Item.x"])
    made(rows, wide)
    rows.go()
    rows.query("INSERT INTO blog_item (x) VALUES ('abcdef')")
    with pytest.raises(LossError, match="abcdef"):
        rows.go("0002")
    assert rows.query("SELECT x FROM blog_item") == [("abcdef",)]


@pytest.mark.parametrize("together", [True, False])
def test_rows_are_cut_in_their_place_among_other_changes(rows: Rows, together: bool) -> None:
    there = [f'migrations.AlterField("Item", "x", models.CharField(max_length={length}){more})'
             for length, more in ((3, ", lossy=True"), (20, ""), (40, ""))]  # fmt: skip
    made(rows, "CharField(max_length=20)")
    rows.go()
    rows.query("INSERT INTO blog_item (x) VALUES ('abcdef')")
    rows._last = "0001_initial"
    for number, operations in enumerate([", ".join(there)] if together else there, 2):
        rows.file(f"000{number}_x", operations)
    rows.go()
    assert rows.query("SELECT x FROM blog_item") == [("abc",)]


# -- many columns of one table -------------------------------------------------------------------


def test_hundreds_of_columns_are_altered_in_one_go(rows: Rows) -> None:
    number = 300

    def wide(length: int, **more: list[str]) -> None:
        fields = "".join(
            f"    c{n} = models.CharField(max_length={length}, null=True)\n" for n in range(number)
        )
        made(rows, f"TextField()\n{fields}", **more)

    started = time.monotonic()
    wide(50)
    rows.go()
    rows.query("INSERT INTO blog_item (x, c1) VALUES ('a', 'b')")
    wide(60)
    rows.go()
    rows.go("0001")
    assert rows.query("SELECT x, c1 FROM blog_item") == [("a", "b")]
    assert time.monotonic() - started < 60


def test_alterations_in_a_row_are_made_in_the_order_that_they_need(rows: Rows) -> None:
    made(rows, "TextField(null=True)\n    y = models.TextField(null=True)")
    rows.go()
    rows.query("INSERT INTO blog_item (y) VALUES ('7')")
    rows._last = "0001_initial"
    rows.file(
        "0002_x",
        'migrations.AlterField("Item", "x", models.TextField(default=models.SQL("y || y")), preserve_default=False),'
        'migrations.AlterField("Item", "y", models.IntegerField(null=True)),'
        'migrations.AlterField("Item", "x", models.IntegerField())',
    )
    rows.go()
    assert rows.query("SELECT x, y FROM blog_item") == [(77, 7)]
    rows.go("0001")
    assert rows.query("SELECT x, y FROM blog_item") == [("77", "7")]


# -- new-users/05: a constraint without a name is known by what it says ---------------------------

#: A condition as somebody wrote it, and as a model says it.
WRITTEN = {
    "as it is": ("\"meta\" > ''", "meta > ''"),
    "in parentheses": ("(\"meta\" > '' OR [meta] IS NULL)", "meta > '' OR meta IS NULL"),
    "in capitals": ('JSON_VALID("META")', "json_valid(meta)"),
    "with the table": ('"blog_item"."meta" > \'\'', "meta > ''"),
    "with a comment": ("meta /* not empty */ > ''", "meta > ''"),
}


@on_sqlite
@pytest.mark.parametrize(("there", "said"), WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("place", ["column", "table"])
def test_a_check_without_a_name_is_removed(rows: Rows, place: str, there: str, said: str) -> None:
    check = f"CHECK ({there})"
    column, end = (check, "") if place == "column" else ("", f", {check}")
    rows.query(
        "CREATE TABLE blog_item (id integer NOT NULL PRIMARY KEY AUTOINCREMENT,"
        f" meta text NOT NULL {column}, CONSTRAINT theirs CHECK (id > 0){end})"
    )
    rows.query("INSERT INTO blog_item (meta) VALUES ('1')")
    fields = '("id", models.BigAutoField(primary_key=True)), ("meta", models.TextField())'
    constraint = f'models.CheckConstraint(models.SQL("{said}"))'
    options = f'options={{"constraints": [{constraint}]}}'
    rows.file("0001_item", f'migrations.CreateModel("Item", fields=[{fields}], {options})')
    rows.go(fake=True)
    rows.file("0002_x", 'migrations.RemoveConstraint("Item", "blog_item_check")')
    rows.go()
    [(sql,)] = rows.query("SELECT sql FROM sqlite_master WHERE name = 'blog_item'")
    assert sql.count("CHECK") == 1 == sql.count("theirs")
    rows.go("0001")
    [(sql,)] = rows.query("SELECT sql FROM sqlite_master WHERE name = 'blog_item'")
    assert sql.count("CHECK") == 2
    assert rows.query("SELECT * FROM blog_item") == [(1, "1")]


# -- what people made by hand, and a change would break, is named --------------------------------

ALTERS = 'migrations.AlterField("Row", "more", models.TextField(null=True))'
REMOVES = 'migrations.RemoveField("Row", "number")'
TRIGGER = "AFTER INSERT ON {} BEGIN UPDATE blog_row SET number = 1; END"

#: What is made by hand, the operations, and what the error says.
BY_HAND = {
    "a table of the copy's name": ("CREATE TABLE whimbrel_new_blog_row (a)", ALTERS, "there is a table whimbrel_new_blog_row"),
    "an index of its name": ("CREATE INDEX whimbrel_new_blog_row ON blog_row (more)", ALTERS, "there is an index whimbrel_new_blog_row"),
    "a generated column": ("ALTER TABLE blog_row ADD COLUMN twice INT AS (number + 1)", REMOVES, "the column twice, which no migration made, is made of number"),
    "and a rebuild": ("ALTER TABLE blog_row ADD COLUMN twice INT AS (number + 1)", f"{REMOVES}, {ALTERS}", "the column twice"),
    "a check in a column": ("ALTER TABLE blog_row ADD COLUMN twice INT CHECK (twice > number)", REMOVES, "the column twice"),
    "a view": ("CREATE VIEW seen AS SELECT number FROM blog_row", REMOVES, "the view seen would"),
    "a view, and a rebuild": ("CREATE VIEW seen AS SELECT number FROM blog_row", f"{REMOVES}, {ALTERS}", "the view seen would"),
    "a trigger": (f"CREATE TRIGGER tr {TRIGGER.format('blog_row')}", REMOVES, "the trigger tr"),
    "a trigger elsewhere": (f"CREATE TABLE o (x); CREATE TRIGGER tr {TRIGGER.format('o')}", REMOVES, "the trigger tr on o"),
}  # fmt: skip


@on_sqlite
@pytest.mark.parametrize(("by_hand", "operations", "said"), BY_HAND.values(), ids=BY_HAND)
def test_what_a_change_would_break_is_named(
    rows: Rows, by_hand: str, operations: str, said: str
) -> None:
    rows.made(1)
    rows.file("0002_more", 'migrations.AddField("Row", "more", models.IntegerField(null=True))')
    rows.go()
    with sqlite3.connect(rows.project.url.removeprefix("sqlite:///")) as connection:
        connection.executescript(by_hand)
    rows.file("0003_x", operations)
    with pytest.raises(StepError) as caught:
        rows.go()
    assert said in caught.value.message
    assert caught.value.hint
    assert rows.numbers() == [1]


# -- what is printed cuts nothing either ----------------------------------------------------------


def run_by_hand(url: str, script: Script) -> None:
    """As psql and sqlite3 do: every statement of the script, up to the first that fails."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            if connection.dialect.name == "sqlite":
                driver.executescript(script_text(script))
                return
            for statement in script.statements:
                driver.execute(statement.sql)
    finally:
        engine.dispose()


@cuts
def test_sql_that_people_run_themselves_cuts_nothing_unasked(
    rows: Rows, before: str, after: str, value: str, rest: str, fit: str
) -> None:
    made(rows, before)
    rows.go()
    made(rows, after, no_loss=["blog.Item.x"])
    script = sql_migrate(rows.config(), "blog", "0002", assume_small=True)
    rows.query(f"INSERT INTO blog_item (x) VALUES ({value})")
    if not rows.is_postgresql:
        run_by_hand(rows.project.url, script)
        assert rows.query(HOLDS.format(value)) == [(1,)]
        return
    with pytest.raises(Exception, match="would lose something: look at x"):
        run_by_hand(rows.project.url, script)
    assert rows.query(HOLDS.format(value)) == [(1,)]
    rows.query(f"UPDATE blog_item SET x = {fit}")
    run_by_hand(rows.project.url, script)
    assert rows.query("SELECT count(*) FROM blog_item") == [(1,)]


@cuts
@pytest.mark.parametrize("is_refused", [True, False], ids=["refused", "fits"])
def test_nor_does_what_is_for_a_large_table(
    rows: Rows, before: str, after: str, value: str, rest: str, fit: str, is_refused: bool
) -> None:
    if not rows.is_postgresql:
        pytest.skip("SQLite has one form")
    made(rows, before)
    rows.go()
    held = value if is_refused else fit
    rows.query(f"INSERT INTO blog_item (x) VALUES ({held})")
    made(rows, after, no_loss=["blog.Item.x"])
    script = sql_migrate(rows.config(), "blog", "0002")
    loses = pytest.raises(Exception, match="lose something: look at x")
    with loses if is_refused else nullcontext():
        run_by_hand(rows.project.url, script)
    if is_refused:
        assert rows.query(HOLDS.format(held)) == [(1,)]
    assert rows.query("SELECT count(*) FROM blog_item") == [(1,)]

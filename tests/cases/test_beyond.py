"""Values that a field cannot have: said before anything is done, or with their place; never a bare error."""

from __future__ import annotations

from pathlib import Path

import pytest

from inside import Inside

MODELS = """
class Thing(models.Model):
    n = models.IntegerField(default=0)
    text = models.CharField(max_length=3, default="")
    price = models.DecimalField(max_digits=3, decimal_places=1, default=0)
    size = models.FloatField(default=0)
    at = models.DateTimeField(null=True)
"""


@pytest.fixture
def things(project_root: Path, database_url: str) -> Inside:
    """A project with a table and a row, once on each database."""
    project = Inside(project_root, database_url).configured("core")
    project.models("core", MODELS)
    project.do("makemigrations")
    project.do("migrate")
    project.query("INSERT INTO core_thing (n, text, price, size) VALUES (1, 'a', 1, 1)")
    return project


def second(things: Inside, *operations: str, body: str = "pass") -> None:
    things.migration("core", "0002_second", *operations, after=[("core", "0001_initial")])
    file = things.root / "core/migrations/0002_second.py"
    function = (
        f"def change(apps, schema_editor):\n    Thing = apps.get_model('core.Thing')\n    {body}\n"
    )
    file.write_text(file.read_text().replace("\n\n", f"\n\n{function}\n", 1))


BACKFILL = "migrations.Backfill('Thing', set={}, reverse=migrations.Backfill.noop)"

#: An operation that no database could carry out, and what is said of it.
REFUSED = {
    "no number": (
        BACKFILL.format("{'n': 'abc'}"),
        "n of core.Thing cannot be 'abc': 'abc' is not an integer",
    ),
    "too large": (BACKFILL.format("{'n': 10**30}"), "n of core.Thing cannot be 1000"),
    "larger than its type": (BACKFILL.format("{'n': 2**40}"), "does not fit into 32 bits"),
    "half a number": (BACKFILL.format("{'n': 1.5}"), "1.5 is not an integer"),
    "no null": (BACKFILL.format("{'n': None}"), "n of core.Thing cannot be None: it takes no NULL"),
    "too long": (BACKFILL.format("{'text': 'long'}"), "'long' is longer than 3 characters"),
    "too many digits": (BACKFILL.format("{'price': 123}"), "more than 2 digits before its point"),
    "no moment": (BACKFILL.format("{'at': 'yes'}"), "'yes' is not a date and time"),
    "on the way back": (
        "migrations.Backfill('Thing', set={'n': 1}, reverse={'n': 'abc'})",
        "cannot be 'abc'",
    ),
    "the key": (BACKFILL.format("{'id': 5}"), "'id' is of the primary key of core.Thing"),
    "the key by its other name": (BACKFILL.format("{'pk': 5}"), "'pk' is of the primary key"),
    "no field": (BACKFILL.format("{'nope': 1}"), "core.Thing has no field 'nope'"),
    "a default": (
        "migrations.AddField('Thing', 'm', models.IntegerField(default=10**30))",
        "core.0002_second: Add field m to Thing: the default of m: 1000",
    ),
    "a default for once": (
        "migrations.AddField('Thing', 'm', models.IntegerField(default='x'), preserve_default=False)",
        "the default of m: 'x' is not an integer",
    ),
    "a database's default": (
        "migrations.AlterField('Thing', 'n', models.IntegerField(db_default=2**31))",
        "the db_default of n: 2147483648 does not fit into 32 bits",
    ),
    "a default of a new model": (
        "migrations.CreateModel('M', [('id', models.AutoField(primary_key=True)),"
        " ('m', models.FloatField(default=10**400))])",
        "larger than a float can be",
    ),
    "in the database alone": (
        "migrations.SeparateDatabaseAndState(database_operations=["
        "migrations.AddField('Thing', 'm', models.IntegerField(default=10**30))])",
        "the default of m: 1000",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_row_could_have_is_refused_before_anything_is_done(
    things: Inside, case: str
) -> None:
    operation, said = REFUSED[case]
    second(things, 'migrations.RunSQL("UPDATE core_thing SET n = 2", "")', operation)
    checked, migrated = things.run("check"), things.run("migrate")
    assert checked.code == 4 and said in checked.out and "0002_second.py: state" in checked.out
    assert migrated.code == 4 and said in migrated.err and "core.0002_second" in migrated.err
    assert things.query("SELECT n FROM core_thing") == [(1,)]


#: What only the run can tell: an operation, its function, and where it is said to be.
AT_THE_RUN = {
    "a function of a Backfill": (
        BACKFILL.format("{'n': lambda: 10**30}"),
        "",
        "Backfill n of Thing",
    ),
    "parameters of SQL": (
        "migrations.RunSQL([('UPDATE core_thing SET n = %s', [10**30])], '')",
        "",
        "UPDATE core_thing",
    ),
    "half a character in SQL": (
        "migrations.RunSQL([('UPDATE core_thing SET text = %s', ['\\ud800'])], '')",
        "",
        "UPDATE core_thing",
    ),
    "a function that is wrong": (
        BACKFILL.format("{'n': lambda: 'abc'}"),
        "",
        "Backfill n of Thing",
    ),
    **{
        body: (
            "migrations.RunPython(change, migrations.RunPython.noop)",
            body,
            "0002_second.py:5, in change",
        )
        for body in (
            "Thing.objects.create(n=10**30)",
            "Thing.objects.bulk_create([Thing(n=10**30)])",
            "Thing.objects.update(n=10**30)",
            "thing = Thing.objects.get(); thing.n = 10**30; thing.save()",
            "Thing.objects.bulk_update([Thing(id=1, n=10**30)], ['n'])",
            "Thing.objects.update(n=models.F('n') + 10**30)",
            "Thing.objects.update(price=10**400)",
            "Thing.objects.update(size=10**400)",
            "Thing.objects.update(text='\\ud800')",
            "Thing.objects.filter(text='\\ud800').count()",
            "schema_editor.execute('UPDATE core_thing SET n = %s', [10**30])",
        )
    },
}


@pytest.mark.parametrize("case", AT_THE_RUN)
def test_what_is_found_at_the_run_has_its_place(things: Inside, case: str) -> None:
    operation, body, place = AT_THE_RUN[case]
    second(things, operation, body=body or "pass")
    ended = things.run("migrate")
    assert ended.code in (2, 5) and "error[bug]" not in ended.err
    assert "core.0002_second" in ended.err and place in ended.err
    assert things.query("SELECT n, text FROM core_thing") == [(1, "a")]


def test_a_value_for_once_that_no_row_could_have_is_refused(things: Inside) -> None:
    things.models("core", MODELS + "    m = models.IntegerField()\n")
    ended = things.run("makemigrations", "--one-off", "core.Thing.m=10**30")
    assert ended.code in (2, 3) and "error[bug]" not in ended.err
    ended = things.run("makemigrations", "--one-off", f"core.Thing.m={10**30}")
    assert ended.code == 2 and "does not fit into 32 bits" in ended.err

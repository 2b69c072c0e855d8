"""No silent loss: what changes rows carries them, or is refused, or was asked for by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from run.data import Rows
from whimbrel.errors import DataError, StepError, WhimbrelError


@pytest.fixture
def rows(tmp_path: Path, database_url: str) -> Rows:
    """An empty project; see `Rows.made`."""
    root = tmp_path / "project"
    root.mkdir()
    return Rows(root, database_url)


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

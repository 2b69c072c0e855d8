"""Models with a database schema on SQLite, where it is a file that is attached: said early, or it works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from inside import Inside
from others import Others
from whimbrel.errors import ModelError

IN_DEPOT = """
class Item(models.Model):
    name = models.CharField(max_length=9)
    class Meta:
        schema = "depot"
"""
CREATED = """migrations.CreateModel("Item", fields=[
    ("id", models.BigAutoField(primary_key=True)),
    ("name", models.CharField(max_length=9)),
], options={"schema": "depot"})"""
MOVED = 'migrations.AlterModelTable("Item", None, schema="")'


@pytest.fixture
def depot(project_root: Path, sqlite_url: str) -> Inside:
    """A project on SQLite whose one table is in a schema; no file is attached."""
    project = Inside(project_root, sqlite_url).configured("core")
    project.models("core", IN_DEPOT)
    return project


@contextmanager
def attaching(file: Path) -> Iterator[None]:
    """Every connection to SQLite has a file attached, as a project's own listener would do it."""

    def attach(connection: Any, _: Any) -> None:
        connection.execute(f"ATTACH DATABASE '{file}' AS depot")

    sa.event.listen(sa.Engine, "connect", attach)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", attach)


def test_a_schema_is_refused_before_a_file_is_written(depot: Inside) -> None:
    ended = depot.run("makemigrations")
    assert ended.code == 2 and "core.Item: SQLite has no schema depot" in ended.err
    assert 'schema_translate_map={"depot": None}' in ended.err and "ATTACH DATABASE" in ended.err
    assert not list(depot.root.glob("core/migrations/0*"))


@pytest.mark.parametrize(
    "operations",
    [[CREATED], [CREATED, MOVED]],
    ids=["there is a schema", "there was one"],
)
def test_a_history_with_a_schema_is_refused_before_anything_is_done(
    depot: Inside, operations: list[str]
) -> None:
    """A project that is on PostgreSQL, and now runs its tests on SQLite."""
    depot.migration("core", "0001_first", 'migrations.RunSQL("CREATE TABLE first (x)", "")')
    depot.migration("core", "0002_item", *operations, after=[("core", "0001_first")])
    for command in (["check"], ["migrate"], ["migrate", "--plan"]):
        ended = depot.run(*command)
        assert ended.code in (4, 5), command
        assert (
            "core.0002_item: depot.core_item: SQLite has no schema depot" in ended.out + ended.err
        )
    assert depot.tables() == set()


OTHERS = """
metadata = sa.MetaData({0})
sa.Table("item", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Enum("a", "b", name="kind", schema="types")),
    sa.Column("n", sa.Integer, sa.Sequence("numbers", schema="counters")){1})
sa.Table("line", metadata, sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("item_id", sa.ForeignKey("{2}item.id")))
"""
IN_ONE = OTHERS.format('schema="depot"', "", "depot.")
ACROSS = OTHERS.format("", ', schema="depot"', "depot.")
NOWHERE = OTHERS.format("", "", "")


@pytest.fixture
def others(tmp_path: Path, sqlite_url: str) -> Others:
    return Others(tmp_path / "project", sqlite_url)


@pytest.mark.parametrize(("text", "refused"), [(IN_ONE, 2), (ACROSS, 1), (NOWHERE, 0)])
def test_only_tables_need_a_file(others: Others, text: str, refused: int) -> None:
    """Types and sequences that have a schema are nothing on SQLite."""
    others.says(text)
    if not refused:
        others.make()
        others.go()
        assert not others.drift()
        return
    with pytest.raises(ModelError, match="SQLite has no schema depot") as caught:
        others.make()
    assert str(caught.value).count("SQLite has no schema depot") == refused


def test_a_schema_that_comes_later_is_refused(others: Others) -> None:
    others.says(NOWHERE).make()
    others.says(IN_ONE)
    with pytest.raises(ModelError, match="SQLite has no schema depot"):
        others.make()


@pytest.mark.parametrize("text", [IN_ONE, ACROSS], ids=["in one", "across"])
def test_what_the_advice_says_works(others: Others, text: str) -> None:
    """Tests on SQLite make the tables by create_all, without schemas."""
    others.says(text)
    engine = sa.create_engine("sqlite://").execution_options(schema_translate_map={"depot": None})
    names: dict[str, Any] = {}
    exec((others.root / f"{others.module}.py").read_text(), names)
    names["metadata"].create_all(engine)
    assert set(sa.inspect(engine).get_table_names()) == {"item", "line"}


@pytest.mark.parametrize("text", [IN_ONE, ACROSS], ids=["in one", "across"])
def test_a_file_that_is_attached_is_the_schema(others: Others, text: str, tmp_path: Path) -> None:
    """There and back, a rebuild of a table with rows on the way; nothing of it in the main file."""
    file = tmp_path / "depot.db"
    with attaching(file):
        others.says(text).make()
        others.go()
        assert not others.drift() and not others.make()
        others.query("INSERT INTO depot.item (id, kind) VALUES (1, 'b')")
        wide = text.replace('"n", sa.Integer, ', '"n", sa.BigInteger, ').replace(
            'sa.Column("kind"', 'sa.Column("w", sa.String(9), index=True), sa.Column("kind"'
        )
        others.says(wide).make()
        others.go()
        assert not others.drift()
        assert others.query("SELECT id, kind, w FROM depot.item") == [(1, "b", None)]
        kept = others.query("SELECT name FROM main.sqlite_master WHERE name = 'item'")
        there = others.query("SELECT name FROM depot.sqlite_master WHERE name = 'item'")
        assert (kept, there) == ([], [("item",)])
        others.go("0001")
        assert not others.drift()
        assert others.query("SELECT id, kind FROM depot.item") == [(1, "b")]
        others.go("zero")
        # SQLite's own tables, of statistics, may stay.
        left = "SELECT name FROM depot.sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        assert others.query(left) == []


def test_a_backup_says_that_it_is_of_one_file(depot: Inside, tmp_path: Path) -> None:
    with attaching(tmp_path / "depot.db"):
        depot.do("makemigrations")
        ended = depot.run("migrate", "--backup", str(tmp_path / "copy.db"))
        assert ended.code == 5 and "others are attached: depot" in ended.err
        assert not depot.tables() and not (tmp_path / "copy.db").exists()
        depot.do("check")
        depot.do("migrate")

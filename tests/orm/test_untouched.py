"""Columns that nobody touched stay as they are, whatever their row is saved for; None in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from blog import make, open_engine, state_of
from whimbrel import migrations as m
from whimbrel import models
from whimbrel.orm import apps_at


@pytest.fixture
def row(database_url: str) -> Iterator[Any]:
    """A model with JSON of ours and of SQLAlchemy's, and three rows that raw SQL has written."""
    fields = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.TextField()),
        ("ours", models.JSONField(null=True)),
        ("theirs", models.Field(sa.JSON(), null=True)),
    ]
    state = state_of([m.CreateModel("Row", fields)])
    with open_engine(database_url).connect() as connection:
        make(connection, state)
        for name, value in {
            "NULL": "NULL",
            "null": "'null'",
            "long": """'{"a":  1.50, "b": [1]}'""",
        }.items():
            connection.exec_driver_sql(
                f"INSERT INTO blog_row (name, ours, theirs) VALUES ('{name}', {value}, {value})"
            )
        apps = apps_at(state, connection)
        yield apps.get_model("blog", "Row")
        apps.dispose()


def texts(row: Any) -> list[tuple[Any, ...]]:
    connection = row._meta.apps.connection
    asked = "SELECT CAST(ours AS TEXT), CAST(theirs AS TEXT) FROM blog_row ORDER BY id"
    return [tuple(each) for each in connection.exec_driver_sql(asked)]


def touch_what_was_deferred(row: Any, key: int) -> None:
    each = row.objects.only("name").get(pk=key)
    assert each.ours is None or each.theirs["b"] == [1]
    each.name = "x"
    each.save()


TOUCHES = {
    "save": lambda row, each: each.save(),
    "save of another column": lambda row, each: (setattr(each, "name", "x"), each.save()),
    "update_fields": lambda row, each: each.save(update_fields=["name"]),
    "bulk_update": lambda row, each: row.objects.bulk_update([each], ["name"]),
    "update_or_create": lambda row, each: row.objects.update_or_create(
        {"name": each.name * 2}, pk=each.pk
    ),
    "read later": lambda row, each: touch_what_was_deferred(row, each.pk),
    "read again": lambda row, each: (each.refresh_from_db(), each.save()),
    "twice": lambda row, each: (each.save(), setattr(each, "name", "y"), each.save()),
}


@pytest.mark.parametrize("touch", TOUCHES)
def test_a_column_that_nobody_touched_stays_as_it_is(row: Any, touch: str) -> None:
    before = texts(row)
    for each in row.objects.all():
        TOUCHES[touch](row, each)
    assert texts(row) == before


@pytest.mark.parametrize("fields", [["ours", "theirs"], ["name", "ours", "theirs"]])
def test_none_that_nobody_touched_is_not_written_by_name_either(
    row: Any, fields: list[str]
) -> None:
    before = texts(row)
    some = list(row.objects.exclude(name="long"))
    for each in some:
        each.name = "x"
        each.save(update_fields=fields)
    row.objects.bulk_update(some, fields)
    assert texts(row) == before


def test_what_a_partial_save_left_out_is_written_by_the_next(row: Any) -> None:
    each = row.objects.get(name="long")
    each.ours["b"].append(2)
    each.theirs = [1]
    each.name = "x"
    each.save(update_fields=["name"])
    each.save()
    found = row.objects.get(name="x")
    assert (found.ours, found.theirs) == ({"a": 1.5, "b": [1, 2]}, [1])


def test_none_is_null_for_ours_and_null_of_json_for_theirs(row: Any) -> None:
    for each in row.objects.all():
        each.ours = None
        each.theirs = None
        each.save()
    assert texts(row) == [(None, "null")] * 3
    assert row.objects.filter(theirs=None).count() == 3
    assert (row.objects.filter(ours=None).count(), row.objects.exclude(ours=None).count()) == (0, 0)


def test_a_row_that_takes_another_key_is_written_whole(row: Any) -> None:
    first, last = row.objects.get(name="NULL"), row.objects.get(name="long")
    last.pk = first.pk
    last.save()
    assert row.objects.get(pk=first.pk).ours == {"a": 1.5, "b": [1]}


def test_none_in_an_application_model_is_null(database_url: str) -> None:
    class Note(models.Model):
        data = models.JSONField(null=True)

        class Meta:
            app_label = "notes_of_none"

    engine = open_engine(database_url)
    table: Any = Note.__table__
    table.create(engine)
    with Session(engine) as session:
        session.add_all([Note(data=None), Note(data=sa.JSON.NULL), Note()])
        session.commit()
        found = session.scalars(sa.select(sa.func.count()).where(table.c.data.is_(None))).one()
    assert found == 2

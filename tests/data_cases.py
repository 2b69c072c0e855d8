"""Data migrations, each run by Django and by us: what differed in silence (`cases/test_orm.py`)."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

UUID = uuid.UUID("12345678123456781234567812345678")


def models_of(m: Any) -> dict[str, dict[str, Any]]:
    """The models of all cases."""
    return {
        "Author": {
            "name": m.CharField(max_length=20),
            "age": m.IntegerField(default=0),
            "ok": m.BooleanField(default=False),
            "score": m.IntegerField(null=True),
            "data": m.JSONField(null=True),
        },
        "Profile": {
            "author": m.OneToOneField("blog.Author", m.CASCADE, related_name="profile"),
        },
        "Post": {
            "title": m.CharField(max_length=20),
            "body": m.TextField(),
            "author": m.ForeignKey("blog.Author", m.CASCADE, null=True),
        },
        "Label": {
            "name": m.CharField(max_length=20),
            "posts": m.ManyToManyField("blog.Post", related_name="labels"),
        },
        "ContentType": {
            "app_label": m.CharField(max_length=100),
            "model": m.CharField(max_length=100),
        },
        "Everything": {
            "number": m.IntegerField(null=True),
            "big": m.BigIntegerField(null=True),
            "small": m.PositiveSmallIntegerField(null=True),
            "text": m.TextField(null=True),
            "flag": m.BooleanField(null=True),
            "price": m.DecimalField(max_digits=8, decimal_places=2, null=True),
            "ratio": m.FloatField(null=True),
            "day": m.DateField(null=True),
            "moment": m.DateTimeField(null=True),
            "clock": m.TimeField(null=True),
            "span": m.DurationField(null=True),
            "token": m.UUIDField(null=True),
            "raw": m.BinaryField(null=True),
            "address": m.GenericIPAddressField(null=True),
        },
    }


def no_rows(apps: Any, schema_editor: Any, m: Any) -> None:
    """Start from empty tables."""


TABLES = {
    "blog_author": "name, age, ok, score, CAST(data AS TEXT)",
    "blog_post": "title, body",
    "blog_contenttype": "app_label, model",
}


def read_tables(schema_editor: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The rows as the database has them."""
    with schema_editor.connection.cursor() as cursor:
        found = {}
        for table, columns in TABLES.items():
            cursor.execute(f"SELECT {columns} FROM {table}")
            found[table] = sorted((tuple(row) for row in cursor.fetchall()), key=repr)
    return found


@dataclass(frozen=True)
class Case:
    """A data migration. ``differs``: what Django gives and what we give, where that is meant."""

    id: str
    body: Callable[[Any, Any, Any], Any]
    differs: tuple[Any, Any] | None = None


def authors(apps: Any) -> Any:
    return apps.get_model("blog", "Author").objects


# -- S1 None in JSON


def null_stays_null(apps: Any, editor: Any, m: Any) -> Any:
    editor.execute("INSERT INTO blog_author (name, age, ok, data) VALUES ('x', 0, false, NULL)")
    rows = authors(apps)
    for row in rows.all():
        row.name = "touched"
        row.save()
    return rows.filter(data__isnull=True).count(), rows.filter(data=None).count()


def json_null_stays_json_null(apps: Any, editor: Any, m: Any) -> Any:
    editor.execute("INSERT INTO blog_author (name, age, ok, data) VALUES ('x', 0, false, 'null')")
    rows = authors(apps)
    for row in rows.all():
        row.name = "touched"
        row.save()
    return rows.filter(data__isnull=True).count(), rows.filter(data=None).count()


def none_is_null(write: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    def body(apps: Any, editor: Any, m: Any) -> Any:
        rows = authors(apps)
        write(rows, rows.create(name="n", data={"a": 1}))
        return (
            rows.filter(data__isnull=True).count(),
            rows.filter(data=None).count(),
            rows.exclude(data=None).count(),
            rows.filter(data__isnull=False).count(),
        )

    return body


def set_and(save: Callable[[Any, Any], Any], value: Any = None) -> Callable[[Any, Any], Any]:
    def write(rows: Any, row: Any) -> None:
        row.data = value
        save(rows, row)

    return write


NONE_IS_NULL = {
    "create": lambda rows, row: rows.create(name="x", data=None),
    "save": set_and(lambda rows, row: row.save()),
    "update_fields": set_and(lambda rows, row: row.save(update_fields=["data"])),
    "update": lambda rows, row: rows.update(data=None),
    "bulk_create": lambda rows, row: rows.bulk_create([rows.model(name="b", data=None)] * 1),
    "bulk_update": set_and(lambda rows, row: rows.bulk_update([row], ["data", "name"])),
    "get_or_create": lambda rows, row: rows.get_or_create(name="g", defaults={"data": None}),
    "update_or_create": lambda rows, row: rows.update_or_create(name="n", defaults={"data": None}),
}


def json_null_by_name(apps: Any, editor: Any, m: Any) -> Any:
    rows = authors(apps)
    null = m.Value(None, m.JSONField())
    rows.create(name="x", data=null)
    rows.create(name="y", data={"a": 1})
    rows.create(name="z", data=None)
    found = [rows.filter(data=null).count(), rows.filter(data__isnull=True).count()]
    rows.filter(name="y").update(data=null)
    row = rows.get(name="z")
    row.data = null
    row.save()
    return [*found, rows.filter(data=None).count(), rows.exclude(data=null).count()]


def json_values(apps: Any, editor: Any, m: Any) -> Any:
    rows = authors(apps)
    for value in (1, "1", True, [None], {"a": None}, [], "", 0, False):
        rows.create(name=repr(value), data=value)
    rows.create(name="not given")
    return [rows.get(pk=row.pk).data for row in rows.order_by("pk")]


def changed_in_place(apps: Any, editor: Any, m: Any) -> Any:
    rows = authors(apps)
    rows.create(name="x", data={"a": [1]})
    row = rows.get(name="x")
    row.data["a"].append(2)
    row.save()
    return rows.get().data


def a_copy(apps: Any, editor: Any, m: Any) -> Any:
    rows = authors(apps)
    rows.create(name="x", data={"a": [1]}, age=5)
    row = rows.get(name="x")
    row.pk = None
    row._state.adding = True
    row.save()
    other = rows.create(name="y")
    row.pk = other.pk
    row.save()
    return list(rows.order_by("pk").values_list("name", "age"))


# -- S2 an empty Q


def empty_conditions(apps: Any, editor: Any, m: Any) -> Any:
    rows, Q = authors(apps), m.Q
    for name in "abc":
        rows.create(name=name)
    made = [
        Q(), ~Q(), Q() | Q(), ~(Q() & Q()), Q(~Q()), ~Q(~Q()), ~Q(Q()), Q(name="a") | ~Q(), Q(~Q(), name="a"),
        Q(~Q(), Q(name="b")), ~Q(~Q(name="a")), Q(name="a") & ~Q(), Q(Q(), Q()), Q(pk__in=[]), ~Q(pk__in=[]),
        Q(pk__in=[]) | Q(name="a"), ~(Q(pk__in=[]) & Q(name="a")), Q(Q(Q(name="c"))),
        Q(~Q(pk__in=[]), ~Q(name="b")),
    ]  # fmt: skip
    return [
        (rows.filter(each).count(), rows.exclude(each).count(), rows.filter(~each).count())
        for each in made
    ], [bool(each) for each in made[:4]]


def empty_conditions_elsewhere(apps: Any, editor: Any, m: Any) -> Any:
    rows = authors(apps)
    rows.create(name="a")
    rows.create(name="b")
    rows.exclude(m.Q()).update(age=5)
    found = [rows.filter(age=5).count(), rows.exclude().count(), rows.filter().count()]
    found.append(rows.aggregate(n=m.Count("pk", filter=m.Q()))["n"])
    found.append(rows.exclude(m.Q()).delete()[0])
    return found


# -- S3 and S4: what is NULL, and keys that are not there


def nulls(apps: Any, editor: Any, m: Any) -> Any:
    rows, F, Q = authors(apps), m.F, m.Q
    rows.create(name="a")
    rows.create(name="s1", score=1)
    rows.create(name="s2", score=2)
    found = rows.annotate(z=F("score") + 0)
    return [
        names(each)
        for each in (
            found.exclude(z=1), found.filter(~Q(z=1)), found.exclude(z__gt=1), found.exclude(z__in=[1]),
            found.exclude(z=None), found.exclude(z__isnull=False), found.exclude(Q(z=1) | Q(name="s2")),
            found.exclude(Q(z=1) & Q(name="s1")), found.exclude(Q(z=1), score=1), found.filter(~~Q(z=1)),
            found.exclude(score=1), found.exclude(score__gt=1), found.exclude(z=F("score")),
            found.exclude(score=F("z")), found.exclude(~Q(z=1)), found.exclude(~Q(score=1)),
            rows.exclude(score__range=(1, 1)), rows.exclude(score__in=[1, None]), rows.exclude(score=F("age")),
            rows.exclude(score__isnull=True), rows.exclude(score__in=[]),
        )
    ]  # fmt: skip


def names(rows: Any) -> list[str]:
    return sorted(rows.values_list("name", flat=True))


def keys(apps: Any, editor: Any, m: Any) -> Any:
    rows, Q = authors(apps), m.Q
    for name, data in {
        "k": {"s": "1"}, "e": {}, "two": {"s": "2"}, "null": {"s": None}, "n": {"s": 1}, "t": {"s": True},
        "deep": {"s": {"x": 1}}, "list": ["s", "1"], "nothing": None, "text": "s",
    }.items():  # fmt: skip
        rows.create(name=name, data=data)
    conditions = [
        Q(data__s="1"), Q(data__s=None), Q(data__s=1), Q(data__s=True), Q(data__s__isnull=True), Q(data__s__isnull=False),
        Q(data__s__in=["1", "2"]), Q(data__s__x=1),
        Q(data={"s": "1"}), Q(data={}), Q(data=["s", "1"]), Q(data__s__gt=0), Q(data__1="1"),
        Q(data__s="1") & Q(name="k"), Q(data__s="1") | Q(name="e"), Q(data__s={"x": 1}), Q(data="s"),
    ]  # fmt: skip
    return [
        (names(rows.filter(each)), names(rows.exclude(each)), names(rows.filter(~~each)))
        for each in conditions
    ]


def keys_of_objects(apps: Any, editor: Any, m: Any) -> Any:
    # Django's has_key finds texts in arrays too on PostgreSQL, and its text of JSON's null is "null"
    # on SQLite: here has_key is about objects, and the text of null is NULL, on every database.
    rows, Q = authors(apps), m.Q
    for name, data in {"k": {"s": "1"}, "e": {}, "b": {"s": 1, "q": 2}, "nothing": None}.items():
        rows.create(name=name, data=data)
    conditions = [
        Q(data__has_key="s"), Q(data__has_keys=["s", "q"]), Q(data__has_any_keys=["s", "q"]),
        Q(data__s__icontains="1"), Q(data__s__startswith="1"), Q(data__s__iexact="1"),
    ]  # fmt: skip
    return [(names(rows.filter(each)), names(rows.exclude(each))) for each in conditions]


# -- S5, S6, L7: values of other types


def given(name: str, values: list[Any], how: str) -> Callable[[Any, Any, Any], Any]:
    def body(apps: Any, editor: Any, m: Any) -> Any:
        model = apps.get_model("blog", "Everything")
        atomic = errors_and_transactions(m)[1].atomic
        found = []
        for value in values:
            try:
                with atomic():
                    found.append(getattr(given_by, how)(model, name, value))
            except Exception:  # of many kinds, with either
                found.append("refused")
        return found

    return body


def errors_and_transactions(m: Any) -> tuple[Any, Any]:
    """IntegrityError and transaction, as a data migration of each of the two imports them."""
    if m.__name__.startswith("django"):
        from django.db import IntegrityError, transaction
    else:
        from whimbrel.migrations import IntegrityError, transaction
    return IntegrityError, transaction


class given_by:
    @staticmethod
    def create(model: Any, name: str, value: Any) -> Any:
        return read(model, model.objects.create(**{name: value}), name)

    @staticmethod
    def save(model: Any, name: str, value: Any) -> Any:
        row = model.objects.create()
        setattr(row, name, value)
        row.save()
        return read(model, row, name)

    @staticmethod
    def update(model: Any, name: str, value: Any) -> Any:
        row = model.objects.create()
        model.objects.filter(pk=row.pk).update(**{name: value})
        return read(model, row, name)

    @staticmethod
    def bulk(model: Any, name: str, value: Any) -> Any:
        row = model(**{name: value})
        model.objects.bulk_create([row])
        return read(model, row, name)

    @staticmethod
    def found(model: Any, name: str, value: Any) -> Any:
        model.objects.create(**{name: value})
        rows = model.objects.all()
        return [
            rows.filter(**{f"{name}{lookup}": [value] if lookup == "__in" else value}).count()
            for lookup in ("", "__in", "__gte", "__lt", "__gt", "__lte")
        ]


def read(model: Any, row: Any, name: str) -> Any:
    value = model.objects.values_list(name, flat=True).get(pk=row.pk)
    return bytes(value) if isinstance(value, memoryview) else value


VALUES: dict[str, list[Any]] = {
    "number": [3.7, -3.7, "4", True, Decimal("2.9"), "x", "3.7", [1]],
    "big": [3.7, 2.0**40],
    "small": [3.7, False],
    "text": [["a"], {"a": 1}, 5, 1.5, Decimal("1.50"), UUID, dt.date(2020, 1, 2), True, b"x"],
    "flag": ["True", "t", "1", "False", "f", "0", 1, 0, 1.0, "yes", 2],
    "price": ["1.5", 1, 1.1, 2.5, "x", True],
    "ratio": ["1.5", 1, Decimal("1.5"), True],
    "day": ["2020-01-02", dt.datetime(2020, 1, 2, 3, 4, tzinfo=dt.UTC)],
    "moment": ["2020-01-02T03:04:05Z", "2020-01-02 03:04:05+00:00"],
    "clock": ["03:04:05", "03:04", dt.datetime(2020, 1, 2, 3, 4, 5)],
    "span": [dt.timedelta(1, 5)],
    "token": [str(UUID), UUID.hex, UUID.int, "x"],
    "raw": [b"x", bytearray(b"y"), memoryview(b"z")],
    "address": ["127.0.0.1", "::1"],
}  # fmt: skip


SILENT = [
    Case("S1-null-stays-null", null_stays_null),
    Case(
        "S1-json-null-stays-json-null",
        json_null_stays_json_null,
        # Django writes NULL for what it has read as None; an untouched column is never changed here.
        differs=((1, 0), (0, 1)),
    ),
    *(Case(f"S1-none-by-{name}", none_is_null(write)) for name, write in NONE_IS_NULL.items()),
    Case("S1-json-null-by-name", json_null_by_name),
    Case("S1-json-values", json_values),
    Case("S1-changed-in-place", changed_in_place),
    Case("S1-a-copy", a_copy),
    Case("S2-empty-conditions", empty_conditions),
    Case("S2-elsewhere", empty_conditions_elsewhere),
    Case("S3-nulls", nulls),
    Case("S4-keys", keys),
    Case("S4-keys-of-objects", keys_of_objects),
    *(
        Case(f"S5-{name}-{how}", given(name, values, how))
        for name, values in VALUES.items()
        for how in ("create", "save", "update", "bulk", "found")
    ),
]

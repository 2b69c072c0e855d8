"""Migrations as files: Whimbrel's own words, the file's looks, and the way onto the disk."""

from __future__ import annotations

import ast
import datetime
import decimal
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, postgresql

from history import samples
from history import samples_sqlalchemy as acme
from history.test_values import ATOMS, read_back, values
from strategies import examples, histories
from whimbrel import migrations, models
from whimbrel.errors import UsageError, WriteError
from whimbrel.history.digest import digest
from whimbrel.history.writer import render_migration, rewrite_migration, source_of, write_migration
from whimbrel.operations import Operation
from whimbrel.schema.types import describe

Q, F, SQL = models.Q, models.F, models.SQL
OURS = ["from whimbrel import models"]


def read(text: str) -> type[migrations.Migration]:
    """The class of a file, evaluated."""
    names: dict[str, Any] = {}
    exec(compile(text, "file", "exec"), names)
    found: type[migrations.Migration] = names["Migration"]
    return found


def format_of(text: str) -> str:
    """What ruff makes of a text."""
    command = ["format", "--isolated", "--line-length", "88", "-"]
    ruff = Path(sys.executable).with_name("ruff")
    return subprocess.run(
        [ruff, *command], input=text, capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout


def on_one_line(source: str) -> str:
    without_last_commas = re.sub(r",\n\s*(?=[)\]}])", "", source)
    return re.sub(r",\n\s*", ", ", re.sub(r"(?<=[(\[{])\n\s*", "", without_last_commas))


WORDS: list[tuple[Any, str]] = [
    (models.CharField(max_length=100), "models.CharField(max_length=100)"),
    (models.SlugField(), "models.SlugField()"),
    (models.CharField(verbose_name="x", help_text="y"), "models.CharField()"),
    (
        models.DecimalField(default=decimal.Decimal("1.5"), max_digits=8, decimal_places=2),
        'models.DecimalField(max_digits=8, decimal_places=2, default=decimal.Decimal("1.5"))',
    ),
    (models.CharField(default=samples.Word.HELLO), 'models.CharField(default="hello")'),
    (models.CharField(default=samples.shout), "models.CharField(default=history.samples.shout)"),
    (models.JSONField(default=dict), "models.JSONField(default=dict)"),
    (models.DateTimeField(auto_now_add=True), "models.DateTimeField(auto_now_add=True)"),
    (
        models.DateTimeField(db_default=SQL("now()", sqlite="CURRENT_TIMESTAMP")),
        'models.DateTimeField(db_default=models.SQL("now()", sqlite="CURRENT_TIMESTAMP"))',
    ),
    (
        models.ForeignKey("blog.Post", models.CASCADE, null=True, related_name="+"),
        'models.ForeignKey("blog.Post", on_delete=models.CASCADE, related_name="+", null=True)',
    ),
    (
        models.ForeignKey("blog.Post", type=sa.String(9)),
        'models.ForeignKey("blog.Post", type=sa.String(length=9))',
    ),
    (models.OneToOneField("self"), 'models.OneToOneField("self")'),
    (
        models.ManyToManyField("Tag", through="PostTag", through_fields=("post", "tag")),
        'models.ManyToManyField("Tag", through="PostTag", through_fields=("post", "tag"))',
    ),
    (models.EnumField(samples.Word, name="word"), 'models.EnumField(["hello"], name="word")'),
    (
        models.ArrayField(models.IntegerField(), null=True),
        "models.ArrayField(models.IntegerField(), null=True)",
    ),
    (
        models.GeneratedField(SQL("a + 1"), models.IntegerField(), db_persist=False),
        'models.GeneratedField(models.SQL("a + 1"), models.IntegerField(), db_persist=False)',
    ),
    (
        models.BigAutoField(primary_key=True, identity=models.Identity(always=True, start=5)),
        "models.BigAutoField(primary_key=True, identity=models.Identity(always=True, start=5))",
    ),
    (
        models.IntegerField(sequence=models.Sequence("numbers", schema="s")),
        'models.IntegerField(sequence=models.Sequence("numbers", schema="s"))',
    ),
    (models.Field(sa.String(100)), "models.Field(sa.String(length=100))"),
    (models.Field(sa.Text, null=True), "models.Field(sa.Text(), null=True)"),
    (models.Field(sa.Numeric(8, 2)), "models.Field(sa.Numeric(precision=8, scale=2))"),
    (models.Field(postgresql.JSONB()), "models.Field(postgresql.JSONB())"),
    (
        models.Field(sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
        'models.Field(sa.JSON().with_variant(postgresql.JSONB(), "postgresql"))',
    ),
    (
        models.Field(postgresql.ARRAY(sa.Integer(), dimensions=2)),
        "models.Field(postgresql.ARRAY(dimensions=2, item_type=sa.Integer()))",
    ),
    (
        models.Field(sa.Enum("a", "b", name="status")),
        'models.Field(sa.Enum("a", "b", name="status"))',
    ),
    (
        models.Field(sa.Enum("a", "b", name="s", native_enum=False, length=9, schema="x")),
        'models.Field(sa.Enum("a", "b", name="s", schema="x", native_enum=False, length=9))',
    ),
    (
        models.Field(sa.Enum("a", name="s", create_constraint=True)),
        'models.Field(sa.Enum("a", name="s", create_constraint=True))',
    ),
    (
        models.Field(sa.Enum("a", name="s").with_variant(sa.String(3), "sqlite")),
        'models.Field(sa.Enum("a", name="s").with_variant(sa.String(length=3), "sqlite"))',
    ),
    (
        models.Field(postgresql.DOMAIN("d", sa.Integer, check="VALUE > 0")),
        'models.Field(postgresql.DOMAIN("d", sa.Integer(), check=sa.text("VALUE > 0")))',
    ),
    (models.Field(acme.Money(3)), "models.Field(sa.Numeric())"),
    (models.Field(acme.Shortened(12)), "models.Field(sa.String(length=12))"),
    (models.Field(acme.Point(4326)), 'models.Field(models.DatabaseType("POINT(4326)"))'),
    (models.Index(fields=["-created", "id"]), 'models.Index(fields=["-created", "id"])'),
    (
        models.Index(SQL("lower(a)"), "b", name="i", unique=True),
        'models.Index(models.SQL("lower(a)"), "b", name="i", unique=True)',
    ),
    (
        models.Index("-a", SQL("lower(b)")),
        'models.Index("-a", models.SQL("lower(b)"))',
    ),
    (
        models.Index(fields=["a", "b"], opclasses=["", "jsonb_ops"], method="gin"),
        'models.Index(fields=["a", "b"], opclasses=["", "jsonb_ops"], method="gin")',
    ),
    (
        models.Index(SQL("lower(a)"), models.IndexPart("b", opclass="jsonb_ops")),
        'models.Index(models.SQL("lower(a)"), models.IndexPart("b", opclass="jsonb_ops"))',
    ),
    (
        models.Index(models.IndexPart("a", descending=True, nulls="last"), "b"),
        'models.Index(models.IndexPart("a", descending=True, nulls="last"), "b")',
    ),
    (
        models.Index(
            fields="a", include="b", condition=Q(c=1), options={"fillfactor": 9}, name="i"
        ),
        'models.Index(fields=["a"], name="i", condition=models.Q(c=1), include=["b"], '
        'options={"fillfactor": 9})',
    ),
    (
        models.Index(fields=["a"], nulls_distinct=False, unique=True),
        'models.Index(fields=["a"], unique=True, nulls_distinct=False)',
    ),
    (
        models.UniqueConstraint(fields=["a"], name="u", deferrable="deferred"),
        'models.UniqueConstraint(fields=["a"], name="u", deferrable="deferred")',
    ),
    (
        models.UniqueConstraint(fields=["a"], condition=~Q(b=None)),
        'models.UniqueConstraint(fields=["a"], condition=~models.Q(b=None))',
    ),
    (
        models.CheckConstraint(Q(price__gte=0), name="c"),
        'models.CheckConstraint(models.Q(price__gte=0), name="c")',
    ),
    (models.CheckConstraint("a > 0"), 'models.CheckConstraint(models.SQL("a > 0"))'),
    (
        models.ForeignKeyConstraint(
            fields=["a", "b"], to="x.Y", to_fields=["c", "d"], on_delete=models.CASCADE
        ),
        'models.ForeignKeyConstraint(fields=["a", "b"], to="x.Y", to_fields=["c", "d"], '
        "on_delete=models.CASCADE)",
    ),
    (
        models.ExclusionConstraint(expressions=[("a", "="), (SQL("b"), "&&")], name="e"),
        'models.ExclusionConstraint(expressions=[("a", "="), (models.SQL("b"), "&&")], name="e")',
    ),
    (
        models.ExclusionConstraint(expressions=[("a", "=")], method="spgist"),
        'models.ExclusionConstraint(expressions=[("a", "=")], method="spgist")',
    ),
    (
        models.PrimaryKeyConstraint(fields=["a", "b"]),
        'models.PrimaryKeyConstraint(fields=["a", "b"])',
    ),
    (Q(), "models.Q()"),
    (Q(b=1, a__in=["x"]), 'models.Q(a__in=["x"], b=1)'),
    (Q(b=1) & Q(a=1), "models.Q(b=1) & models.Q(a=1)"),
    (Q(a=1) | Q(a=2) | Q(a=3), "models.Q(a=1) | models.Q(a=2) | models.Q(a=3)"),
    (~(Q(a=1) | Q(b=F("c"))), '~(models.Q(a=1) | models.Q(b=models.F("c")))'),
    ((Q(a=1) | Q(b=1)) & Q(c=1), "models.Q(models.Q(a=1) | models.Q(b=1), c=1)"),
    ((Q(a=1) & Q(b=1)) | Q(c=1), "models.Q(a=1, b=1) | models.Q(c=1)"),
    ((Q(b=1) & Q(a=1)) | ~Q(c=1), "(models.Q(b=1) & models.Q(a=1)) | ~models.Q(c=1)"),
    (Q(Q(a=1)), "models.Q(a=1)"),
    (Q(a__b__exact=1), "models.Q(a__b=1)"),
    (Q(**{"my column__gt": 1}), 'models.Q(**{"my column__gt": 1})'),
    (models.NOT_PROVIDED, "models.NOT_PROVIDED"),
]


@pytest.mark.parametrize(("value", "source"), WORDS, ids=[source for _, source in WORDS])
def test_a_word_of_ours_is_written_in_short_and_read_back(value: Any, source: str) -> None:
    written, imports = source_of(value)
    assert on_one_line(written) == source
    assert read_back(written, imports) == value


@pytest.mark.parametrize("value", [sa.String(7), sa.String, describe(sa.String(7))], ids=repr)
def test_a_type_is_written_by_what_it_is(value: Any) -> None:
    assert source_of(value)[0] in ("sa.String(length=7)", "sa.String()")


def conditions() -> st.SearchStrategy[Q]:
    plain = st.builds(
        lambda name, value: Q(**{name: value}),
        st.sampled_from(["a", "b__gt", "c__d__in"]),
        st.integers(),
    )
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.builds(lambda x, y: x & y, inner, inner),
            st.builds(lambda x, y: x | y, inner, inner),
            st.builds(lambda x: ~x, inner),
            st.builds(lambda x, y: Q(x, y, a=1), inner, inner),
        ),
        max_leaves=8,
    )


@given(conditions())
def test_any_condition_is_read_back_equal(condition: Q) -> None:
    assert read_back(*source_of(condition)) == condition


# -- files --------------------------------------------------------------------------------------

FILE = """\
import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from whimbrel import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("blog", "0001_initial"), ("shop", "0003_stock")]

    operations = [
        migrations.CreateModel(
            "Post",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("title", models.CharField(max_length=100)),
                (
                    "body",
                    models.Field(
                        sa.Text()
                        .with_variant(mysql.LONGTEXT(), "mysql")
                        .with_variant(postgresql.CITEXT(), "postgresql"),
                        null=True,
                        db_comment="What it says",
                    ),
                ),
                (
                    "blog",
                    models.ForeignKey(
                        "blog.Blog",
                        on_delete=models.CASCADE,
                        related_name="posts",
                    ),
                ),
            ],
            options={
                "ordering": ["-title"],
                "indexes": [models.Index(fields=["title"], name="title_idx")],
                "constraints": [
                    models.CheckConstraint(
                        (models.Q(title="") & models.Q(id__gt=0))
                        | ~models.Q(title__in=["a title", "another"]),
                        name="a_title_or_an_id",
                    ),
                ],
                "dialect": {"sqlite_strict": True},
            },
        ),
        migrations.AddField("Post", "day", models.DateField(null=True)),
        migrations.AddField(
            "Post",
            "moment",
            models.DateTimeField(
                default=datetime.datetime(2024, 1, 1, 0, 0, tzinfo=datetime.UTC),
            ),
            preserve_default=False,
        ),
        migrations.RemoveField("Post", "blog"),
    ]
"""
OPERATIONS: Sequence[Operation] = [
    migrations.CreateModel(
        "Post",
        fields=[
            ("id", models.BigAutoField(primary_key=True)),
            ("title", models.CharField("The title", max_length=100)),
            (
                "body",
                models.Field(
                    sa.Text()
                    .with_variant(postgresql.CITEXT(), "postgresql")
                    .with_variant(mysql.LONGTEXT(), "mysql"),
                    null=True,
                    db_comment="What it says",
                ),
            ),
            ("blog", models.ForeignKey("blog.Blog", models.CASCADE, related_name="posts")),
        ],
        options={
            "ordering": ("-title",),
            "indexes": (models.Index(fields=["title"], name="title_idx"),),
            "constraints": [
                models.CheckConstraint(
                    (Q(title="") & Q(id__gt=0)) | ~Q(title__in=["a title", "another"]),
                    name="a_title_or_an_id",
                )
            ],
            "dialect": (("sqlite_strict", True),),
        },
    ),
    migrations.AddField("Post", "day", models.DateField(null=True)),
    migrations.AddField(
        "Post",
        "moment",
        models.DateTimeField(default=datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)),
        preserve_default=False,
    ),
    migrations.RemoveField("Post", "blog"),
]
DEPENDENCIES = [("shop", "0003_stock"), ("blog", "0001_initial")]


def test_a_file_looks_like_this() -> None:
    text = render_migration("blog", "0002_post", DEPENDENCIES, OPERATIONS, initial=True)
    assert text == FILE


def test_the_file_does_what_the_operations_do() -> None:
    made = read(FILE)
    assert made.initial
    assert digest(made.operations) == digest(OPERATIONS)


def test_a_file_of_nothing() -> None:
    text = render_migration("blog", "0001_empty", [], [])
    assert text == (
        "from whimbrel import migrations\n\n\n"
        "class Migration(migrations.Migration):\n    operations = []\n"
    )


def test_all_that_a_file_may_say() -> None:
    text = render_migration(
        "blog",
        "0002",
        [],
        [migrations.DeleteModel("Post")],
        replaces=[("blog", "0001"), ("blog", "0000")],
        run_before=[("shop", "0001")],
        atomic=False,
        notes=["A note that is long enough to need a second line: " + "words " * 10],
    )
    assert text == (
        "from whimbrel import migrations\n\n\n"
        "class Migration(migrations.Migration):\n"
        '    replaces = [("blog", "0001"), ("blog", "0000")]\n\n'
        '    run_before = [("shop", "0001")]\n\n'
        "    atomic = False\n\n"
        "    # A note that is long enough to need a second line: words words words words words\n"
        "    # words words words words words\n"
        "    operations = [\n"
        '        migrations.DeleteModel("Post"),\n'
        "    ]\n"
    )
    assert format_of(text) == text


@given(st.lists(values(ATOMS), max_size=4), st.lists(conditions(), max_size=2))
@settings(max_examples=examples(30), deadline=None)
def test_a_formatter_leaves_a_file_alone(defaults: list[Any], tests: list[Q]) -> None:
    operations = [
        migrations.AddField("Post", "a", models.JSONField(default={"values": defaults})),
        *(migrations.AddConstraint("Post", models.CheckConstraint(each)) for each in tests),
        *(migrations.RemoveConstraint("Post", f"name_{len(repr(each))}") for each in tests),
    ]
    text = render_migration("blog", "0001", [], operations)
    assert format_of(text) == text


@pytest.mark.parametrize("deep", range(1, 14))
def test_a_formatter_leaves_words_of_ours_alone(deep: int) -> None:
    values: Any = [value for value, _ in WORDS]
    for _ in range(deep):
        values = [values]
    operation = migrations.AlterModelOptions("x", {"ordering": values})
    text = render_migration("b", "1", [], [operation])
    assert format_of(text) == text


@given(histories())
@settings(deadline=None)
def test_any_history_is_read_back(history: list[tuple[str, Operation]]) -> None:
    operations = [operation for _, operation in history]
    made = read(render_migration("one", "0001", [], operations))
    assert digest(made.operations) == digest(operations)
    assert [each.describe() for each in made.operations] == [each.describe() for each in operations]


def test_a_file_is_the_same_under_any_hash_seed() -> None:
    script = (
        "from whimbrel import migrations, models\n"
        "from whimbrel.history.writer import render_migration\n"
        "words = frozenset({'a', 'b', 'c', 'd', 1, None})\n"
        "field = models.JSONField(default={'x': {'p', 'q', 'r'}, 'y': words})\n"
        "print(render_migration('b', '1', [('c', '1'), ('a', '1')],"
        " [migrations.AddField('m', 'f', field)]))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1
    ast.parse(texts.pop())


REFUSED = [
    (
        migrations.AddField("Post", "x", models.CharField(default=lambda: "x")),
        "blog.0001: Add field x to Post, default: a lambda cannot be written into a file",
    ),
    (
        migrations.CreateModel("Post", [("y", models.JSONField(default={"k": samples.Opaque}))]),
        None,
    ),
    (
        migrations.CreateModel("Post", [("y", models.JSONField(default={"k": object()}))]),
        'blog.0001: Create model Post, fields, y, default, "k": <object object',
    ),
]


@pytest.mark.parametrize(("operation", "message"), REFUSED)
def test_what_cannot_be_written_is_named_with_its_place(
    operation: Operation, message: str | None
) -> None:
    if message is None:
        assert "history.samples.Opaque" in render_migration("blog", "0001", [], [operation])
        return
    with pytest.raises(WriteError) as caught:
        render_migration("blog", "0001", [], [operation])
    assert str(caught.value).startswith(message)


def test_a_sqlalchemy_expression_is_to_be_written_as_sql() -> None:
    field = models.DateTimeField(db_default=sa.func.now())
    with pytest.raises(WriteError, match=r"models\.SQL"):
        render_migration("b", "1", [], [migrations.AddField("Post", "made", field)])


# -- onto the disk ------------------------------------------------------------------------------


def test_a_new_file_makes_its_package(tmp_path: Path) -> None:
    path = tmp_path / "blog" / "migrations" / "0001_initial.py"
    assert write_migration(path, "x = '☃'\n") == path
    assert path.read_bytes() == "x = '☃'\n".encode()
    assert sorted(each.name for each in path.parent.iterdir()) == ["0001_initial.py", "__init__.py"]
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(
        (path.parent / "__init__.py").stat().st_mode
    )


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "0001_initial.py"
    path.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        write_migration(path, "yours")
    assert path.read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0001_initial.py", "__init__.py"]


def test_the_very_same_file_may_be_there_already(tmp_path: Path) -> None:
    path = tmp_path / "0003_merge.py"
    path.write_text("ours")
    assert write_migration(path, "ours") == path
    assert sorted(each.name for each in tmp_path.iterdir()) == ["0003_merge.py", "__init__.py"]


@pytest.mark.parametrize("put", [write_migration, rewrite_migration])
def test_what_the_disk_refuses_is_said(tmp_path: Path, put: Callable[[Path, str], Path]) -> None:
    (tmp_path / "migrations").write_text("a file, and no directory")
    with pytest.raises(WriteError, match="it cannot be written") as caught:
        put(tmp_path / "migrations/0001_initial.py", "text")
    assert str(caught.value.place).endswith("migrations/0001_initial.py")
    assert caught.value.hint


def test_a_file_is_exchanged_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "0001_initial.py"
    path.write_text("mine")
    rewrite_migration(path, "yours")
    assert path.read_text() == "yours"
    assert [each.name for each in tmp_path.iterdir()] == ["0001_initial.py"]

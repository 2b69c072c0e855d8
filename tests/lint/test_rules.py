"""Each rule: its two examples, and a table of more that it finds or leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lint_page import PAGE, page
from whimbrel.config import AppConfig
from whimbrel.engines import engine_for
from whimbrel.findings import Finding
from whimbrel.history.line_numbers import lines_of_operations
from whimbrel.history.loader import load
from whimbrel.lint import rules
from whimbrel.lint.linting import Judged, LintOptions, judge
from whimbrel.lint.rule import BASE, Rule, migration
from whimbrel.lint.rules import CODES, RULES, scans_table
from whimbrel.lint.scope import LintScope

ALL = LintOptions()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "0001_initial.py").write_text(BASE)
    yield tmp_path


def judged(
    folder: Path, text: str, dialect: str = "postgresql", options: LintOptions = ALL
) -> Judged:
    """What is found in one more migration."""
    (folder / "0002_next.py").write_text(text)
    history = load([AppConfig("blog", None, None, folder)])
    return judge([LintScope(history, engine_for(dialect), history.node("blog", "0002"))], options)


def findings(folder: Path, text: str, dialect: str = "postgresql") -> tuple[Finding, ...]:
    return judged(folder, text, dialect).findings


def codes(folder: Path, text: str, dialect: str = "postgresql") -> list[str]:
    return [each.code for each in findings(folder, text, dialect)]


@pytest.mark.parametrize("rule", RULES, ids=CODES)
def test_a_rule_fires_on_its_bad_example_and_not_on_its_good_one(folder: Path, rule: Rule) -> None:
    (found,) = (each for each in findings(folder, rule.bad) if each.code == rule.code)
    assert found.line and found.file and found.hint
    assert found.level == rule.level
    assert rule.code not in codes(folder, rule.good)
    assert "state" not in codes(folder, rule.good)


def test_each_rule_is_a_file_and_a_section_of_the_page() -> None:
    files = {path.stem.replace("_", "-") for path in Path(rules.__path__[0]).glob("[a-z]*.py")}
    assert files == set(CODES)
    assert PAGE.read_text() == page(), "python tests/lint_page.py writes it"


ADDS_LABEL = (
    'migrations.AlterField("Post", "state", '
    'models.EnumField(["draft", "public", "old"], name="state", default="draft"))'
)

#: Operations of the migration; the codes that are found on PostgreSQL, each with the number of its operation.
ROWS: dict[str, tuple[list[str], list[tuple[str, int]]]] = {
    "a new table, its index and its constraint": (
        [
            'migrations.CreateModel("Tag", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())])',
            'migrations.AddIndex("Tag", models.Index(fields=["name"], name="tag_name"))',
            'migrations.RemoveIndex("Tag", "tag_name")',
            'migrations.RemoveField("Tag", "name")',
        ],
        [],
    ),
    "a column that takes NULL": (
        ['migrations.AddField("Post", "x", models.IntegerField(null=True))'],
        [],
    ),
    "a table goes": (
        ['migrations.DeleteModel("Post")'],
        [("dropped", 1), ("loses-data", 1)],
    ),
    "a table gets another name": (
        ['migrations.RenameModel("Post", "Entry")'],
        [("renamed", 1)],
    ),
    "a flaw that is taken away again": (
        [
            'migrations.AddField("Post", "seen", models.Field(sa.DateTime(), null=True))',
            'migrations.AlterField("Post", "seen", models.DateTimeField(null=True))',
        ],
        [],
    ),
    "flaws where they come in": (
        [
            'migrations.CreateModel("Tag", [("id", models.SmallAutoField(primary_key=True))])',
            'migrations.AddField("Tag", "at", models.Field(postgresql.TIMESTAMP(), null=True))',
            'migrations.AddField("Tag", "code", models.Field(sa.CHAR(3), null=True))',
            'migrations.AddField("Tag", "post", models.ForeignKey("Post", models.CASCADE, db_index=False, null=True))',
        ],
        [("small-key", 1), ("naive-timestamp", 2), ("padded-char", 3), ("unindexed-key", 4)],
    ),
    "an index of a key that comes after it": (
        [
            'migrations.AddField("Post", "editor", models.ForeignKey("Author", models.CASCADE, db_index=False, null=True))',
            'migrations.AddIndex("Post", models.Index(fields=["editor", "title"], name="post_editor_title"))',
        ],
        [],
    ),
    "a partial index of a key": (
        [
            'migrations.AddField("Post", "editor", models.ForeignKey("Author", models.CASCADE, db_index=False, null=True))',
            'migrations.AddIndex("Post", models.Index(fields=["editor"], name="post_editor", condition=models.Q(rating=1)))',
        ],
        [("unindexed-key", 1)],
    ),
    "a key that is a key": (
        [
            'migrations.CreateModel("Extra", [("post", models.OneToOneField("Post", models.CASCADE, primary_key=True))])',
            'migrations.CreateModel("Both", [("a", models.ForeignKey("Author", models.CASCADE)), ("p", models.ForeignKey("Post", models.CASCADE, db_index=False))], {"constraints": [models.UniqueConstraint(fields=["p", "a"], name="both")]})',
        ],
        [],
    ),
    "an index that a key covers": (
        [
            'migrations.AddConstraint("Post", models.UniqueConstraint(fields=["author", "title"], name="post_own_title"))',
        ],
        [("covered-index", 1)],
    ),
    "one index twice": (
        [
            'migrations.AddIndex("Post", models.Index(fields=["title"], name="one"))',
            'migrations.AddIndex("Post", models.Index(fields=["title"], name="two"))',
        ],
        [("covered-index", 2)],
    ),
    "indexes that differ": (
        [
            'migrations.AddIndex("Post", models.Index(fields=["title"], name="one"))',
            'migrations.AddIndex("Post", models.Index(fields=["-title"], name="two"))',
            'migrations.AddIndex("Post", models.Index(fields=["title", "rating"], name="three", condition=models.Q(rating=1)))',
            'migrations.AddIndex("Post", models.Index(fields=["rating", "title"], name="four"))',
        ],
        [],
    ),
    "no default in the database": (
        [
            'migrations.AlterField("Post", "rating", models.IntegerField(default=lambda: 1))',
            'migrations.AddField("Author", "born", models.DateField(default=datetime.date.today))',
            'migrations.AddField("Author", "seen", models.DateField(db_default=models.SQL("CURRENT_DATE")))',
        ],
        [("no-default", 1), ("mixed-phases", 1), ("no-default", 2)],
    ),
    "a foreign key, and a unique column": (
        [
            'migrations.AddField("Post", "editor", models.ForeignKey("Author", models.CASCADE, null=True))',
            'migrations.AddField("Post", "slug", models.SlugField(null=True, unique=True))',
            'migrations.AddField("Post", "likes", models.PositiveIntegerField(default=0))',
        ],
        [],
    ),
    "a new table, and a column that goes": (
        [
            'migrations.CreateModel("Tag", [("id", models.BigAutoField(primary_key=True))])',
            'migrations.RemoveField("Post", "rating")',
        ],
        [("dropped", 2), ("mixed-phases", 2), ("loses-data", 2)],
    ),
    "SQL without a way back, inside of another operation": (
        [
            'migrations.SeparateDatabaseAndState([migrations.RunSQL("SELECT 1")], [])',
        ],
        [("irreversible", 1)],
    ),
    "a label that goes": (
        [
            'migrations.AlterField("Author", "name", models.CharField(max_length=200))',
            'migrations.AlterField("Post", "state", models.EnumField(["draft"], name="state", default="draft"))',
        ],
        [("rewrites-table", 2), ("dropped", 2), ("mixed-phases", 2)],
    ),
    "a new label in a function": (
        [
            ADDS_LABEL,
            "migrations.RunPython(lambda apps, editor: print('old'), migrations.RunPython.noop)",
        ],
        [("label", 2)],
    ),
    "a new label in a Backfill": (
        [ADDS_LABEL, "migrations.Backfill('Post', set={'state': 'old'}, reverse={})"],
        [("label", 2)],
    ),
    "a label that was there": (
        [ADDS_LABEL, "migrations.Backfill('Post', set={'state': 'draft'}, reverse={})"],
        [],
    ),
    "a label of a new type": (
        [
            'migrations.AddField("Post", "mood", models.EnumField(["good"], name="mood", null=True))',
            "migrations.Backfill('Post', set={'mood': 'good'}, reverse={})",
        ],
        [],
    ),
    "the models of today in a Backfill": (
        ["migrations.Backfill('Post', set={'title': lambda row: Live.name}, reverse={})"],
        [("live-models", 1)],
    ),
    "the models of today": (
        [
            "migrations.RunPython(lambda apps, editor: Live.objects.all(), migrations.RunPython.noop)"
        ],
        [("live-models", 1)],
    ),
    "a many-to-many": (
        ['migrations.AddField("Post", "editors", models.ManyToManyField("Author"))'],
        [],
    ),
    "the second operation": (
        [
            'migrations.AddField("Post", "x", models.IntegerField(null=True))',
            'migrations.RenameField("Post", "title", "name")',
        ],
        [("renamed", 2), ("mixed-phases", 2)],
    ),
    "a table that goes for another of its name": (
        [
            'migrations.DeleteModel("Post")',
            'migrations.CreateModel("Post", fields=[("id", Key(primary_key=True))])',
        ],
        [("dropped", 1), ("mixed-phases", 1), ("loses-data", 1)],
    ),
}


#: What the migrations of the rows import.
MORE = """\
import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from whimbrel.models import Model, BigAutoField as Key

Live = type("Live", (Model,), {"__module__": __name__, "id": Key(primary_key=True)})"""


@pytest.mark.parametrize(("operations", "expected"), ROWS.values(), ids=ROWS)
def test_what_is_found(
    folder: Path, operations: list[str], expected: list[tuple[str, int]]
) -> None:
    text = migration(*operations, more=MORE)
    found = findings(folder, text)
    at = {
        line: number
        for number, line in enumerate(
            lines_of_operations(str(folder / "0002_next.py"), len(operations)), 1
        )
    }
    assert [(each.code, at[each.line]) for each in found] == expected, found


def test_what_the_models_left_a_release_before_is_used_by_nobody(folder: Path) -> None:
    remove = 'migrations.RemoveField("Post", "rating")'
    first = migration(f"migrations.SeparateDatabaseAndState(state_operations=[{remove}])")
    assert codes(folder, first) == []
    (folder / "0002_next.py").rename(folder / "0002_models.py")
    gone = f"migrations.SeparateDatabaseAndState(database_operations=[{remove}])"
    (folder / "0003_database.py").write_text(migration(gone, name="0002_models"))
    history = load([AppConfig("blog", None, None, folder)])
    for dialect in ("postgresql", "sqlite"):
        scope = LintScope(history, engine_for(dialect), history.node("blog", "0003"))
        assert [each.code for each in judge([scope], ALL).findings] == ["loses-data"]


def test_reasons_leave_findings_out_and_are_told_of_where_there_is_none(folder: Path) -> None:
    drop = 'migrations.RemoveField("Post", "rating")'
    given = '{"dropped": "unused", "loses-data": "all of it is NULL", "renamed": "x", "y": "z"}'
    text = migration(drop, members=f"lint_ignore = {given}")
    found = judged(folder, text)
    assert found.ignored == 2
    assert [(each.code, each.message.partition(",")[0]) for each in found.findings] == [
        ("unused-ignore", "lint_ignore has 'renamed'"),
        ("unused-ignore", "lint_ignore has 'y'"),
    ]
    # A rule that is off says nothing of its reasons.
    off = judged(folder, text, options=LintOptions(frozenset({"dropped", "renamed"})))
    assert [each.message.partition(",")[0] for each in off.findings] == ["lint_ignore has 'y'"]


#: Operations, and the last lines of the hint: what to write instead.
FIXES: dict[str, tuple[str, list[str]]] = {
    "a renamed field": (
        'migrations.RenameField("Post", "body", "text")',
        [
            'migrations.AlterField("Post", "body", models.TextField(null=True, db_column="body")),',
            'migrations.RenameField("Post", "body", "text"),',
        ],
    ),
    "a renamed model": (
        'migrations.RenameModel("Post", "Entry")',
        [
            'migrations.AlterModelTable("Post", table="blog_post"),',
            'migrations.RenameModel("Post", "Entry"),',
        ],
    ),
    "a small key": (
        'migrations.CreateModel("Tag", [("id", models.AutoField(primary_key=True))])',
        ["models.BigAutoField(primary_key=True)"],
    ),
    "a natural small key": (
        'migrations.CreateModel("Tag", [("number", models.IntegerField(primary_key=True))])',
        ["models.BigIntegerField(primary_key=True)"],
    ),
    "char(3)": (
        'migrations.AddField("Post", "code", models.Field(sa.CHAR(3), null=True))',
        ["models.CharField(max_length=3, null=True)"],
    ),
    "no zone": (
        'migrations.AddField("Post", "at", models.Field(sa.DateTime(), null=True))',
        ["models.DateTimeField(null=True)"],
    ),
}


@pytest.mark.parametrize(("operation", "expected"), FIXES.values(), ids=FIXES)
def test_what_is_shown_to_be_pasted(folder: Path, operation: str, expected: list[str]) -> None:
    hints = [each.hint or "" for each in findings(folder, migration(operation, more=MORE))]
    assert hints and all(hint.splitlines()[-len(expected) :] == expected for hint in hints)


@pytest.mark.parametrize(
    "operation",
    [
        'migrations.RenameField("Post", "body", "text")',
        'migrations.RenameField("Post", "author", "writer")',
        'migrations.RenameModel("Post", "Entry")',
    ],
)
def test_a_rename_that_is_pasted_is_no_finding(folder: Path, operation: str) -> None:
    (found,) = findings(folder, migration(operation))
    _, _, pasted = (found.hint or "").partition("\n")
    assert found.code == "renamed" and codes(folder, migration(pasted.rstrip(","))) == []


def test_what_a_database_cannot_do_is_said_once(folder: Path) -> None:
    added = "models.ArrayField(models.IntegerField(), null=True)"
    found = findings(folder, migration(f'migrations.AddField("Post", "x", {added})'), "sqlite")
    assert [(each.code, each.level) for each in found] == [("state", "error")]


def test_what_has_no_safe_form_is_said_to_be_refused(folder: Path) -> None:
    exclusion = 'models.ExclusionConstraint(name="alone", expressions=[("title", "=")])'
    (found,) = findings(folder, migration(f'migrations.AddConstraint("Post", {exclusion})'))
    assert found.code == "scans-table" and "migrate refuses it" in (found.hint or "")
    (found,) = findings(folder, scans_table.RULE.bad)
    assert "migrate refuses it" not in (found.hint or "")

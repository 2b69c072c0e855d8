"""Large tables, from the command line: which form a change takes, by size and by what somebody asked for."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import sqlalchemy as sa

from projects import Project

ENTRY = """
class Owner(models.Model):
    pass

class Entry(models.Model):
    text = models.TextField(null=True)
    {more}
"""
REQUIRED = ("text = models.TextField(null=True)", 'text = models.TextField(default="none")')
BY_ROW = ("{more}", 'token = models.UUIDField(db_default=models.SQL("gen_random_uuid()"))')
INDEXED = (
    "text = models.TextField(null=True)",
    "text = models.TextField(null=True, db_index=True)",
)
COMPUTED = ("{more}", 'total = models.GeneratedField(expression=models.SQL("id + 1"), '
            "output_field=models.BigIntegerField(), db_persist=True)")  # fmt: skip
#: A new column of a domain with a check is written into each row, though it is NULL.
DOMAIN = (
    "{more}",
    'total = models.Field(postgresql.DOMAIN("positive", sa.Integer(), check="value > 0"), null=True)',
)


def models(*edits: tuple[str, str]) -> str:
    text = ENTRY
    for edit in edits:
        text = text.replace(*edit)
    head = "import sqlalchemy as sa\nfrom sqlalchemy.dialects import postgresql\n"
    return head + text.replace("{more}", "")


@pytest.fixture
def project(project_root: pathlib.Path, postgresql_url: str) -> Project:
    """On PostgreSQL, with 20 rows: a table of 16 kB, with those that are kept apart."""
    made = Project(project_root, postgresql_url).configured("blog", more='large_table = "8kB"\n')
    made.models("blog", models())
    made.do("makemigrations")
    made.do("migrate")
    made.query("INSERT INTO blog_entry (text) SELECT NULL FROM generate_series(1, 20)")
    return made


def change(project: Project, *edits: tuple[str, str]) -> None:
    project.models("blog", models(*edits))
    project.do("makemigrations", "--no-input", "--name", "second")


def boundaries(project: Project, *options: str) -> list[str]:
    """The boundaries of the steps of a plan, without repetitions."""
    plan = project.do("migrate", "--plan", "--json", *options).json["plan"]
    return list(dict.fromkeys(step["boundary"] for stage in plan for step in stage["steps"]))


def configure(project: Project, more: str) -> None:
    project.configured("blog", more=more)


def edit_second(project: Project, line: str) -> None:
    file = project.root / "blog/migrations/0002_second.py"
    head = "class Migration(migrations.Migration):\n"
    file.write_text(file.read_text().replace(head, f"{head}    {line}\n"))


SAFE = ["BRIEF", "BATCHED", "OWN"]


@pytest.mark.parametrize(
    ("settings", "line", "options", "expected"),
    [
        ('large_table = "8kB"\n', None, [], SAFE),
        ('large_table = "1MB"\n', None, [], ["SHARED"]),
        ("", None, [], ["SHARED"]),
        ('large_table = "8kB"\n', None, ["--short"], ["SHARED"]),
        ('large_table = "8kB"\n', "online = False", [], ["SHARED"]),
        ('large_table = "8kB"\n', "online = True", [], SAFE),
        ('online = false\nlarge_table = "8kB"\n', None, [], ["SHARED"]),
    ],
)
@pytest.mark.parametrize("edit", [REQUIRED, BY_ROW], ids=["required", "by row"])
def test_the_form_goes_by_size_unless_somebody_asks_for_the_short_one(
    project: Project,
    edit: tuple[str, str],
    settings: str,
    line: str | None,
    options: list[str],
    expected: list[str],
) -> None:
    change(project, edit)
    configure(project, settings)
    if line:
        edit_second(project, line)
    assert boundaries(project, *options) == expected
    project.do("migrate", *options)
    column = "text" if edit is REQUIRED else "token"
    assert project.query(f"SELECT count({column}) FROM blog_entry") == [(20,)]
    nullable = f"SELECT is_nullable FROM information_schema.columns WHERE column_name = '{column}'"
    assert project.query(nullable) == [("NO",)]
    assert project.do("drift").err.strip() == "No drift."
    assert project.tables() == {"blog_entry", "blog_owner", "whimbrel_migrations", *walked(project)}
    back = boundaries_back(project, *options)
    assert back == (["SHARED"] if expected == ["SHARED"] else ["BRIEF"])
    project.do("migrate", "blog", "0001", *options)
    assert project.do("drift").err.strip() == "No drift."


def walked(project: Project) -> set[str]:
    return project.tables() & {"whimbrel_journal", "whimbrel_backfill"}


def boundaries_back(project: Project, *options: str) -> list[str]:
    plan = project.do("migrate", "blog", "0001", "--plan", "--json", *options).json["plan"]
    return list(dict.fromkeys(step["boundary"] for stage in plan for step in stage["steps"]))


def test_a_table_that_the_plan_makes_is_small(
    project_root: pathlib.Path, postgresql_url: str
) -> None:
    made = Project(project_root, postgresql_url).configured("blog", more='large_table = "0B"\n')
    made.models("blog", models())
    made.do("makemigrations")
    change(made, REQUIRED, INDEXED)
    assert boundaries(made, "--no-leap") == ["SHARED"]
    made.do("migrate", "--no-leap")


def test_a_renamed_table_stays_large(project: Project) -> None:
    project.models("blog", models().replace("class Entry", "class Note"))
    project.do("makemigrations", "--no-input", "--rename", "blog.Entry:Note")
    project.models("blog", models(REQUIRED).replace("class Entry", "class Note"))
    project.do("makemigrations", "--no-input")
    plan = project.do("migrate", "--plan", "--json").json["plan"]
    assert [{step["boundary"] for step in stage["steps"]} for stage in plan] == [
        {"BRIEF"},
        set(SAFE),
    ]
    project.do("migrate")
    project.do("migrate", "blog", "0001")
    assert project.do("drift").err.strip() == "No drift."


def test_no_code_runs_while_a_large_table_is_locked(project: Project) -> None:
    project.migration(
        "blog",
        "0002_code",
        'migrations.AddField("entry", "size", models.IntegerField(null=True))',
        "migrations.RunPython(look, migrations.RunPython.noop)",
        'migrations.AddField("owner", "size", models.IntegerField(null=True))',
        after=[("blog", "0001_initial")],
    )
    file = project.root / "blog/migrations/0002_code.py"
    file.write_text(
        file.read_text().replace(
            "class Migration",
            "def look(apps, schema_editor):\n"
            "    locks = schema_editor.execute(\n"
            "        \"SELECT mode FROM pg_locks WHERE relation = 'blog_entry'::regclass\"\n"
            "    )\n"
            "    found = [mode for (mode,) in locks]\n"
            "    assert not found, found\n"
            "\n\n"
            "class Migration",
        )
    )
    assert boundaries(project) == ["BRIEF", "SHARED"]
    project.do("migrate")
    configure(project, "")
    project.do("migrate", "blog", "0001")
    ended = project.run("migrate")
    assert "AccessExclusiveLock" in ended.err


@pytest.mark.parametrize("edit", [COMPUTED, DOMAIN], ids=["computed", "domain"])
def test_what_has_no_safe_form_needs_consent(project: Project, edit: tuple[str, str]) -> None:
    change(project, edit)
    ended = project.run("migrate")
    assert ended.code == 3
    assert "error[unsafe]: blog.0002_second: ALTER TABLE blog_entry ADD COLUMN total" in ended.err
    assert "--short" in ended.err
    assert project.applied() == ["blog.0001_initial"]
    found = project.do("migrate", "--plan", "--json").json
    assert found["large_tables"].keys() == {"public.blog_entry"}
    steps = found["plan"][0]["steps"]
    assert "NO_SAFE_FORM" in [hazard["code"] for hazard in steps[-1]["hazards"]]
    project.do("migrate", "--short")
    kind = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'total'"
    assert project.query(kind) == [(1,)]


@pytest.mark.parametrize("size", ["", "8", "8 megabytes", "MB", "-1MB", "1.5MB", "٣MB"])
def test_a_size_that_is_none(project: Project, size: str) -> None:
    configure(project, f'large_table = "{size}"\n')
    ended = project.run("migrate")
    assert ended.code == 2
    assert "large_table" in ended.err and "8MB" in ended.err


def test_sqlmigrate_takes_tables_to_be_large(project: Project) -> None:
    change(project, INDEXED)
    shown: dict[str, Any] = {
        option: project.do("sqlmigrate", "blog", "0002", *option.split()).out
        for option in ("", "--assume-small")
    }
    assert "CREATE INDEX CONCURRENTLY" in shown[""]
    assert "CREATE INDEX blog_entry_text_idx" in shown["--assume-small"]
    configure(project, "online = false\n")
    assert project.do("sqlmigrate", "blog", "0002").out == shown["--assume-small"]


def test_a_table_that_somebody_has_for_himself_counts_as_large(project: Project) -> None:
    change(project, REQUIRED)
    configure(project, 'large_table = "1GB"\n')
    engine = sa.create_engine(project.url)
    with engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE blog_entry IN ACCESS EXCLUSIVE MODE")
        assert boundaries(project) == SAFE
    engine.dispose()


def test_a_squash_stays_offline(project: Project) -> None:
    change(project, REQUIRED)
    edit_second(project, "online = False")
    project.do("squashmigrations", "blog", "0002")
    [file] = (project.root / "blog/migrations").glob("*squashed*.py")
    assert "    online = False\n" in file.read_text()


NUMBERS = """
class Owner(models.Model):
    id = models.AutoField(primary_key=True)

class Entry(models.Model):
    size = models.IntegerField(default=3, db_index=True)
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(size__gte=0), name="positive"),
            models.UniqueConstraint(fields=["owner", "id"], name="once"),
        ]
"""


def test_a_key_and_another_column_change_their_types_there_and_back(
    project_root: pathlib.Path, postgresql_url: str
) -> None:
    made = Project(project_root, postgresql_url).configured("blog", more='large_table = "8kB"\n')
    made.models("blog", NUMBERS)
    made.do("makemigrations")
    made.do("migrate")
    for sql in (
        "INSERT INTO blog_owner SELECT FROM generate_series(1, 5)",
        "INSERT INTO blog_entry (owner_id) SELECT i % 5 + 1 FROM generate_series(1, 20) i",
    ):
        made.query(sql)
    made.models(
        "blog", NUMBERS.replace("AutoField", "BigAutoField").replace("Integer", "BigInteger")
    )
    made.do("makemigrations")
    rows = made.query("SELECT id, size, owner_id FROM blog_entry ORDER BY id")
    for target, kind in (("0002", "bigint"), ("0001", "integer")):
        assert "BATCHED" in (boundaries(made) if target == "0002" else boundaries_back(made))
        made.do("migrate", "blog", target)
        assert made.do("drift").err.strip() == "No drift."
        kinds = made.query(
            "SELECT DISTINCT data_type FROM information_schema.columns WHERE table_name LIKE 'blog%' "
            "AND column_name IN ('size', 'owner_id')"
        )
        assert kinds == [(kind,)]
        assert made.query("SELECT id, size, owner_id FROM blog_entry ORDER BY id") == rows
        assert made.query("INSERT INTO blog_owner DEFAULT VALUES RETURNING id") == [
            (6 if target == "0002" else 7,)
        ]


def test_a_name_that_not_null_left_behind_is_in_nobodys_way(project: Project) -> None:
    project.models("blog", models(REQUIRED))
    project.do("makemigrations", "--no-input")
    renamed = models(REQUIRED).replace("text = ", "body = ")
    project.models("blog", renamed)
    project.do("makemigrations", "--no-input", "--rename", "blog.Entry.text:body")
    again = 'body = models.TextField(default="none")\n    text = models.UUIDField(db_default=models.SQL("gen_random_uuid()"))'
    project.models("blog", renamed.replace('body = models.TextField(default="none")', again))
    project.do("makemigrations", "--no-input")
    project.do("migrate")
    assert project.do("drift").err.strip() == "No drift."
    assert project.query("SELECT count(DISTINCT text), count(body) FROM blog_entry") == [(20, 20)]
    project.do("migrate", "blog", "0001")
    assert project.do("drift").err.strip() == "No drift."


KEYED = """
class Entry(models.Model):
    id = models.BigIntegerField({0})
    number = models.IntegerField({1})
"""


def test_a_table_is_never_without_a_primary_key(
    project_root: pathlib.Path, postgresql_url: str
) -> None:
    made = Project(project_root, postgresql_url).configured("blog", more='large_table = "8kB"\n')
    made.models("blog", KEYED.format("primary_key=True", ""))
    made.do("makemigrations")
    made.do("migrate")
    made.query("INSERT INTO blog_entry SELECT i, 1 FROM generate_series(1, 20) i")
    made.models("blog", KEYED.format("", "primary_key=True"))
    made.do("makemigrations", "--no-input")
    keys = (
        "SELECT a.attname FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid "
        "AND a.attnum = ANY (k.conkey) WHERE k.contype = 'p' AND k.conrelid = 'blog_entry'::regclass"
    )
    assert made.run("migrate").code == 5  # rows have the same number
    assert made.query(keys) == [("id",)]
    made.query("UPDATE blog_entry SET number = id")
    made.do("migrate")
    assert made.query(keys) == [("number",)]
    assert made.do("drift").err.strip() == "No drift."
    made.query("UPDATE blog_entry SET id = 1")
    assert made.run("migrate", "blog", "0001").code == 5
    assert made.query(keys) == [("number",)]
    made.query("UPDATE blog_entry SET id = number")
    made.do("migrate", "blog", "0001")
    assert made.query(keys) == [("id",)]
    assert made.do("drift").err.strip() == "No drift."

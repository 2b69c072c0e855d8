"""`drift` on both databases: what somebody did by hand, in words, back again, and into files."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from projects import Project
from whimbrel import models
from whimbrel.commands.comparison import Comparison
from whimbrel.commands.drift import deviations
from whimbrel.schema.table import Check, Column, Schema
from whimbrel.state.lowering import lower
from whimbrel.state.state import State

MODELS = """
class Author(models.Model):
    name = models.CharField(max_length=100, db_index=True)

class Post(models.Model):
    title = models.CharField(max_length=100)
    rating = models.IntegerField(default=0)
    note = models.CharField(max_length=20, null=True)
    kind = models.EnumField(["x", "y"], default=None, null=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    readers = models.ManyToManyField(Author, related_name="reads")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(rating__gte=0), name="no_less")]
        indexes = [models.Index(fields=["title", "rating"], name="by_title")]
"""

#: What is done by hand, by dialect; and the lines that drift says of it.
CHANGES: dict[str, tuple[dict[str, str], list[str]]] = {
    "a column more": (
        {"": "ALTER TABLE blog_post ADD COLUMN teaser VARCHAR(30)"},
        [
            "  Add field teaser to Post",
            "    blog_post.teaser: only in the database: column VARCHAR(30) NULL",
        ],
    ),
    "a column less": (
        {"": "ALTER TABLE blog_post DROP COLUMN note"},
        [
            "  Remove field note from Post",
            "    blog_post.note: missing in the database: column VARCHAR(20) NULL",
        ],
    ),
    "a column renamed": (
        {"": "ALTER TABLE blog_post RENAME COLUMN note TO remark"},
        [
            "  Remove field note from Post",
            "    blog_post.note: missing in the database: column VARCHAR(20) NULL",
            "  Add field remark to Post",
            "    blog_post.remark: only in the database: column VARCHAR(20) NULL",
        ],
    ),
    "another type": (
        {"postgresql": "ALTER TABLE blog_post ALTER COLUMN title TYPE TEXT"},
        ["  Alter field title of Post", "    blog_post.title: type is TEXT, expected VARCHAR(100)"],
    ),
    "NULL": (
        {"postgresql": "ALTER TABLE blog_post ALTER COLUMN title DROP NOT NULL"},
        ["  Alter field title of Post", "    blog_post.title: null is NULL, expected NOT NULL"],
    ),
    "another default": (
        {"postgresql": "ALTER TABLE blog_post ALTER COLUMN rating SET DEFAULT 5"},
        ["  Alter field rating of Post", "    blog_post.rating: default is 5, expected 0"],
    ),
    "no default": (
        {"postgresql": "ALTER TABLE blog_post ALTER COLUMN rating DROP DEFAULT"},
        ["  Alter field rating of Post", "    blog_post.rating: default is none, expected 0"],
    ),
    "a comment": (
        {"postgresql": "COMMENT ON COLUMN blog_post.title IS 'shown'"},
        ["  Alter field title of Post", "    blog_post.title: comment is 'shown', expected none"],
    ),
    "an index more": (
        {"": "CREATE INDEX by_rating ON blog_post (rating)"},
        [
            "  Create index by_rating on Post",
            "    blog_post.by_rating: only in the database: index (rating)",
        ],
    ),
    "an index less": (
        {"": "DROP INDEX by_title"},
        [
            "  Remove index by_title from Post",
            "    blog_post.by_title: missing in the database: index (title, rating)",
        ],
    ),
    "a field's index less": (
        {"": "DROP INDEX blog_author_name_idx"},
        [
            "  Alter field name of Author",
            "    blog_author.blog_author_name_idx: missing in the database: index (name)",
        ],
    ),
    "an index of another kind": (
        {"": "DROP INDEX by_title; CREATE UNIQUE INDEX by_title ON blog_post (title, rating)"},
        [
            "  Remove index by_title from Post",
            "    blog_post.by_title: missing in the database: index (title, rating)",
            "  Create index by_title on Post",
            "    blog_post.by_title: only in the database: index UNIQUE (title, rating)",
        ],
    ),
    "an index renamed": (
        {"postgresql": "ALTER INDEX by_title RENAME TO by_heading"},
        [
            "  1 constraint or index is named otherwise",
            "    blog_post: (title, rating) is named by_heading, expected by_title",
        ],
    ),
    "a constraint less": (
        {"postgresql": "ALTER TABLE blog_post DROP CONSTRAINT no_less"},
        [
            "  Remove constraint no_less from Post",
            "    blog_post.no_less: missing in the database: constraint CHECK (rating >= 0)",
        ],
    ),
    "a constraint more": (
        {"postgresql": "ALTER TABLE blog_post ADD CONSTRAINT one_title UNIQUE (title)"},
        [
            "  Create constraint one_title on Post",
            "    blog_post.one_title: only in the database: constraint UNIQUE (title)",
        ],
    ),
    "a foreign key less": (
        {"postgresql": "ALTER TABLE blog_post DROP CONSTRAINT blog_post_author_fk"},
        [
            "  Alter field author of Post",
            "    blog_post.blog_post_author_fk: missing in the database: constraint "
            "FOREIGN KEY (author_id) REFERENCES blog_author (id) ON DELETE CASCADE",
        ],
    ),
    "a foreign key that waits": (
        {"postgresql": "ALTER TABLE blog_post ALTER CONSTRAINT blog_post_author_fk DEFERRABLE"},
        [
            "  Alter field author of Post",
            "    blog_post.blog_post_author_fk: missing in the database: constraint "
            "FOREIGN KEY (author_id) REFERENCES blog_author (id) ON DELETE CASCADE",
            "  Create constraint blog_post_author_fk on Post",
            "    blog_post.blog_post_author_fk: only in the database: constraint FOREIGN KEY "
            "(author_id) REFERENCES blog_author (id) ON DELETE CASCADE DEFERRABLE",
        ],
    ),
    "a foreign key that nobody checked": (
        {
            "postgresql": "ALTER TABLE blog_post DROP CONSTRAINT blog_post_author_fk;"
            "ALTER TABLE blog_post ADD CONSTRAINT blog_post_author_fk FOREIGN KEY (author_id) "
            "REFERENCES blog_author ON DELETE CASCADE NOT VALID"
        },
        [
            "  Alter field author of Post",
            "    blog_post.blog_post_author_fk: constraint is NOT VALID, expected "
            "FOREIGN KEY (author_id) REFERENCES blog_author (id) ON DELETE CASCADE",
        ],
    ),
    "an index that failed": (
        {
            "postgresql": "UPDATE pg_index SET indisvalid = false "
            "WHERE indexrelid = 'by_title'::regclass"
        },
        [
            "  Remove index by_title from Post",
            "    blog_post.by_title: index is NOT VALID, expected (title, rating)",
        ],
    ),
    "an index with more to it": (
        {
            "postgresql": "DROP INDEX by_title; CREATE INDEX by_title ON blog_post USING btree "
            "(title text_pattern_ops, rating DESC NULLS LAST) INCLUDE (note) WHERE rating > 0"
        },
        [
            "  Remove index by_title from Post",
            "    blog_post.by_title: missing in the database: index (title, rating)",
            "  Create index by_title on Post",
            "    blog_post.by_title: only in the database: index (title text_pattern_ops, "
            "rating DESC NULLS LAST) INCLUDE (note) WHERE rating > 0",
        ],
    ),
    "another identity": (
        {"postgresql": "ALTER TABLE blog_author ALTER id SET GENERATED ALWAYS SET INCREMENT 2"},
        [
            "  Alter field id of Author",
            "    blog_author.id: generated is ALWAYS AS IDENTITY (increment 2), "
            "expected BY DEFAULT AS IDENTITY",
        ],
    ),
    "a label renamed": (
        {"postgresql": "ALTER TYPE blog_post_kind_enum RENAME VALUE 'y' TO 'z'"},
        [
            "  Alter field kind of Post",
            "    blog_post_kind_enum: enum type is (x, z), expected (x, y)",
        ],
    ),
    "a foreign key renamed": (
        {"postgresql": "ALTER TABLE blog_post RENAME CONSTRAINT blog_post_author_fk TO points"},
        [
            "  1 constraint or index is named otherwise",
            "    blog_post: FOREIGN KEY (author_id) REFERENCES blog_author (id) ON DELETE CASCADE "
            "is named points, expected blog_post_author_fk",
        ],
    ),
    "a table more": (
        {"": "CREATE TABLE blog_tag (name VARCHAR(20) NOT NULL PRIMARY KEY)"},
        ["  Create model Tag", "    blog_tag: only in the database: table (name)"],
    ),
    "a table less": (
        {"": "DROP TABLE blog_post_readers"},
        [
            "  Remove field readers from Post",
            "    blog_post_readers: missing in the database: table (id, post_id, author_id)",
        ],
    ),
}

#: Neither ours nor a model's: no drift.
OF_OTHERS = {
    "alembic's record": {"": "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"},
    "what is excluded": {"": "CREATE TABLE tmp_import (a INTEGER)"},
    "a view": {"": "CREATE VIEW titles AS SELECT title FROM blog_post"},
    "another schema": {
        "postgresql": "CREATE SCHEMA theirs; CREATE TABLE theirs.things (a INTEGER)"
    },
    "an extension": {"postgresql": "CREATE EXTENSION pg_stat_statements"},
    "an enum type of nobody": {"postgresql": "CREATE TYPE mood AS ENUM ('good', 'bad')"},
    "a sequence of nobody": {"postgresql": "CREATE SEQUENCE numbers"},
    "a trigger": {
        "sqlite": "CREATE TRIGGER t AFTER INSERT ON blog_post BEGIN SELECT 1; END",
    },
}


@pytest.fixture
def migrated(anywhere: Project) -> Project:
    """A project whose database is migrated."""
    anywhere.configured("blog", more='exclude = ["tmp_*"]\n')
    anywhere.models("blog", MODELS)
    anywhere.do("makemigrations")
    anywhere.do("migrate")
    return anywhere


def dialect_of(project: Project) -> str:
    return project.url.partition(":")[0].partition("+")[0]


def by_hand(project: Project, changes: dict[str, str]) -> None:
    """Do something to the database alone."""
    statements = changes.get("") or changes[dialect_of(project)]
    for statement in [statements] if "TRIGGER" in statements else statements.split(";"):
        project.query(statement)


def cases(of: Mapping[str, Any]) -> pytest.MarkDecorator:
    """Each thing that is done by hand, on each database where it can be."""
    rows = []
    for what, row in of.items():
        changes = row[0] if isinstance(row, tuple) else row
        dialects = ("sqlite", "postgresql") if "" in changes else tuple(changes)
        rows += [(dialect, what) for dialect in dialects]
    return pytest.mark.parametrize(("database_url", "what"), rows, indirect=["database_url"])


def test_nothing_differs_after_migrate(migrated: Project) -> None:
    ended = migrated.run("drift")
    assert (ended.code, ended.out, ended.err) == (0, "", "No drift.\n")


def test_nothing_at_all(anywhere: Project) -> None:
    assert "the database is empty" in anywhere.do("drift").err
    assert not (anywhere.root.parent / "db.sqlite3").exists()
    assert anywhere.tables() == set()


@cases(CHANGES)
def test_what_differs_is_said_and_taken_back(migrated: Project, what: str) -> None:
    changes, lines = CHANGES[what]
    by_hand(migrated, changes)
    ended = migrated.run("drift")
    assert ended.code == 1, ended.err
    assert ended.out.splitlines() == ["blog", *lines]

    dropping = ("--drop", "blog_tag") if what == "a table more" else ()
    script = migrated.run("drift", "--sql", *dropping)
    assert script.code == 1
    run_script(migrated, script.out)
    assert migrated.do("drift").err == "No drift.\n"


#: What operations say otherwise than the comparison: by another name, without a name, by the table.
SAID_ONCE: dict[str, dict[str, str]] = {
    "the index of a field": {
        "": "DROP INDEX blog_author_name_idx; CREATE INDEX other ON blog_author (name)"
    },
    "a key without a name": {
        "": "ALTER TABLE blog_author ADD COLUMN boss_id bigint REFERENCES blog_author (id)"
    },
    "a check and a unique without names": {
        "sqlite": "ALTER TABLE blog_author ADD COLUMN age int CHECK (age > 1)",
        "postgresql": "ALTER TABLE blog_author ADD COLUMN age int UNIQUE CHECK (age > 1)",
    },
    "a target of many": {"": "ALTER TABLE blog_author RENAME TO blog_writer"},
    "a table": {"": "DROP TABLE blog_post_readers"},
}


@cases(SAID_ONCE)
def test_a_difference_is_said_once(migrated: Project, what: str) -> None:
    by_hand(migrated, SAID_ONCE[what])
    ended = migrated.run("drift")
    assert ended.code == 1, ended.err
    assert "what no operation says" not in ended.out


def test_what_no_operation_says_is_shown_beside_what_one_says() -> None:
    """A key that was lost on the way hides a constraint from the operations, and from nobody else."""
    check = models.CheckConstraint("n > 0", name="positive")
    fields = [("id", models.BigAutoField(primary_key=True)), ("n", models.IntegerField())]
    state = State().with_new_model("blog", "Post", fields, {"constraints": [check]})
    schema = lower(state)
    (table,) = schema.tables.values()
    parts = {type(each): replace(each, key=None) for each in table.constraints}
    constraints = tuple(parts.values())
    expected = Schema.of((replace(table, constraints=constraints),))
    more = Column("more", table.columns[1].type)
    kept = tuple(each for each in constraints if not isinstance(each, Check))
    live = Schema.of((replace(table, columns=(*table.columns, more), constraints=kept),))
    found = list(deviations(Comparison(state, expected, live, "sqlite"), sqlite.dialect()))
    places = {each.place for one in found for each in one.details}
    assert places == {"blog_post.more", "blog_post.positive"}


def test_what_no_model_has_is_dropped_by_name_alone(migrated: Project) -> None:
    """A table that no migration made may be somebody else's: cases/adoption/04."""
    for name in ("other_team", "blog_tag"):
        migrated.query(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, v VARCHAR(20))")
        migrated.query(f"INSERT INTO {name} VALUES (1, 'precious')")
    migrated.query("DROP INDEX by_title")
    refused = migrated.run("drift", "--sql", "--drop", "blog_post")
    assert (refused.code, "There are: blog_tag, other_team." in refused.err) == (2, True)
    run_script(migrated, migrated.run("drift", "--sql").out)
    assert migrated.query("SELECT v FROM other_team") == [("precious",)]
    assert migrated.query("SELECT v FROM blog_tag") == [("precious",)]
    shown = migrated.run("drift")
    assert "by_title" not in shown.out
    assert 'exclude = ["blog_tag", "other_team"]' in shown.err
    run_script(migrated, migrated.run("drift", "--sql", "--drop", "blog_tag").out)
    assert "blog_tag" not in migrated.tables()
    assert migrated.query("SELECT v FROM other_team") == [("precious",)]


#: Of those above, what does not speak of the same thing twice.
TOGETHER = {
    "sqlite": ["a column more", "a column less", "an index more", "an index less", "a table more"],
    "postgresql": [
        *("a column more", "a column renamed", "another type", "another default", "a comment"),
        *("an index more", "an index renamed", "a constraint less", "a foreign key renamed"),
        *("a table more", "a table less", "a field's index less"),
    ],
}


def test_what_differs_becomes_a_migration(migrated: Project) -> None:
    for what in TOGETHER[dialect_of(migrated)]:
        by_hand(migrated, CHANGES[what][0])
    said = migrated.run("drift", "--json").json["drift"]
    ended = migrated.run("drift", "--write", "--name", "by_hand")
    assert ended.code == 1, ended.err
    written, *operations = ended.out.splitlines()
    assert written == "blog/migrations/0002_by_hand.py"
    assert [line.strip() for line in operations] == [each["operation"] for each in said]
    assert "whimbrel migrate blog 0002_by_hand --fake" in ended.err

    migrated.do("migrate", "blog", "0002_by_hand", "--fake")
    assert migrated.do("drift").err == "No drift.\n"
    # Another database comes to the same by applying it.
    migrated.do("migrate", "blog", "zero", "--fake")
    drop_all(migrated)
    migrated.do("migrate")
    assert migrated.do("drift").err == "No drift.\n"


@cases(OF_OTHERS)
def test_what_is_of_others_is_no_drift(migrated: Project, what: str) -> None:
    by_hand(migrated, OF_OTHERS[what])
    assert migrated.do("drift").err == "No drift.\n"


def test_sqlite_minds_no_capitals(tmp_path: Path) -> None:
    project = Project(tmp_path, f"sqlite:///{tmp_path}/db.sqlite3").configured("blog")
    project.models(
        "blog",
        "class Author(models.Model):\n    name = models.CharField(max_length=20)\n"
        "    class Meta:\n        indexes = [models.Index(fields=['name'], name='by_name')]\n",
    )
    project.do("makemigrations")
    project.query(
        "CREATE TABLE Blog_Author (ID integer PRIMARY KEY AUTOINCREMENT, Name varchar(20) NOT NULL)"
    )
    project.query("CREATE INDEX BY_NAME ON blog_author (NAME)")
    assert project.do("migrate", "--fake-initial").err == "Recorded blog.0001_initial\n"
    assert project.do("drift").err == "No drift.\n"
    project.query("ALTER TABLE BLOG_AUTHOR ADD COLUMN Age INTEGER")
    assert project.run("drift").out.splitlines() == [
        "blog",
        "  Add field Age to Author",
        "    blog_author.Age: only in the database: column INTEGER NULL",
    ]


#: A key of a table of no model that has another type than it gets by itself; then another one.
KEYS = {
    "sqlite": "CREATE TABLE extra (id INTEGER PRIMARY KEY, a {} REFERENCES blog_author (id))",
    "postgresql": "CREATE TABLE extra (id BIGINT PRIMARY KEY, a {} REFERENCES blog_author (id))",
}


def test_types_of_keys_are_those_of_the_database(migrated: Project) -> None:
    made = KEYS[dialect_of(migrated)]
    for number, of in enumerate(("INTEGER", "SMALLINT", "BIGINT"), start=2):
        migrated.query("DROP TABLE IF EXISTS extra")
        migrated.query(made.format(of))
        migrated.run("drift", "--write", "--name", "key")
        migrated.do("migrate", "blog", f"000{number}_key", "--fake")
        assert migrated.do("drift").err == "No drift.\n"


def test_an_app_alone(migrated: Project) -> None:
    migrated.configured("blog", "shop")
    migrated.models("shop", "class Product(models.Model):\n    name = models.TextField()\n")
    migrated.do("makemigrations")
    migrated.do("migrate")
    migrated.query("ALTER TABLE shop_product ADD COLUMN price INTEGER")
    migrated.query("CREATE TABLE shop_more (a INTEGER PRIMARY KEY)")
    migrated.query("CREATE TABLE loose (a INTEGER PRIMARY KEY)")
    assert migrated.do("drift", "blog").err == "No drift.\n"
    shop = migrated.run("drift", "shop").out.splitlines()
    assert [line for line in shop if not line.startswith("    ")] == [
        "shop",
        "  Create model More",
        "  Add field price to Product",
    ]
    both = migrated.run("drift").out.splitlines()
    assert {line for line in both if not line.startswith(" ")} == {"blog", "shop"}
    wrong = migrated.run("drift", "news")
    assert (wrong.code, "there is no app 'news'" in wrong.err) == (2, True)


def test_unmanaged_and_excluded_models_are_left_alone(anywhere: Project) -> None:
    anywhere.models(
        "blog",
        "class Old(models.Model):\n    a = models.TextField()\n"
        "    class Meta:\n        managed = False\n\n"
        "class Draft(models.Model):\n    old = models.ForeignKey('Old')\n",
    )
    anywhere.query("CREATE TABLE blog_old (id INTEGER PRIMARY KEY, b INTEGER)")
    anywhere.do("makemigrations")
    anywhere.do("migrate")
    anywhere.configured("blog", more='exclude = ["blog_draft"]\n')
    anywhere.query("ALTER TABLE blog_draft ADD COLUMN c INTEGER")
    assert anywhere.do("drift").err == "No drift.\n"


def test_a_column_that_the_models_alone_have_may_be_there(migrated: Project) -> None:
    """Who made it by SQL said so of the models: it is not offered to be dropped."""
    migrated.write(
        "blog/migrations/0002_by_hand.py",
        """
from whimbrel import migrations, models

class Migration(migrations.Migration):
    dependencies = [("blog", "0001_initial")]
    operations = [
        migrations.RunSQL("ALTER TABLE blog_post ADD COLUMN c INTEGER", migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField("Post", "b", models.IntegerField(null=True, db_column="c"))
            ]
        ),
    ]
""",
    )
    migrated.do("migrate")
    assert migrated.do("drift").err == "No drift.\n"
    assert "DROP" not in migrated.do("drift", "--sql").out
    migrated.query("ALTER TABLE blog_post ADD COLUMN d INTEGER")
    assert "only in the database" in migrated.run("drift").out


def test_database_schemas(postgresql_url: str, tmp_path: Path) -> None:
    project = Project(tmp_path, postgresql_url).configured("blog")
    project.models(
        "blog",
        "class Post(models.Model):\n    a = models.TextField()\n"
        "    kind = models.EnumField(['x', 'y'])\n    class Meta:\n        schema = 'public'\n\n"
        "class Tag(models.Model):\n    post = models.ForeignKey(Post)\n"
        "    class Meta:\n        schema = 'far'\n\n"
        "class Plain(models.Model):\n    post = models.ForeignKey(Post)\n",
    )
    project.do("makemigrations")
    project.do("migrate")
    assert project.do("drift").err == "No drift.\n"
    project.query("DROP TABLE whimbrel_migrations")
    assert project.do("migrate", "--fake-initial").err == "Recorded blog.0001_initial\n"
    project.query("ALTER TABLE far.blog_tag ADD COLUMN a INTEGER")
    project.query("ALTER TABLE blog_post ADD COLUMN b INTEGER")
    project.query("CREATE TABLE far.loose (a INTEGER PRIMARY KEY)")
    found = [each["operation"] for each in project.run("drift", "--json").json["drift"]]
    assert sorted(found) == ["Add field a to Tag", "Add field b to Post", "Create model Loose"], (
        project.run("drift").out
    )


def test_for_machines(migrated: Project) -> None:
    nothing = migrated.do("drift", "--json").json
    assert (nothing["drift"], nothing["unknown"]) == ([], [])
    migrated.query("ALTER TABLE blog_post ADD COLUMN teaser VARCHAR(30)")
    assert migrated.run("drift", "--json").json["drift"] == [
        {
            "app": "blog",
            "operation": "Add field teaser to Post",
            "kind": "AddField",
            "details": [
                {
                    "place": "blog_post.teaser",
                    "what": "column",
                    "expected": None,
                    "found": "VARCHAR(30) NULL",
                }
            ],
        }
    ]
    script = migrated.run("drift", "--sql", "--json").json
    assert any("teaser" in str(each["sql"]) for each in script["statements"])


def test_where_nothing_is_recorded_all_is_drift(anywhere: Project) -> None:
    anywhere.query("CREATE TABLE blog_author (id INTEGER PRIMARY KEY)")
    ended = anywhere.run("drift")
    assert ended.code == 1
    assert "  Create model Author" in ended.out
    assert "--fake-initial" in ended.err


def test_write_needs_every_migration(migrated: Project) -> None:
    migrated.models("blog", MODELS.replace("max_length=20", "max_length=30"))
    migrated.do("makemigrations")
    migrated.query("ALTER TABLE blog_post ADD COLUMN teaser VARCHAR(30)")
    ended = migrated.run("drift", "--write")
    assert (ended.code, "whimbrel migrate" in ended.err) == (4, True)
    migrated.do("migrate")
    assert migrated.run("drift", "--write").out.splitlines()[1] == "  Add field teaser to Post"


def test_a_migration_that_is_half_done_is_said_first(migrated: Project) -> None:
    migrated.migration(
        "blog",
        "0002_two",
        'migrations.RunSQL("CREATE TABLE first (a INTEGER)")',
        'migrations.RunSQL("SELECT nonsense")',
        after=[("blog", "0001_initial")],
        atomic=False,
    )
    assert migrated.run("migrate").code == 5
    ended = migrated.run("drift")
    assert ended.code == 4
    assert "blog.0002_two: it is half applied" in ended.err


@pytest.mark.parametrize(
    "options", [("--write", "--sql"), ("--name", "x"), ("--drop", "x")], ids=" ".join
)
def test_wrong_usage(migrated: Project, options: tuple[str, ...]) -> None:
    assert migrated.run("drift", *options).code == 2


# -- helpers


def run_script(project: Project, script: str) -> None:
    """As psql and sqlite3 do: a script with its own transactions."""
    if project.url.startswith("sqlite"):
        with sqlite3.connect(project.url.removeprefix("sqlite:///")) as connection:
            connection.executescript(script)
        return
    url = sa.make_url(project.url)
    with psycopg.connect(
        host=str(url.query["host"]), user=url.username, dbname=url.database, autocommit=True
    ) as server:
        server.execute(script.encode())


def drop_all(project: Project) -> None:
    """The database as it was at first."""
    engine = sa.create_engine(project.url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    metadata.drop_all(engine)
    engine.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_sqlmigrate_prints_stores_what_migrate_stores(anywhere: Project) -> None:
    values = (
        "[UUID(int=5), datetime(2024, 1, 1, 12, tzinfo=timezone.utc), time(1, 2), Decimal('1.50')]"
    )
    columns = "%s AS a, %s AS b, %s AS c, %s AS d"
    path = anywhere.configured("blog").migration(
        "blog",
        "0001_kept",
        f"migrations.RunSQL([('CREATE TABLE kept AS SELECT {columns}', {values})], 'DROP TABLE kept')",
    )
    imports = "from datetime import datetime, time, timezone\nfrom decimal import Decimal\nfrom uuid import UUID\n"
    path.write_text(imports + path.read_text())
    printed = anywhere.do("sqlmigrate", "blog", "0001").out
    anywhere.do("migrate")
    stored = anywhere.query("SELECT * FROM kept")
    anywhere.do("migrate", "blog", "zero")
    run_script(anywhere, printed)
    assert anywhere.query("SELECT * FROM kept") == stored

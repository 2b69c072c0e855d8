"""Operations of the user's own: executed, undone, shown, squashed and merged, on every database."""

from __future__ import annotations

import pytest

from projects import CREATE, Project

OPERATIONS = '''\
from dataclasses import dataclass

from whimbrel import migrations, models


@dataclass(frozen=True)
class AddNumbers(migrations.Operation):
    """Code in the database alone."""

    model_name: str
    numbers: tuple = (1, 2)
    elidable: bool = False

    def describe(self):
        return f"Add numbers to {self.model_name}"

    def execute(self, context):
        model = context.get_model(self.model_name)
        for number in self.numbers:
            model.objects.create(number=number)

    def undo(self, context):
        context.get_model(self.model_name).objects.filter(number__in=self.numbers).delete()


@dataclass(frozen=True)
class AddStamps(migrations.Operation):
    """A change of models alone: what it takes in the database is their difference."""

    model_name: str

    def describe(self):
        return f"Add stamps to {self.model_name}"

    def apply(self, app, state):
        for name in ("made", "changed"):
            field = models.DateTimeField(null=True)
            state = migrations.AddField(self.model_name, name, field).apply(app, state)
        return state


@dataclass(frozen=True)
class AddNoteBySQL(migrations.Operation):
    """A change of models that it makes in the database itself."""

    model_name: str

    def describe(self):
        return f"Add a note to {self.model_name}"

    def apply(self, app, state):
        return migrations.AddField(self.model_name, "note", models.TextField(null=True)).apply(app, state)

    def execute(self, context):
        assert not hasattr(context.get_model(self.model_name), "note")
        context.schema_editor.execute(f"ALTER TABLE {context.app}_{self.model_name.lower()} ADD COLUMN note TEXT")

    def undo(self, context):
        assert hasattr(context.get_model(self.model_name), "note")
        context.schema_editor.execute(f"ALTER TABLE {context.app}_{self.model_name.lower()} DROP COLUMN note")


@dataclass(frozen=True)
class AddMark(migrations.Operation):
    """A barrier that executes nothing."""

    model_name: str
    barrier = True

    def describe(self):
        return f"Add a mark to {self.model_name}"

    def apply(self, app, state):
        return migrations.AddField(self.model_name, "mark", models.TextField(null=True)).apply(app, state)


@dataclass(frozen=True)
class Burn(migrations.Operation):
    """What has no way back."""

    def describe(self):
        return "Burn the bridge"

    def execute(self, context):
        pass


@dataclass(frozen=True)
class Stumble(migrations.Operation):
    """What has a mistake in it."""

    def describe(self):
        return "Stumble"

    def apply(self, app, state):
        return {}["step"]
'''

FILE = """\
from blog.operations import AddMark, AddNoteBySQL, AddNumbers, AddStamps, Burn, Stumble
from whimbrel import migrations, models
{own}

class Migration(migrations.Migration):
    dependencies = {after!r}
    operations = [{operations}]
"""

#: By name: the operations of the migration.
FILES = {
    "0001_row": CREATE.format(name="Row"),
    "0002_numbers": 'AddNumbers("Row"), AddStamps("Row")',
    "0003_note": 'AddNoteBySQL("Row")',
    "0004_more": 'AddMark("Row"), AddNumbers("Row", (3,))',
}


def _migration(project: Project, name: str, operations: str, *after: str, own: str = "") -> None:
    text = FILE.format(after=[("blog", each) for each in after], operations=operations, own=own)
    project.write(f"blog/migrations/{name}.py", text)


def _with_files(project: Project) -> Project:
    project.write("blog/operations.py", OPERATIONS)
    project.write("blog/models.py")
    project.write("blog/migrations/__init__.py")
    last: list[str] = []
    for name, operations in FILES.items():
        _migration(project, name, operations, *last)
        last = [name]
    return project


@pytest.fixture
def own(anywhere: Project) -> Project:
    """A project whose migrations have operations of its own, once on each database."""
    return _with_files(anywhere)


@pytest.fixture
def on_sqlite(project: Project) -> Project:
    """The same on SQLite alone."""
    return _with_files(project)


def _rows(project: Project) -> list[tuple[object, ...]]:
    return project.query("SELECT number, made, changed, note, mark FROM blog_row ORDER BY number")


ALL = [(1, None, None, None, None), (2, None, None, None, None), (3, None, None, None, None)]


def test_own_operations_are_executed_and_undone(own: Project) -> None:
    own.do("migrate")
    assert _rows(own) == ALL
    own.do("migrate", "blog", "0001")
    assert own.query("SELECT * FROM blog_row") == []
    own.do("migrate")
    assert _rows(own) == ALL


def test_own_operations_are_shown(on_sqlite: Project) -> None:
    plan = on_sqlite.do("showmigrations", "--plan").out
    assert "blog.0003_note" in plan
    shown = on_sqlite.do("sqlmigrate", "blog", "0002").out
    assert "-- Add numbers to Row: it cannot be shown as SQL" in shown
    assert "made" in shown and "changed" in shown
    back = on_sqlite.do("sqlmigrate", "blog", "0002", "--backwards").out
    assert "-- undo: Add numbers to Row: it cannot be shown as SQL" in back


def test_own_operations_are_squashed(own: Project) -> None:
    own.do("squashmigrations", "blog", "0004", "--yes")
    (squash,) = (own.root / "blog/migrations").glob("0001_squashed*.py")
    text = squash.read_text()
    assert 'AddNumbers("Row")' in text and 'AddNoteBySQL("Row")' in text
    assert "from blog.operations import AddMark, AddNoteBySQL, AddNumbers" in text
    for name in FILES:
        (own.root / f"blog/migrations/{name}.py").unlink()
    own.do("migrate")
    assert _rows(own) == ALL


def test_an_operation_of_a_migrations_own_file_goes_into_a_squash(on_sqlite: Project) -> None:
    text = OPERATIONS.partition("class AddNumbers")[2].partition("@dataclass")[0]
    local = f"from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Local{text}"
    local = local.replace("LocalAddNumbers", "Local")
    _migration(on_sqlite, "0005_local", 'Local("Row", (4,))', "0004_more", own=local)
    on_sqlite.do("squashmigrations", "blog", "0005", "--yes")
    for name in (*FILES, "0005_local"):
        (on_sqlite.root / f"blog/migrations/{name}.py").unlink()
    on_sqlite.do("migrate")
    assert _rows(on_sqlite) == [*ALL, (4, None, None, None, None)]


def test_what_may_be_left_out_is_left_out_of_a_squash(on_sqlite: Project) -> None:
    _migration(on_sqlite, "0002_numbers", 'AddNumbers("Row", elidable=True)', "0001_row")
    on_sqlite.do("squashmigrations", "blog", "0002", "--yes")
    (squash,) = (on_sqlite.root / "blog/migrations").glob("0001_squashed*.py")
    assert "AddNumbers" not in squash.read_text()


def test_an_operation_that_says_no_way_back_has_none(on_sqlite: Project) -> None:
    _migration(on_sqlite, "0005_burn", "Burn()", "0004_more")
    on_sqlite.do("migrate")
    ended = on_sqlite.run("migrate", "blog", "0004")
    assert ended.code != 0
    assert "Give the class Burn a method undo(self, context)" in ended.err
    assert len(on_sqlite.applied()) == 5


@pytest.mark.parametrize(
    "command", ["sqlmigrate blog 0005", "migrate", "migrate --plan", "makemigrations", "check"]
)
def test_a_mistake_in_an_operation_is_said_to_be_its_own(on_sqlite: Project, command: str) -> None:
    _migration(on_sqlite, "0005_stumble", "Stumble()", "0004_more")
    ended = on_sqlite.run(*command.split())
    assert ended.code == 4
    assert "state" in ended.out + ended.err
    assert "blog.0005_stumble: Stumble: KeyError: 'step'" in ended.out + ended.err


#: Operations whose line for people cannot be made, and what is said of each.
MUTE = {
    'migrations.AddIndex("Row", "title")': "'title' is neither an index nor a constraint",
    "Mute()": "blog.0005_mute: Mute: ZeroDivisionError",
}


@pytest.mark.parametrize(("operation", "said"), MUTE.items(), ids=MUTE)
def test_an_operation_that_cannot_describe_itself_fails_by_its_name(
    on_sqlite: Project, operation: str, said: str
) -> None:
    own = (
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\n"
        "class Mute(migrations.Operation):\n"
        "    def describe(self):\n        return str(1 / 0)\n"
        "    def apply(self, app, state):\n        return state if self.describe() else None\n"
    )
    _migration(on_sqlite, "0005_mute", operation, "0004_more", own=own)
    for command in ("makemigrations", "migrate"):
        ended = on_sqlite.run(command)
        assert ended.code == 4, ended.err
        assert said in ended.err


def test_branches_with_own_operations_are_merged(on_sqlite: Project) -> None:
    _migration(on_sqlite, "0005_burn", "Burn()", "0004_more")
    field = 'migrations.AddField("Row", "other", models.IntegerField(null=True))'
    _migration(on_sqlite, "0005_field", field, "0004_more")
    ended = on_sqlite.do("makemigrations", "--merge")
    assert "  blog.0005_burn: Burn the bridge" in ended.err
    assert "They do not collide." in ended.err
    on_sqlite.do("migrate")


def test_branches_that_change_the_same_field_collide(on_sqlite: Project) -> None:
    for name in FILES:
        if name != "0001_row":
            (on_sqlite.root / f"blog/migrations/{name}.py").unlink()
    _migration(on_sqlite, "0002_stamps", 'AddStamps("Row")', "0001_row")
    field = 'migrations.AddField("Row", "made", models.DateTimeField(null=True))'
    _migration(on_sqlite, "0002_made", field, "0001_row")
    ended = on_sqlite.run("makemigrations", "--merge")
    assert ended.code == 4
    assert "blog.0002_stamps: Add stamps to Row" in ended.err


def test_what_an_own_operation_does_counts_for_the_digest(on_sqlite: Project) -> None:
    local = (
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\n"
        "class Local(migrations.Operation):\n"
        "    def describe(self):\n        return 'Local'\n"
        "    def execute(self, context):\n        return {number}\n"
    )
    _migration(on_sqlite, "0005_local", "Local()", "0004_more", own=local.format(number=1))
    on_sqlite.do("migrate")
    _migration(on_sqlite, "0005_local", "Local()", "0004_more", own=local.format(number=2) + "\n")
    ended = on_sqlite.run("migrate", "--check")
    assert "0005_local" in ended.err + ended.out


def test_an_operation_that_is_no_dataclass_is_refused(on_sqlite: Project) -> None:
    local = (
        "class Local(migrations.Operation):\n"
        "    def __init__(self, number):\n        self.number = number\n"
        "    def describe(self):\n        return 'Local'\n"
        "    def execute(self, context):\n        pass\n"
    )
    _migration(on_sqlite, "0005_local", "Local(1)", "0004_more", own=local)
    ended = on_sqlite.run("migrate")
    assert ended.code == 4
    assert "has Local, whose arguments nobody knows: it is not a dataclass" in ended.err
    assert "@dataclass(frozen=True)" in ended.err

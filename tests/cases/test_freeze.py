"""Old files that name classes of types: they load, check finds them, freeze rewrites them, nobody sees an edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from others import Others
from projects import Project
from whimbrel.commands.check import check
from whimbrel.commands.edits import find_edited
from whimbrel.commands.freeze import freeze, write
from whimbrel.errors import LoadError, WriteError
from whimbrel.run.connect import database_of
from whimbrel.run.record import record_in

CLASSES = """
class Cents(sa.TypeDecorator):
    impl = sa.Integer
    cache_ok = True

class Guid(sa.TypeDecorator):
    impl = sa.CHAR
    cache_ok = True
    def load_dialect_impl(self, dialect):
        return dialect.type_descriptor(
            postgresql.UUID() if dialect.name == "postgresql" else sa.CHAR(36))

class Doubled(sa.TypeDecorator):
    impl = sa.Integer
    cache_ok = True
    def process_bind_param(self, value, dialect):
        return 2 * value

from whimbrel import models

class Money(models.DecimalField):
    def __init__(self, **options):
        super().__init__(max_digits=8, decimal_places=2, **options)
"""

FILE = """\
# A file by hand.
{imports}


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            "T",
            fields=[
                ("id", models.Field(sa.Integer(), primary_key=True)),  # the key
                {fields}
            ],
            options={{"db_table": "t"}},
        ),
    ]
"""

#: What a file imports and has, and what it becomes.
FILES = {
    "one type": (
        "import sqlalchemy as sa\n\nimport {module}\nfrom whimbrel import migrations, models",
        "('c', models.Field({module}.Cents(),null = True) ),",
        "import sqlalchemy as sa\n\nfrom whimbrel import migrations, models",
        "('c', models.Field(sa.Integer(),null = True) ),",
    ),
    "imported by its name, among others": (
        "import sqlalchemy as sa\nfrom whimbrel import migrations, models\nfrom {module} import Cents, metadata\n\nM = metadata",
        "('c', models.Field(Cents, null=True)),",
        "import sqlalchemy as sa\nfrom whimbrel import migrations, models\nfrom {module} import metadata\n\nM = metadata",
        "('c', models.Field(sa.Integer(), null=True)),",
    ),
    "inside others": (
        "import sqlalchemy as sa\nimport {module} as m\nfrom whimbrel import migrations, models",
        "('c', models.Field(sa.Text().with_variant(m.Cents(), 'postgresql'))),",
        "import sqlalchemy as sa\nfrom whimbrel import migrations, models",
        "('c', models.Field(sa.Text().with_variant(sa.Integer(), 'postgresql'))),",
    ),
    "with variants, and another on each database": (
        "import sqlalchemy as sa\nimport {module} as m\nfrom whimbrel import migrations, models",
        "('c', models.Field(m.Guid().with_variant(sa.Text(), 'mysql'))),",
        "import sqlalchemy as sa\nfrom whimbrel import migrations, models",
        "('c', models.Field(sa.CHAR(length=36)\n"
        '                .with_variant(sa.Text(), "mysql")\n'
        '                .with_variant(sa.UUID(), "postgresql"))),',
    ),
    "a default in the type's words": (
        "import sqlalchemy as sa\nimport {module} as m\nfrom whimbrel import migrations, models",
        "('c', models.Field(m.Doubled(), default=4)),",
        "import sqlalchemy as sa\nfrom whimbrel import migrations, models",
        "('c', models.Field(sa.Integer(), default=8)),",
    ),
    "a field of the user's": (
        "import sqlalchemy as sa\nfrom whimbrel import migrations, models\nfrom {module} import Money",
        "('c', Money(null=True)),",
        "import sqlalchemy as sa\nfrom whimbrel import migrations, models",
        "('c', models.DecimalField(max_digits=8, decimal_places=2, null=True)),",
    ),
    "SQLAlchemy under another name": (
        "import {module} as m\nimport sqlalchemy\nfrom whimbrel import migrations, models\nsa = sqlalchemy",
        "('c', models.Field(m.Cents())),",
        "import sqlalchemy\nfrom whimbrel import migrations, models\nsa = sqlalchemy",
        "('c', models.Field(sa.Integer())),",
    ),
    "windows": (
        "import sqlalchemy as sa\r\nimport {module}\r\nfrom whimbrel import migrations, models\r\n",
        "('c', models.Field({module}.Cents())),\r\n",
        "import sqlalchemy as sa\r\nfrom whimbrel import migrations, models\r\n",
        "('c', models.Field(sa.Integer())),\r\n",
    ),
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Others:
    monkeypatch.syspath_prepend(str(tmp_path / "project"))
    project = Others(tmp_path / "project", sqlite_url)
    project.says(CLASSES)
    (project.root / "migrations").mkdir()
    return project


def old_file(project: Others, case: str) -> tuple[Path, str]:
    """The file, and what shall stand in it, but for its digests."""
    imports, fields, new_imports, new_fields = (
        each.replace("{module}", project.module) for each in FILES[case]
    )
    path = project.root / "migrations" / "0001_initial.py"
    path.write_bytes(FILE.format(imports=imports, fields=fields).encode())
    return path, FILE.format(imports=new_imports, fields=new_fields)


def without_digests(text: str) -> str:
    """A file without its ``frozen``, which must be there."""
    before, found, rest = text.partition("    frozen = (")
    assert found or "DecimalField" in text
    return before + (rest.partition("    )")[2].lstrip("\r\n") if found else "")


def codes(project: Others) -> list[str]:
    return [each.code for each in check(project.config, offline=True).findings]


@pytest.mark.parametrize("case", FILES)
def test_a_file_is_rewritten_and_nobody_sees_an_edit(case: str, project: Others) -> None:
    path, wanted = old_file(project, case)
    project.go()
    assert "class" in codes(project)
    record = record_in(database_of(project.config, "default")).applied
    [found] = freeze(project.config)
    write([found])
    text = path.read_bytes().decode()
    assert without_digests(text) == wanted
    assert freeze(project.config) == []
    assert "class" not in codes(project)
    assert not find_edited(project.history().graph.nodes, record)
    path.write_bytes(path.read_bytes().replace(b'("id",', b'("key",'))
    assert find_edited(project.history().graph.nodes, record)


def test_a_new_database_has_the_same_record(project: Others) -> None:
    old_file(project, "one type")
    digests = [node.digest for node in project.history().graph.order()]
    write(freeze(project.config))
    project.go()
    record = record_in(database_of(project.config, "default")).applied
    assert [each.digest for each in record.values()] == digests
    project.go("zero")


def test_code_in_functions_and_classes_of_the_file_stay(project: Others) -> None:
    path, _ = old_file(project, "one type")
    text = path.read_text()
    own = "class Own(sa.TypeDecorator):\n    impl = sa.Text\n\n\ndef f(apps, editor):\n"
    own += f"    {project.module}.Cents()\n\n\nclass Migration"
    path.write_text(
        text.replace("class Migration", own).replace(f"{project.module}.Cents(),", "Own(),")
    )
    assert freeze(project.config) == []
    assert "class" not in codes(project)


@pytest.mark.parametrize(
    ("case", "name", "said", "line"),
    [
        ("one type", "Cents", "has no attribute 'Cent'", 16),
        ("imported by its name, among others", "Cents", "cannot import name 'Cent'", 4),
        ("a field of the user's", "Money", "cannot import name 'MonField'", 4),
    ],
)
def test_a_class_that_is_gone_is_told_with_what_to_write(
    case: str, name: str, said: str, line: int, project: Others
) -> None:
    path, _ = old_file(project, case)
    gone = "Cent" if name == "Cents" else "MonField"
    path.write_text(path.read_text().replace(name, gone))
    with pytest.raises(LoadError) as caught:
        project.history()
    assert said in caught.value.message
    assert (caught.value.place or "").endswith(f"0001_initial.py:{line}")
    assert "models.Field(sa.Integer())" in (caught.value.hint or "")
    assert "whimbrel freeze" in (caught.value.hint or "")


def test_a_name_that_is_taken_is_left_to_people(project: Others) -> None:
    path, _ = old_file(project, "one type")
    before = path.read_text().replace("import sqlalchemy as sa", "import sqlalchemy as s\n\nsa = 1")
    path.write_text(before.replace("sa.Integer(), primary", "s.Integer(), primary"))
    before = path.read_text()
    with pytest.raises(WriteError, match="it calls something of its own 'sa'") as caught:
        freeze(project.config)
    assert "models.Field(sa.Integer())" in (caught.value.hint or "")
    assert path.read_text() == before
    assert "class" in codes(project)


def test_the_command_says_what_it_would_do(project: Others) -> None:
    path, _ = old_file(project, "one type")
    before = path.read_bytes()
    run = Project(project.root, project.url).do
    [file] = run("freeze", "--dry-run", "--json", "core").json["files"]
    assert file["named"] == [
        {"line": 16, "class": f"{project.module}.Cents", "text": "sa.Integer()"}
    ]
    assert path.read_bytes() == before
    assert "16: " in run("freeze").out
    assert run("freeze").err == "No migration names a class of a type or a field.\n"

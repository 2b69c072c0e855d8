"""Alembic's projects as they are found: adoption/02, 03, 03b, 04, 06, 07, 08, 12, 14."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from inside import Inside

BASE = "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n"


def model(name: str, more: str = "") -> str:
    """A module with a model of a table of its name, on the base of app.base."""
    return (
        "import sqlalchemy as sa\nfrom sqlalchemy.orm import Mapped, mapped_column\n"
        f"from app.base import Base\nclass {name.title()}(Base):\n    __tablename__ = {name!r}\n"
        f"    id: Mapped[int] = mapped_column(primary_key=True)\n{more}"
    )


#: app/base.py, app/a.py and app/b.py are there; env.py has one of these before target_metadata.
IMPORTS = {
    "in a list": "from app import a, b",
    "by a call": "from app import load\nload.all_models()",
    "in a function": "def load():\n    import app.a, app.b\nload()",
    "in a try block": "try:\n    import app.a\n    import app.b\nexcept ImportError:\n    raise",
    "by a star": "from app.load import *",
    "by __import__": "for each in 'ab':\n    __import__(f'app.{each}')",
    "by a loop": "import importlib, pkgutil, app\n"
    "for each in pkgutil.iter_modules(app.__path__):\n    importlib.import_module(f'app.{each.name}')",
}
LOAD = "from app import a\ndef all_models():\n    import app.b\n"
TAIL = """
from alembic import context
import sqlalchemy as sa
{more}
target_metadata = Base.metadata
if context.is_offline_mode():
    context.configure(url=context.config.get_main_option("sqlalchemy.url"), target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
else:
    with sa.create_engine("sqlite:///never.db").connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
"""


@pytest.fixture
def project(project_root: Path, database_url: str) -> Inside:
    return Inside(project_root, database_url)


def alembics(
    project: Inside,
    env: str,
    files: Mapping[str, str],
    *tables: str,
    revision: str = "",
    version_table: str = "alembic_version",
) -> None:
    """An Alembic project of one revision, and a database that is at it."""
    project.write(
        "alembic.ini", f"[alembic]\nscript_location = alembic\nsqlalchemy.url = {project.url}\n"
    )
    project.write("alembic/env.py", env)
    project.write("alembic/versions/a1.py", f'revision = "a1"\ndown_revision = None\n{revision}')
    project.write("app/__init__.py")
    for path, text in files.items():
        project.write(path, text)
    project.query(f"CREATE TABLE {version_table} (version_num VARCHAR(32) NOT NULL)")
    project.query(f"INSERT INTO {version_table} VALUES ('a1')")
    for table in tables:
        project.query(table)


def made(project: Inside) -> set[str]:
    """The tables of what the initial migration makes."""
    text = next(project.root.rglob("0001_initial.py")).read_text()
    return {line.split('"')[3] for line in text.splitlines() if '"db_table"' in line}


def is_adopted(project: Inside, *tables: str) -> None:
    assert made(project) == set(tables)
    assert len(project.applied()) == 1
    assert project.do("drift").err == "No drift.\n"
    assert project.do("makemigrations", "--check").err == "No changes.\n"


def table(project: Inside, name: str, columns: str = "") -> str:
    """As SQLAlchemy's create_all would make it, under the names that whimbrel gives."""
    how = "SERIAL" if project.url.startswith("postgresql") else "INTEGER"
    return (
        f"CREATE TABLE {name} (id {how} NOT NULL, {columns}"
        f"CONSTRAINT app_{name.rstrip('s')}_pk PRIMARY KEY (id))"
    )


on_both = [("sqlite", "in a list"), ("postgresql", "in a list"), ("postgresql", "by a call")]
ways = [*on_both, *(("sqlite", how) for how in IMPORTS if how != "in a list")]


@pytest.mark.parametrize(("database_url", "how"), ways, indirect=["database_url"])
def test_all_models_are_adopted_however_they_are_imported(project: Inside, how: str) -> None:
    env = f"from app.base import Base\n{IMPORTS[how]}\n{TAIL.format(more='')}"
    files = {
        "app/base.py": BASE,
        "app/a.py": model("a"),
        "app/b.py": model("b"),
        "app/load.py": LOAD + "import app.b\n" * (how == "by a star"),
    }
    alembics(project, env, files, table(project, "a"), table(project, "b"))
    ended = project.do("adopt", "alembic")
    is_adopted(project, "a", "b")
    assert not (project.root / "never.db").exists()
    if how == "in a list":
        assert (project.root / "app/all_models.py").read_text() == (
            '"""Imports every module with models: Whimbrel finds them all here."""\n\n'
            "import app.a  # noqa: F401\nimport app.b  # noqa: F401\n"
            'from app.base import Base\n\n__all__ = ["Base"]\n'
        )
        assert "wrote  app/all_models.py" in ended.out
    # It writes nothing the second time.
    before = sorted(project.root.rglob("*.py"))
    assert project.do("adopt", "alembic").out == "default: recorded already\n"
    assert sorted(project.root.rglob("*.py")) == before


CREATING = "from alembic import op\nNAME = 'b'\ndef upgrade():\n"
MAKERS = {
    "create_table": "    op.create_table('b')",
    "a constant": "    op.create_table(NAME)",
    "SQL": "    op.execute('CREATE TABLE IF NOT EXISTS b (id INTEGER)')",
    "a rename": "    op.rename_table('c', 'b')",
}


makers = [("postgresql", "create_table"), *(("sqlite", how) for how in MAKERS)]


@pytest.mark.parametrize(("database_url", "how"), makers, indirect=["database_url"])
def test_a_table_of_the_project_that_no_model_has_stops_it(project: Inside, how: str) -> None:
    """env.py cannot be run here, and its text names one module of two."""
    env = "from app.a import Base\ntarget_metadata = Base.metadata\nraise KeyError\n"
    files = {"app/base.py": BASE, "app/a.py": model("a"), "app/b.py": model("b")}
    tables = (table(project, "a"), table(project, "b"), "CREATE TABLE strange (x INTEGER)")
    alembics(project, env, files, *tables, revision=CREATING + MAKERS[how])
    ended = project.run("adopt", "alembic")
    assert (ended.code, ended.out) == (2, "")
    assert "no model has b, which the project's own revisions made" in ended.err
    assert "--models acme.all_models:Base" in ended.err
    assert not (project.root / "pyproject.toml").exists()
    # Either the models are named,
    named = project.run("adopt", "alembic", "--models", "app.b:Base", "--dry-run")
    assert "Create model B" in named.out
    # or it is said that it has none.
    project.do("adopt", "alembic", "--exclude", "b", "--exclude", "strange")
    is_adopted(project, "a")
    assert 'exclude = ["b", "strange"]' in (project.root / "pyproject.toml").read_text()


def test_no_models_at_all(project: Inside) -> None:
    env = "from app.base import Base\ntarget_metadata = Base.metadata\n"
    alembics(project, env, {"app/base.py": BASE}, table(project, "a"))
    for options in ((), ("--models", "app.base:Base")):
        ended = project.run("adopt", "alembic", *options)
        assert (ended.code, "app.base:Base holds no models" in ended.err) == (2, True)
    assert not (project.root / "pyproject.toml").exists()


ONE = {
    "app/base.py": BASE,
    "app/a.py": model("a", "    n: Mapped[str] = mapped_column(sa.String(9))\n"),
}
OF_ONE = "from app.a import Base\ntarget_metadata = Base.metadata\n"


def test_the_advice_leaves_other_peoples_tables_alone(project: Inside) -> None:
    narrow = table(project, "a", "n VARCHAR(8) NOT NULL, ")
    alembics(project, OF_ONE, ONE, narrow, "CREATE TABLE other_team (v VARCHAR(20))")
    project.query("INSERT INTO other_team VALUES ('precious')")
    assert project.run("adopt", "alembic").code == 1
    project.do("migrate", "app", "0001_initial", "--fake")
    script = project.run("drift", "--sql").out
    assert "DROP TABLE other_team" not in script
    assert "left alone, since no model has them: other_team" in script


def test_it_goes_on_with_what_is_configured(project: Inside) -> None:
    files = {**ONE, "app/all_models.py": "from app.a import Base\n"}
    alembics(project, OF_ONE, files, table(project, "a", "n VARCHAR(8) NOT NULL, "))
    said = project.run("adopt", "alembic", "--models", "app.all_models:Base", "--app", "shop")
    assert "adopt alembic --models app.all_models:Base --app shop --from-database" in said.err
    project.do("adopt", "alembic", "--from-database")
    assert project.do("adopt", "alembic").out == "default: recorded already\n"
    assert project.applied() == ["shop.0001_initial"]
    assert (project.root / "pyproject.toml").read_text().count("[tool.whimbrel.app.") == 1
    wrong = project.run("adopt", "alembic", "--app", "other")
    assert (wrong.code, "of the app 'shop' already" in wrong.err) == (2, True)


def test_a_script_location_in_a_package(project: Inside) -> None:
    files = {**ONE, "app/db/__init__.py": "", "app/db/versions_of/env.py": OF_ONE,
             "app/db/versions_of/versions/a1.py": 'revision = "a1"\ndown_revision = None\n'}  # fmt: skip
    alembics(project, "", files, table(project, "a", "n VARCHAR(9) NOT NULL, "))
    project.write("alembic.ini", f"[alembic]\nscript_location = app:db:versions_of\nsqlalchemy.url = {project.url}\n")  # fmt: skip
    project.do("adopt", "alembic")
    is_adopted(project, "a")


VERSION_TABLES = {
    "a constant": ('TABLE = "acme_version"', "version_table=TABLE", ()),
    "computed": ("import app.a", 'version_table="_".join(["acme", "version"])', ()),
    "an option": ("raise SystemExit", "", ("--version-table", "acme_version")),
}


@pytest.mark.parametrize("how", VERSION_TABLES)
def test_another_version_table(project: Inside, how: str) -> None:
    first, said, options = VERSION_TABLES[how]
    env = f"{OF_ONE}from alembic import context\n{first}\ncontext.configure({said})\n"
    alembics(
        project, env, ONE, table(project, "a", "n VARCHAR(9) NOT NULL, "), version_table="acme_version"
    )  # fmt: skip
    if options:
        assert "--version-table TABLE" in project.run("adopt", "alembic").err
    project.do("adopt", "alembic", *options)
    is_adopted(project, "a")


def test_what_env_py_keeps_from_alembic_is_left_alone(project: Inside) -> None:
    """adoption/12: a view by its info; and a table that is only named in a function of env.py."""
    env = (
        f"{OF_ONE}from alembic import context\n"
        "def mine(object, name, type_, reflected, compare_to):\n"
        '    return not (type_ == "table" and (object.info.get("is_view") or name == "theirs"))\n'
        "context.configure(target_metadata=target_metadata, include_object=mine)\n"
    )
    more = (
        'sa.Table("v_report", Base.metadata, sa.Column("id", sa.Integer, primary_key=True), info={"is_view": True})\n'
        'sa.Table("theirs", Base.metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
    )
    alembics(
        project,
        env,
        {**ONE, "app/a.py": ONE["app/a.py"] + more},
        table(project, "a", "n VARCHAR(9) NOT NULL, "),
        "CREATE VIEW v_report AS SELECT id FROM a",
        "CREATE TABLE theirs (id VARCHAR(9))",
    )
    project.write("pyproject.toml", f'[tool.whimbrel]\ndatabase = "{project.url}"\n')
    project.do("adopt", "alembic")
    is_adopted(project, "a", "v_report", "theirs")
    assert (
        (project.root / "pyproject.toml")
        .read_text()
        .startswith('[tool.whimbrel]\nexclude = ["theirs"]\ndatabase')
    )
    text = next(project.root.rglob("0001_initial.py")).read_text()
    assert text.count('"managed": False') == 2
    project.query("DROP VIEW v_report")
    project.do("migrate", "app", "zero")
    assert project.query("SELECT * FROM theirs") == []


def test_several_databases_are_not_taken_for_one(project: Inside) -> None:
    """Alembic's template for several: each app of ours would go to all of them."""
    env = (
        f"{OF_ONE}from alembic import context\nimport sqlalchemy as sa\nfrom app.b import meta\n"
        "for url, each in (('sqlite:///one.db', target_metadata), ('sqlite:///two.db', meta)):\n"
        "    context.configure(url=url, target_metadata=each)\n"
    )
    more = 'import sqlalchemy as sa\nmeta = sa.MetaData()\nsa.Table("b", meta, sa.Column("id", sa.Integer))\n'
    alembics(
        project, env, {**ONE, "app/b.py": more}, table(project, "a", "n VARCHAR(9) NOT NULL, ")
    )
    ended = project.run("adopt", "alembic")
    assert ended.code == 2
    assert "the models are for several databases: app.a:Base, app.b:meta" in ended.err
    assert not (project.root / "pyproject.toml").exists()
    project.do("adopt", "alembic", "--models", "app.a:Base")
    is_adopted(project, "a")
    assert project.do("adopt", "alembic").out == "default: recorded already\n"
    ended = project.run("adopt", "alembic", "--models", "app.b:meta", "--app", "b")
    assert (ended.code, "for several databases: app.a:Base, app.b:meta" in ended.err) == (2, True)
    assert not list(project.root.rglob("b/0001_initial.py"))


def test_each_of_several_databases_has_a_directory(
    project: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the error advises; what is printed then names the directory."""
    env = (
        f"{OF_ONE}from alembic import context\nimport sqlalchemy as sa\nmeta = sa.MetaData()\n"
        "sa.Table('b', meta, sa.Column('id', sa.Integer))\n"
        "for url, each in (('sqlite:///one.db', target_metadata), ('sqlite:///two.db', meta)):\n"
        "    context.configure(url=url, target_metadata=each)\n"
    )
    alembics(project, env, ONE, "CREATE TABLE a (id INTEGER PRIMARY KEY, n VARCHAR(8))")
    project.write("one of two/whimbrel.toml", f'database = "{project.url}"\n')
    monkeypatch.syspath_prepend(str(project.root))
    args = ("--project", "one of two", "adopt", "alembic", "--config", "alembic.ini")
    ended = project.run(*args, "--models", "app.a:Base")
    assert ended.code == 1, ended
    printed = [line.strip() for line in ended.err.splitlines() if "whimbrel " in line]
    assert len(printed) == 4
    assert all(each.startswith("whimbrel --project 'one of two' ") for each in printed)
    again = printed[2].split(" --project 'one of two' ")[1].split()
    project.do("--project", "one of two", *again)
    ended = project.do(*args)
    assert ended.out == "default: recorded already\n"


SHOP = """
import os
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
app.config["SQLALCHEMY_BINDS"] = {binds}
db = SQLAlchemy(app)
migrate = Migrate(app, db)

class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String(80))

class Trail(db.Model):
    __bind_key__ = "audit"
    id = db.Column(db.Integer, primary_key=True)
"""


def test_flask_migrate(project: Inside) -> None:
    """Its alembic.ini stands in migrations/ and has no script_location; env.py asks the application."""
    if not os.environ.get("CI"):
        pytest.importorskip("flask_migrate")
    project.write("shop.py", SHOP.format(binds={}).partition("class Trail")[0])
    for command in (("init",), ("migrate",), ("upgrade",)):
        flask(project, *command)
    ended = project.run("adopt", "alembic", "--rename", env={"FLASK_APP": "shop"})
    assert (ended.code, "shop:db" in ended.out) == (0, True), ended
    assert "Create model User" in ended.out
    assert project.do("drift").err == "No drift.\n"
    assert project.do("makemigrations", "--check").err == "No changes.\n"
    lost = project.run("adopt", "alembic", env={"FLASK_APP": "nowhere"})
    assert "env.py could not be run, and was only read" in lost.err

    project.write("shop.py", SHOP.format(binds={"audit": "sqlite:///audit.db"}))
    flask(project, "init", "--multidb", "--directory", "two")
    (project.root / "pyproject.toml").unlink()
    ended = project.run(
        "adopt", "alembic", "--config", "two/alembic.ini", env={"FLASK_APP": "shop"}
    )
    assert "several databases: shop:db, shop:db.metadatas['audit']" in ended.err


def flask(project: Inside, *args: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "shop", "db", *args],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


# -- Alembic goes on being asked --------------------------------------------------------------

#: An env.py that Alembic runs; what stands on the page goes before and into its call.
RUN_BY_ALEMBIC = """
import sqlalchemy as sa
from alembic import context
from app.a import Base
{function}
with sa.create_engine({url!r}).connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata{argument})
    with context.begin_transaction():
        context.run_migrations()
"""
PAGE = Path(__file__).parents[2] / "docs" / "adoption.md"


def filter_on_the_page() -> tuple[str, str]:
    """The function that the page shows, and how it is handed over."""
    text = PAGE.read_text().partition("`env.py` leaves them out")[2]
    function, _, call = text.partition("```py\n")[2].partition("```")[0].partition("context.")
    return function, call.strip().removeprefix("configure(...").removesuffix(")")


def test_alembic_leaves_our_tables_alone_by_what_the_page_says(project: Inside) -> None:
    """Before it would drop them; and what else differs it goes on telling."""

    def alembic_check(function: str = "", argument: str = "") -> tuple[int, str]:
        env = RUN_BY_ALEMBIC.format(url=project.url, function=function, argument=argument)
        project.write("alembic/env.py", env)
        ended = subprocess.run(
            [sys.executable, "-m", "alembic", "check"],
            cwd=project.root,
            env={**os.environ, "PYTHONPATH": str(project.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout + ended.stderr

    files = {"app/base.py": BASE, "app/a.py": model("item")}
    alembics(project, "", files, table(project, "item"))
    (project.root / "alembic/versions/a1.py").write_text(
        'revision = "a1"\ndown_revision = None\ndef upgrade(): pass\n'
    )
    assert alembic_check()[0] == 0
    project.do("adopt", "alembic")
    code, said = alembic_check()
    assert code != 0 and "whimbrel_migrations" in said
    function, argument = filter_on_the_page()
    code, said = alembic_check(function, argument)
    assert (code, "No new upgrade operations" in said) == (0, True), said
    project.query("CREATE TABLE strange (x INTEGER)")
    code, said = alembic_check(function, argument)
    assert code != 0 and "strange" in said and "whimbrel" not in said

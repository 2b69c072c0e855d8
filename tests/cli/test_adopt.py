"""`adopt alembic`: projects of Alembic, with databases that it made, go on here."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa
from optuna.storages._rdb import alembic as of_optuna

from inside import Inside
from projects import Ended, Project

HEAD = "v3.2.0.a"


@pytest.fixture
def anywhere(anywhere: Project) -> Project:
    """In the process of the test: there are many, and they are short."""
    return Inside(anywhere.root, anywhere.url)


@pytest.fixture
def empty(empty: Project) -> Project:
    return Inside(empty.root, empty.url)


def dialect_of(project: Project) -> str:
    return project.url.partition(":")[0].partition("+")[0]


def python(project: Project, *args: str, **variables: str) -> None:
    ended = subprocess.run(
        [sys.executable, *args],
        cwd=project.root,
        env=project.environment(**variables),
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


# -- optuna, which carries an Alembic project ----------------------------------------------------

SCRIPT = Path(of_optuna.__path__[0])
INI = SCRIPT.parent / "alembic.ini"

MIGRATED_BY_OPTUNA = """
import logging
import sys
from alembic import command
from alembic.config import Config

logging.basicConfig(level=logging.CRITICAL)  # else its env.py looks for a configuration of them
config = Config()
config.set_main_option("script_location", sys.argv[1])
config.set_main_option("sqlalchemy.url", sys.argv[2].replace("%", "%%"))
command.upgrade(config, sys.argv[3])
"""


@pytest.fixture
def studies(anywhere: Project) -> Project:
    """A project that has no app, and an empty database."""
    anywhere.write("pyproject.toml", '[tool.whimbrel]\ndatabase = "${DATABASE_URL}"  # ours\n')
    return anywhere


def adopt(project: Project, *options: str) -> Ended:
    return project.run("adopt", "alembic", "--config", str(INI), *options)


def versions(project: Project) -> list[Any]:
    return project.query("SELECT version_num FROM alembic_version")


def test_a_database_that_optuna_made(studies: Project) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.storages.RDBStorage(studies.url).engine.dispose()
    assert versions(studies) == [(HEAD,)]
    ended = adopt(studies)
    if dialect_of(studies) == "postgresql":
        # optuna names no constraint, so that PostgreSQL did.
        assert ended.code == 1
        assert "--rename renames them" in ended.err
        assert studies.applied() == []
        assert f"at Alembic's head ({HEAD}), and only names differ: would" in (
            adopt(studies, "--rename", "--dry-run").out
        )
        ended = adopt(studies, "--rename")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1].endswith("recorded optuna.0001_initial")
    assert studies.applied() == ["optuna.0001_initial"]
    assert studies.do("drift").err == "No drift.\n"
    assert studies.do("makemigrations", "--check").err == "No changes.\n"

    again = adopt(studies)
    assert (again.code, again.out) == (0, "default: recorded already\n")
    assert versions(studies) == [(HEAD,)]
    assert (studies.root / "pyproject.toml").read_text() == (
        '[tool.whimbrel]\ndatabase = "${DATABASE_URL}"  # ours\n\n'
        "[tool.whimbrel.app.optuna]\n"
        'models = "optuna.storages._rdb.models:BaseModel"\n'
        'migrations = "migrations/optuna"\n'
    )


#: What optuna's own migrations make otherwise than its models say, or leave to its code.
DRIFT = {
    "sqlite": [
        ("Alter field trial_id of TrialValueModel", "null"),
        ("Delete model TrialHeartbeatModel", "table"),
    ],
    "postgresql": [
        ("Alter field state of TrialModel", "enum type"),
        ("Alter field trial_id of TrialValueModel", "null"),
        ("Delete model TrialHeartbeatModel", "table"),
    ],
}


@pytest.fixture
def upgraded(studies: Project) -> Project:
    """A database that optuna's own migrations made."""
    python(studies, "-c", MIGRATED_BY_OPTUNA, str(SCRIPT), studies.url, "head")
    return studies


def test_a_database_that_optunas_migrations_made_differs(upgraded: Project) -> None:
    ended = adopt(upgraded, "--json")
    assert ended.code == 1
    (database,) = ended.json["databases"]
    assert (database["outcome"], database["versions"]) == ("differs", [HEAD])
    told = [
        (each["operation"], what)
        for each in database["drift"]
        if (what := {detail["what"] for detail in each["details"]})
    ]
    found = [
        (operation, kind)
        for operation, what in told
        for kind in ("null", "table", "enum type")
        if kind in what
    ]
    assert found == DRIFT[dialect_of(upgraded)]
    assert upgraded.applied() == []
    assert f"adopt alembic --config {INI} --from-database" in adopt(upgraded).err


def test_it_is_adopted_as_it_is_and_changed_by_the_next_migration(upgraded: Project) -> None:
    adopt(upgraded)
    ended = adopt(upgraded, "--from-database")
    assert ended.code == 0, ended.err
    assert "TrialHeartbeatModel" not in ended.out
    assert upgraded.do("drift").err == "No drift.\n"

    upgraded.do("makemigrations", "--no-nulls", "optuna.TrialValueModel.trial_id")
    upgraded.do("migrate")
    assert "trial_heartbeats" in upgraded.tables()
    assert upgraded.do("drift").err == "No drift.\n"
    assert upgraded.do("makemigrations", "--check").err == "No changes.\n"
    assert versions(upgraded) == [(HEAD,)]

    refused = adopt(upgraded, "--from-database")
    assert (refused.code, "after the initial one" in refused.err) == (4, True)


def test_it_is_mended_by_sql(upgraded: Project) -> None:
    adopt(upgraded)
    upgraded.do("migrate", "optuna", "0001_initial", "--fake")
    script = upgraded.run("drift", "--sql")
    assert script.code == 1
    upgraded.write("back.sql", script.out)
    run_script(upgraded, script.out)
    assert upgraded.do("drift").err == "No drift.\n"


def test_a_database_that_is_behind(studies: Project) -> None:
    python(studies, "-c", MIGRATED_BY_OPTUNA, str(SCRIPT), studies.url, "v3.0.0.a")
    ended = adopt(studies)
    assert ended.code == 1
    assert f"default: at v3.0.0.a, and Alembic's head is {HEAD}" in ended.out
    assert (
        f"alembic -c {INI} upgrade head, then whimbrel adopt alembic --config {INI}\n" in ended.err
    )
    missing = adopt(studies, "--json").json["databases"][0]["missing"]
    assert missing == ["v3.0.0.b", "v3.0.0.c", "v3.0.0.d", HEAD]
    assert adopt(studies, "--from-database").code == 4


def test_a_database_without_a_version(studies: Project) -> None:
    studies.query("CREATE TABLE other (a INTEGER)")
    ended = adopt(studies)
    assert (ended.code, "Alembic has recorded no version here" in ended.out) == (1, True)
    studies.query("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    studies.query("INSERT INTO alembic_version VALUES ('unknown')")
    ended = adopt(studies)
    assert (ended.code, "there is no revision 'unknown'" in ended.out) == (4, True)


def test_a_dry_run_changes_nothing(studies: Project) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.storages.RDBStorage(studies.url).engine.dispose()
    before = sorted(studies.root.rglob("*"))
    said = adopt(studies, "--dry-run", "--rename", "--json")
    assert said.code == 0, said.err
    assert said.json["databases"][0]["outcome"] == "fits"
    assert [each["name"] for each in said.json["migrations"]] == ["0001_initial"]
    assert "[tool.whimbrel.app.optuna]" in said.json["configured"]
    assert sorted(studies.root.rglob("*")) == before
    assert "whimbrel_migrations" not in studies.tables()


# -- jupyterhub, whose models name all constraints by a convention --------------------------------


def test_a_database_that_jupyterhub_made(studies: Project) -> None:
    script = importlib.util.find_spec("jupyterhub")
    assert script is not None and script.submodule_search_locations
    folder = script.submodule_search_locations[0]
    studies.write("alembic.ini", f"[alembic]\nscript_location = {folder}/alembic\n")
    python(
        studies, "-c", "import sys; from jupyterhub.orm import new_session_factory as made\n"
        "made(sys.argv[1])", studies.url,
    )  # fmt: skip
    before = versions(studies)
    ended = studies.do("adopt", "alembic")
    assert ended.out.endswith("recorded jupyterhub.0001_initial\n")
    assert versions(studies) == before
    assert studies.do("drift").err == "No drift.\n"
    assert studies.do("makemigrations", "--check").err == "No changes.\n"


# -- a project of ours, by Alembic itself --------------------------------------------------------

DB = """
import sqlalchemy as sa
from sqlalchemy import orm

class Base(orm.DeclarativeBase):
    metadata = sa.MetaData(naming_convention={
        "pk": "%(table_name)s_pk", "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk", "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    })
"""

MODELS = """
import datetime as dt
import sqlalchemy as sa
from sqlalchemy import orm
from acme.db import Base

class Customer(Base):
    __tablename__ = "customer"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(50), unique=True)

class Order(Base):
    __tablename__ = "order"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    customer_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("customer.id"), index=True)
    at: orm.Mapped[dt.datetime] = orm.mapped_column(server_default=sa.func.now())
"""

ENV = """
import os
import sqlalchemy as sa
from alembic import context
from acme.db import Base
from acme import models  # they register themselves

target_metadata = Base.metadata
with sa.create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
"""

FIRST = """
import sqlalchemy as sa
from alembic import op

revision: str = "aaa1"
down_revision = None

def upgrade():
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("id", name="customer_pk"),
        sa.UniqueConstraint("name", name="customer_name_uq"),
    )
"""

SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "x", "y"
revision = "bbb2"
down_revision = "aaa1"

def upgrade():
    op.create_table(
        "order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="order_pk"),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name="order_customer_id_fk"),
    )
    op.create_index("order_customer_id_ix", "order", ["customer_id"])
"""

ALEMBIC_INI = """\
[alembic]
script_location = %(here)s/acme/migrations
file_template = %%(rev)s
sqlalchemy.url = postgresql://me:secret@host/acme
"""


@pytest.fixture
def acme(anywhere: Project) -> Project:
    """A project with an Alembic directory where Whimbrel would have its own, and no configuration."""
    anywhere.write("pyproject.toml", "[project]\nname = 'acme'")
    anywhere.write("alembic.ini", ALEMBIC_INI)
    anywhere.write("acme/__init__.py")
    anywhere.write("acme/db.py", DB)
    anywhere.write("acme/models.py", MODELS)
    anywhere.write("acme/migrations/env.py", ENV)
    anywhere.write("acme/migrations/versions/aaa1_first.py", FIRST)
    anywhere.write("acme/migrations/versions/bbb2_second.py", SECOND)
    return anywhere


def upgrade(project: Project, to: str = "head", url: str | None = None) -> None:
    python(
        project,
        "-m",
        "alembic",
        "upgrade",
        to,
        PYTHONPATH=str(project.root),
        DATABASE_URL=url or project.url,
    )


def test_from_nothing_to_a_project_that_goes_on(acme: Project) -> None:
    upgrade(acme)
    ended = acme.do("adopt", "alembic")
    assert ended.out.splitlines()[-1].endswith("recorded acme.0001_initial")
    assert (acme.root / "pyproject.toml").read_text() == (
        "[project]\nname = 'acme'\n\n"
        '[tool.whimbrel]\ndatabase = "${DATABASE_URL}"\n\n'
        "[tool.whimbrel.app.acme]\n"
        'models = "acme.models:Base"\nmigrations = "acme/acme_migrations"\n'
    )
    assert acme.do("drift").err == "No drift.\n"
    acme.write("acme/models.py", f"{MODELS}    note: orm.Mapped[str | None]\n")
    assert "Add field note to Order" in acme.do("makemigrations").out
    acme.do("migrate")
    assert acme.do("drift").err == "No drift.\n"
    assert sorted(path.name for path in (acme.root / "acme/migrations").glob("*.py")) == ["env.py"]


def test_what_a_squash_replaces_is_not_taken_over_again(acme: Project) -> None:
    upgrade(acme)
    acme.do("adopt", "alembic")
    first = acme.root / "acme/acme_migrations/0001_initial.py"
    squash = first.with_name("0001_all.py")
    replaces = '    replaces = [("acme", "0001_initial")]\n\n    operations'
    squash.write_text(first.read_text().replace("    operations", replaces, 1))
    ended = acme.run("adopt", "alembic", "--from-database")
    assert (ended.code, squash.exists()) == (4, True)
    assert acme.do("adopt", "alembic").out.endswith("recorded already\n")


def test_a_database_that_was_behind_is_taken_the_next_time(acme: Project, tmp_path: Path) -> None:
    late = f"sqlite:///{tmp_path}/late.sqlite3"
    acme.write(
        "whimbrel.toml",
        f'database = "${{DATABASE_URL}}"\n[databases]\nlate = "{late}"\nnone = "sqlite:///no.sqlite3"\n',
    )
    upgrade(acme)
    upgrade(acme, "aaa1", late)
    ended = acme.run("adopt", "alembic", "--app", "shop")
    assert ended.code == 1
    assert "[app.shop]" in (acme.root / "whimbrel.toml").read_text()
    said = [
        line for line in ended.out.splitlines() if line.startswith(("default:", "late:", "none:"))
    ]
    assert said[0].endswith("recorded shop.0001_initial")
    assert said[1:] == [
        "late: at aaa1, and Alembic's head is bbb2",
        "none: there is no database yet",
    ]
    upgrade(acme, "head", late)
    again = acme.do("adopt", "alembic", "--database", "late")
    assert again.out.endswith("recorded shop.0001_initial\n")
    assert acme.do("drift", "--database", "late").err == "No drift.\n"


def test_what_somebody_did_by_hand_is_shown(acme: Project) -> None:
    upgrade(acme)
    acme.query("ALTER TABLE customer ADD COLUMN vip INTEGER")
    ended = acme.run("adopt", "alembic")
    assert ended.code == 1
    assert "    customer.vip: only in the database: column INTEGER NULL" in ended.out
    assert acme.applied() == []
    acme.query("ALTER TABLE customer DROP COLUMN vip")
    assert acme.do("adopt", "alembic").out.endswith("recorded acme.0001_initial\n")


def test_tables_of_somebody_else_stand_in_nobodys_way(acme: Project) -> None:
    upgrade(acme)
    acme.query("CREATE TABLE celery_task (a INTEGER)")
    ended = acme.do("adopt", "alembic")
    assert ended.out.endswith("recorded acme.0001_initial\n")
    told = 'exclude = ["celery_task"]'
    assert told in ended.err
    assert acme.run("drift").code == 1
    config = acme.root / "pyproject.toml"
    text = config.read_text()
    config.write_text(text.replace("[tool.whimbrel]", f"[tool.whimbrel]\n{told}"))
    assert acme.do("drift").err == "No drift.\n"


def test_tables_of_somebody_else_become_no_models_to_be_deleted(acme: Project) -> None:
    upgrade(acme)
    acme.query("CREATE TABLE celery_task (a INTEGER)")
    acme.query("ALTER TABLE customer ADD COLUMN vip INTEGER")
    assert "celery_task" not in acme.run("adopt", "alembic").out
    acme.do("adopt", "alembic", "--from-database")
    made = acme.do("makemigrations").out
    assert "Remove field vip" in made and "elete model" not in made
    acme.do("migrate")
    assert "celery_task" in acme.tables()


def test_another_version_table(acme: Project) -> None:
    acme.write(
        "acme/migrations/env.py",
        ENV.replace("connection=connection,", 'connection=connection, version_table="versions",'),
    )
    upgrade(acme)
    acme.do("adopt", "alembic")
    assert 'exclude = ["versions"]' in (acme.root / "pyproject.toml").read_text()
    assert acme.do("drift").err == "No drift.\n"


#: How env.py may name the models; what adopt makes of it.
ENVS = {
    "a base": ("from acme.models import Base\ntarget_metadata = Base.metadata", "acme.models:Base"),
    "a module": ("import acme.models\ntarget_metadata = acme.models.Base.metadata", "acme.models:Base"),
    "under a name": ("import acme.models as m\ntarget_metadata = m.Base.metadata", "acme.models:Base"),
    "a module of a package": ("from acme import models\ntarget_metadata = models.Base.metadata", "acme.models:Base"),
    "a variable": ("from acme.models import Base as B\nmeta = B.metadata\ntarget_metadata = meta", "acme.models:Base"),
    "a list": ("from acme.models import Base\ntarget_metadata = [Base.metadata]", "acme.models:Base"),
    "registered elsewhere": ("import acme.models\nfrom acme.db import Base\ntarget_metadata = Base.metadata", "acme.models:Base"),
    "nothing": ("target_metadata = None", None),
    "a call": ("from acme import models\ntarget_metadata = vars(models)['Base'].metadata", "acme.models:Base"),
    "after what stops it": ("raise KeyError\nfrom acme.models import Base\ntarget_metadata = Base.metadata", "acme.models:Base"),
    "not there": ("", None),
}  # fmt: skip


@pytest.mark.parametrize("how", ENVS)
def test_where_the_models_are(empty: Project, how: str) -> None:
    text, target = ENVS[how]
    acme_files(empty, text)
    ended = empty.run("adopt", "alembic", "--dry-run", "--json")
    if target is None:
        assert ended.code == 2
        assert "--models" in ended.json["error"]["hint"]
        ended = empty.run("adopt", "alembic", "--dry-run", "--json", "--models", "acme.models:Base")
        target = "acme.models:Base"
    assert ended.code < 2, ended.out
    assert f'models = "{target}"' in ended.json["configured"]


def acme_files(project: Project, env: str, versions: dict[str, str] | None = None) -> None:
    project.write("alembic.ini", ALEMBIC_INI)
    project.write("acme/__init__.py")
    project.write("acme/db.py", DB)
    project.write("acme/models.py", MODELS)
    project.write("acme/migrations/env.py", env)
    for name, text in (versions or {"one": 'revision = "one"\ndown_revision = None\n'}).items():
        project.write(f"acme/migrations/versions/{name}.py", text)


def test_several_sets_of_models(empty: Project) -> None:
    empty = Project(empty.root, empty.url)  # the metadata of SQLModel is one for a whole process
    acme_files(
        empty,
        "from acme import things\nfrom acme.things import meta\nfrom sqlmodel import SQLModel\n"
        "target_metadata = [SQLModel.metadata, meta]\n",
    )
    empty.write(
        "acme/things.py",
        "import sqlalchemy as sa\nfrom sqlmodel import Field, SQLModel\n"
        "class Hero(SQLModel, table=True):\n    id: int = Field(primary_key=True)\n"
        "meta = sa.MetaData()\n"
        "sa.Table('thing', meta, sa.Column('id', sa.Integer, primary_key=True))\n",
    )
    empty.query("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    empty.query("INSERT INTO alembic_version VALUES ('one')")
    for table in ("hero", "thing"):
        empty.query(f"CREATE TABLE {table} (id INTEGER NOT NULL PRIMARY KEY)")
    empty.write("pyproject.toml", f'[tool.whimbrel]\ndatabase = "{empty.url}"\n')
    assert empty.run("adopt", "alembic", "--app", "one").code == 2
    ended = empty.do("adopt", "alembic")
    assert empty.applied() == ["acme.0001_initial", "things.0001_initial"], ended.out
    assert empty.do("drift").err == "No drift.\n"
    configured = (empty.root / "pyproject.toml").read_text()
    assert 'models = "acme.things:SQLModel"' in configured
    assert 'models = "acme.things:meta"' in configured


def revision(own: str, after: object, **more: object) -> str:
    lines = {"revision": own, "down_revision": after, **more}
    return "".join(f"{name} = {value!r}\n" for name, value in lines.items())


HEADS = {
    "a line": ([("a", None, {}), ("b", "a", {})], ["b"], {}),
    "two": ([("a", None, {}), ("b", "a", {}), ("c", "a", {})], ["b", "c"], {}),
    "a merge": (
        [("a", None, {}), ("b", "a", {}), ("c", "a", {}), ("d", ("b", "c"), {})],
        ["d"],
        {},
    ),
    "a dependency": ([("a", None, {}), ("b", None, {"depends_on": "a"})], ["b"], {}),
    "a label": (
        [("a", None, {"branch_labels": ("core",)}), ("b", None, {"depends_on": ["core"]})],
        ["b"],
        {},
    ),
    "elsewhere": (
        [("a", None, {})],
        ["z"],
        {"version_locations": "%(here)s/acme/migrations/versions %(here)s/more"},
    ),
}


@pytest.mark.parametrize("how", HEADS)
def test_the_heads(empty: Project, how: str) -> None:
    rows, heads, settings = HEADS[how]
    texts = {own: revision(own, after, **more) for own, after, more in rows}
    acme_files(empty, ENVS["a base"][0], texts)
    empty.write("more/z.py", revision("z", "a"))
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    empty.write("alembic.ini", ALEMBIC_INI + lines)
    said = empty.run("adopt", "alembic", "--dry-run", "--json", "--models", "acme.models:Base")
    assert said.json["alembic"]["heads"] == heads


def test_a_configuration_in_pyproject(empty: Project) -> None:
    acme_files(empty, ENVS["a base"][0])
    (empty.root / "alembic.ini").unlink()
    empty.write("pyproject.toml", '[tool.alembic]\nscript_location = "%(here)s/acme/migrations"\n')
    said = empty.run("adopt", "alembic", "--dry-run", "--json")
    assert said.json["alembic"]["heads"] == ["one"]


WRONG = {
    "no project": ({"alembic.ini": None}, (), "no alembic.ini from here upwards"),
    "no env.py": ({"acme/migrations/env.py": None}, (), "there is no env.py"),
    "no script_location": ({"alembic.ini": "[alembic]\n"}, (), "script_location is missing"),
    "a computed id": (
        {"acme/migrations/versions/one.py": "revision = str(1)\ndown_revision = None\n"},
        (),
        "revision is computed",
    ),
    "no Python": ({"acme/migrations/versions/one.py": "revision = (\n"}, (), "not Python"),
    "a label that is none": ({}, ("--app", "a-b"), "cannot be the label of an app"),
    "no such models": ({}, ("--models", "acme.models:Bases"), "acme.models has no Bases"),
    "no such database": ({}, ("--database", "eu"), "there is no database 'eu'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_usage(empty: Project, what: str) -> None:
    files, options, said = WRONG[what]
    acme_files(empty, ENVS["a base"][0])
    for path, text in files.items():
        if text is None:
            (empty.root / path).unlink()
        else:
            empty.write(path, text)
    ended = empty.run("adopt", "alembic", *options)
    assert ended.code == 2
    assert said in ended.err
    assert not (empty.root / "pyproject.toml").exists()


# -- helpers


def run_script(project: Project, script: str) -> None:
    """As psql and sqlite3 do: a script with its own transactions."""
    engine = sa.create_engine(project.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        if dialect_of(project) == "sqlite":
            driver.executescript(script)
        else:
            driver.execute(script.encode())
    engine.dispose()

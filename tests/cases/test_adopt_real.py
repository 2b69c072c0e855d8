"""Real projects whose databases their own revisions made: adopted, changed, and changed back."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from projects import Project


@dataclass(frozen=True)
class Real:
    """A package that carries an Alembic project.

    ini: its configuration, from the package's directory. upgrade: the program that brings an empty
    database to its head. row: makes a row in ``table``. fills: answers for what its models ask for
    beyond its revisions. variable: the environment variable by which env.py knows the database.
    """

    package: str
    ini: str
    upgrade: str
    base: str
    table: str
    row: str
    fills: tuple[str, ...] = ()
    variable: str = "NOBODY_ASKS"


OPTUNA = Real(
    "optuna",
    "storages/_rdb/alembic.ini",
    """
import logging, pathlib, sys
from alembic import command
from alembic.config import Config

logging.basicConfig(level=logging.CRITICAL)  # else its env.py looks for a configuration of them
config = Config()
config.set_main_option("script_location", str(pathlib.Path(sys.argv[1]).parent / "alembic"))
config.set_main_option("sqlalchemy.url", sys.argv[2].replace("%", "%%"))
command.upgrade(config, "head")
""",
    "optuna.storages._rdb.models:BaseModel",
    "studies",
    "INSERT INTO studies (study_id, study_name) VALUES (7, 'kept')",
    ("--no-nulls", "optuna.TrialValueModel.trial_id"),
)
PLACEMENT = Real(
    "placement",
    "db/sqlalchemy/alembic.ini",
    "import alembic.command\nfrom placement.db.sqlalchemy import migration\nmigration.upgrade('head')\n",
    "placement.db.sqlalchemy.models:BASE",
    "traits",
    "INSERT INTO traits (id, name) VALUES (7, 'kept')",
    variable="OS_PLACEMENT_DATABASE__CONNECTION",
)

MORE = """
import sqlalchemy as sa
from {module} import {base}

{base}.metadata.tables["{table}"].append_column(sa.Column("more", sa.String(20)))
"""


def folder_of(package: str) -> Path:
    """The directory of an installed package. In CI it is there; elsewhere it may not be yet."""
    spec = importlib.util.find_spec(package)
    if spec is None and not os.environ.get("CI"):
        pytest.skip(f"{package} is not installed: make environment")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


@pytest.mark.parametrize("real", [OPTUNA, PLACEMENT], ids=lambda real: real.package)
def test_its_own_revisions_and_then_ours(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, real: Real
) -> None:
    monkeypatch.setenv(real.variable, database_url)
    project = Project(tmp_path / "project", database_url)
    project.write("pyproject.toml", '[tool.whimbrel]\ndatabase = "${DATABASE_URL}"\n')
    ini = folder_of(real.package) / real.ini
    subprocess.run(
        [sys.executable, "-c", real.upgrade, str(ini), database_url], check=True, cwd=project.root
    )
    project.query(real.row)
    versions = project.query("SELECT version_num FROM alembic_version")

    ended = project.do("adopt", "alembic", "--config", str(ini), "--from-database", "--rename")
    assert ended.out.endswith(f"recorded {real.package}.0001_initial\n"), ended
    assert f'models = "{real.base}"' in ended.out
    settled(project, *real.fills)

    module, _, base = real.base.partition(":")
    project.write("more.py", MORE.format(module=module, base=base, table=real.table))
    config = project.root / "pyproject.toml"
    config.write_text(config.read_text().replace(real.base, f"more:{base}"))
    assert "Add field more" in project.do("makemigrations").out
    project.do("migrate")
    project.query(f"UPDATE {real.table} SET more = 'x'")
    settled(project)

    project.do("migrate", real.package, "0001_initial")
    assert project.do("drift").err == "No drift.\n"
    assert "kept" in project.query(f"SELECT * FROM {real.table}")[0]
    assert project.query("SELECT version_num FROM alembic_version") == versions


def settled(project: Project, *options: str) -> None:
    """What the models say beyond the database comes to it; then nothing differs."""
    project.do("makemigrations", *options)
    project.do("migrate")
    assert project.do("drift").err == "No drift.\n"
    assert project.do("makemigrations", "--check").err == "No changes.\n"

"""migrate --backup: a copy that can be restored, or nothing at all."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from projects import Project
from servers import PostgresServer

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_sqlite_is_copied_as_it_was(project: Project, tmp_path: Path) -> None:
    project.chain("blog", 2)
    project.do("migrate", "blog", "0001")
    project.query("INSERT INTO blog_m1 (number) VALUES (42)")
    project.do("migrate", "--backup", "copy.db")
    copy = sqlite3.connect(project.root / "copy.db")
    assert copy.execute("SELECT number FROM blog_m1").fetchall() == [(42,)]
    tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
    assert "blog_m2" not in tables
    assert "blog_m2" in project.tables()


def test_where_nothing_is_to_do_nothing_is_copied(project: Project) -> None:
    project.chain("blog", 1)
    project.do("migrate")
    project.do("migrate", "--backup", "copy.db")
    assert not (project.root / "copy.db").exists()


def test_a_file_that_is_there_is_left_alone(project: Project) -> None:
    project.chain("blog", 1)
    copy = project.write("copy.db", "mine")
    assert project.run("migrate", "--backup", "copy.db").code == 2
    assert copy.read_text() == "mine"
    assert project.tables() == set()


@on_postgresql
def test_postgresql_is_dumped(anywhere: Project, postgresql_server: PostgresServer) -> None:
    tools = postgresql_server.binaries
    if not (tools / "pg_dump").exists():
        pytest.skip("this server comes without pg_dump")
    anywhere.chain("blog", 2)
    anywhere.do("migrate", "blog", "0001")
    path = f"{tools}:{os.environ['PATH']}"
    ended = anywhere.run("migrate", "--backup", "copy.dump", env={"PATH": path})
    assert ended.code == 0, ended.err
    listed = subprocess.run(
        [str(tools / "pg_restore"), "--list", str(anywhere.root / "copy.dump")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "blog_m1" in listed
    assert "blog_m2" not in listed


@on_postgresql
def test_without_pg_dump_nothing_happens(anywhere: Project, tmp_path: Path) -> None:
    anywhere.chain("blog", 1)
    ended = anywhere.run("migrate", "--backup", "copy.dump", env={"PATH": str(tmp_path)})
    assert ended.code == 5
    assert "pg_dump, which is not installed" in ended.err
    assert anywhere.tables() == set()


@on_postgresql
def test_a_dump_that_fails_leaves_nothing(anywhere: Project, tmp_path: Path) -> None:
    anywhere.chain("blog", 1)
    failing = tmp_path / "pg_dump"
    failing.write_text("#!/bin/sh\necho 'no space left' >&2\nexit 1\n")
    failing.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ended = anywhere.run("migrate", "--backup", "copy.dump", env={"PATH": path})
    assert ended.code == 5
    assert "no space left" in ended.err
    assert not (anywhere.root / "copy.dump").exists()
    assert anywhere.applied() == []

"""A fresh project for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from projects import BLOG, Project


@pytest.fixture
def empty(project_root: Path, sqlite_url: str) -> Project:
    """A directory with nothing in it."""
    return Project(project_root, sqlite_url)


@pytest.fixture
def project(empty: Project) -> Project:
    """A project on SQLite, with the models of a blog and no migrations."""
    empty.configured("blog").models("blog", BLOG)
    return empty


@pytest.fixture
def anywhere(project_root: Path, database_url: str) -> Project:
    """A project as `project`, once on each database."""
    made = Project(project_root, database_url).configured("blog")
    made.models("blog", BLOG)
    return made

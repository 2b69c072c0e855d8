"""A project with rows, once on each database."""

from __future__ import annotations

from pathlib import Path

import pytest

from run.data import Rows


@pytest.fixture
def rows(project_root: Path, database_url: str) -> Rows:
    """An empty project; see `Rows.made`."""
    return Rows(project_root, database_url)

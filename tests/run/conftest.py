"""A project with rows, once on each database."""

from __future__ import annotations

from pathlib import Path

import pytest

from run.data import Rows


@pytest.fixture
def rows(tmp_path: Path, database_url: str) -> Rows:
    """An empty project; see `Rows.made`."""
    root = tmp_path / "project"
    root.mkdir()
    return Rows(root, database_url)

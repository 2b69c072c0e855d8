"""The bench's history is the same every time, shaped as it says, and can be replayed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from whimbrel.config import load_config
from whimbrel.history.loader import load

BENCH = Path(__file__).parents[2] / "bench"


def write(size: int, directory: Path) -> None:
    command = [sys.executable, str(BENCH / "projects.py"), str(size), str(directory)]
    subprocess.run(command, check=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bench")
    write(100, directory)
    return directory / "whimbrel"


def contents(project: Path) -> dict[str, str]:
    return {str(path.relative_to(project)): path.read_text() for path in project.rglob("*.py")}


def test_the_same_seed_gives_the_same_files(project: Path, tmp_path: Path) -> None:
    write(100, tmp_path)
    assert contents(project) == contents(tmp_path / "whimbrel")


def test_operations_have_the_shares_of_real_histories(project: Path) -> None:
    text = "".join(
        text for name, text in contents(project).items() if Path(name).parent.name == "migrations"
    )
    number = text.count("        migrations.")
    shares = {
        name: round(text.count(f"        migrations.{name}(") / number, 1)
        for name in ("AddField", "AlterField", "CreateModel", "RemoveField")
    }
    assert shares == {"AddField": 0.3, "AlterField": 0.3, "CreateModel": 0.2, "RemoveField": 0.1}


def test_the_files_lead_to_a_state(project: Path) -> None:
    history = load(load_config(project).apps)
    assert len(history.graph) == 100
    assert len(list(history.project_state())) > 30

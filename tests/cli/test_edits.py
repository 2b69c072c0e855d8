"""Files that are edited faster than Python's bytecode can tell."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

MODELS = "from whimbrel import models\n\n\nclass Post(models.Model):\n    n = models.IntegerField(default={})\n"


def whimbrel(root: Path, *arguments: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    done = subprocess.run(
        [sys.executable, "-m", "whimbrel", *arguments],
        cwd=root,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_an_edit_of_the_same_size_in_the_same_second_is_seen(tmp_path: Path) -> None:
    whimbrel(tmp_path, "init", "blog")
    models = tmp_path / "blog" / "models.py"
    second = int(time.time())
    for default in range(3):
        models.write_text(MODELS.format(default))
        os.utime(models, (second, second))  # as if all edits were of one second
        assert "blog/migrations/" in whimbrel(tmp_path, "makemigrations")
    assert len(list((tmp_path / "blog" / "migrations").glob("0*.py"))) == 3


def test_a_file_that_is_older_keeps_its_bytecode(tmp_path: Path) -> None:
    whimbrel(tmp_path, "init", "blog")
    models = tmp_path / "blog" / "models.py"
    models.write_text(MODELS.format(0))
    os.utime(models, (1, 1_000_000_000))
    whimbrel(tmp_path, "makemigrations")
    assert list((tmp_path / "blog" / "__pycache__").glob("models.*.pyc"))

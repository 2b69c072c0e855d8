"""Small projects on the disk for the tests: apps with migration files, given as text."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whimbrel.history.loader import History, load

HEAD = "from whimbrel import migrations, models\n"
LONG_AGO = time.time() - 3600


@dataclass(frozen=True)
class App:
    label: str
    package: str | None
    migrations: Path


def migration(*operations: str, **attributes: object) -> str:
    """The text of a migration file."""
    lines = [f"    {name} = {value!r}" for name, value in attributes.items()]
    listed = "".join(f"        {each},\n" for each in operations)
    body = "\n".join([*lines, f"    operations = [\n{listed}    ]"])
    return f"{HEAD}\n\nclass Migration(migrations.Migration):\n{body}\n"


def model(name: str) -> str:
    """The source of an operation that creates a model."""
    key = '("id", models.BigAutoField(primary_key=True))'
    return f'migrations.CreateModel("{name}", fields=[{key}])'


def write(root: Path, files: Mapping[str, str], *, changed: float = LONG_AGO) -> None:
    """Files by their path below ``root``, last changed long ago."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        os.utime(path, (changed, changed))


def apps(root: Path, *labels: str) -> list[App]:
    """The apps whose migrations are in a folder of their name."""
    return [App(label, label, root / label / "migrations") for label in labels]


def history(root: Path, *labels: str) -> History:
    """The history of these apps."""
    return load(apps(root, *labels))

"""How the time grows in which every column of one table is altered, from 250 columns to 1,000.

    python bench/wide.py [--repeat 3]

Seconds are those of the processor, of the whole process less those of a `migrate` with nothing to do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from databases import Databases, running
from measure import run

SIZES = (250, 1000)
CONFIGURATION = '[tool.whimbrel]\napps = ["wide"]\ndatabase = "${DATABASE_URL}"\n'
FILE = """\
from whimbrel import migrations, models


class Migration(migrations.Migration):
    dependencies = {dependencies}

    operations = [
{operations}    ]
"""


def write_project(root: Path, number: int) -> None:
    """A table with this many columns, and a migration that alters each."""
    fields = "".join(f'            ("f{each}", models.IntegerField()),\n' for each in range(number))
    model = f'        migrations.CreateModel(\n            "Wide",\n            [\n{fields}            ],\n        ),\n'
    alterations = "".join(
        f'        migrations.AlterField("wide", "f{each}", models.IntegerField(null=True)),\n'
        for each in range(number)
    )
    files = {
        "pyproject.toml": CONFIGURATION,
        "wide/__init__.py": "",
        "wide/models.py": "",
        "wide/migrations/__init__.py": "",
        "wide/migrations/0001_initial.py": FILE.format(dependencies=[], operations=model),
        "wide/migrations/0002_alter.py": FILE.format(
            dependencies=[("wide", "0001_initial")], operations=alterations
        ),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def seconds(root: Path, databases: Databases) -> float:
    """What altering all columns takes."""
    url = {"DATABASE_URL": databases.make()}
    program = (sys.executable, "-m", "whimbrel", "migrate")
    run([*program, "wide", "0001"], root, url)
    altering, nothing = (run(program, root, url).processor for _ in range(2))
    databases.drop(url["DATABASE_URL"])
    return altering - nothing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as directory:
        here = Path(directory)
        for size in SIZES:
            write_project(here / str(size), size)
        with running(["sqlite", "postgresql"], here) as engines:
            for databases in engines:
                few, many = (
                    statistics.median(
                        seconds(here / str(size), databases) for _ in range(options.repeat)
                    )
                    for size in SIZES
                )
                print(
                    f"{databases.engine}: {SIZES[0]:,} columns {few:.2f} s, {SIZES[1]:,} columns "
                    f"{many:.2f} s: {many / few:.1f} times, of {SIZES[1] // SIZES[0]} if linear"
                )


if __name__ == "__main__":
    main()

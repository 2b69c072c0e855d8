"""Kill a backfill of 200,000 rows a hundred times, and see that each row was counted once.

python bench/kill_backfill.py --kills 100 --rows 200000
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from databases import Databases, running

# Before the bench's own: both have a module of projects.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from kills import counters, prepare, walk_with_kills
from projects import Project


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgresql"])
    options = parser.parse_args()
    wrong = 0
    with (
        tempfile.TemporaryDirectory(prefix="whimbrel-kills-") as temporary,
        running(options.engines, Path(temporary)) as engines,
    ):
        for databases in engines:
            wrong += killed(databases, Path(temporary), options)
    return 1 if wrong else 0


def killed(databases: Databases, root: Path, options: argparse.Namespace) -> int:
    """Walk whole tables until there were enough kills; how many of the walks ended wrong."""
    draw = random.Random(options.seed)
    started = time.monotonic()
    kills = walks = wrong = 0
    while kills < options.kills:
        walks += 1
        project = Project(root / f"{databases.engine}-{walks}", databases.make())
        prepare(project, options.rows, options.parallel)
        kills += walk_with_kills(project, options.kills - kills, draw)
        project.do("migrate")
        found = counters(project)
        if found != {1: options.rows}:
            wrong += 1
            print(f"{databases.engine}: walk {walks} ended with {found}", file=sys.stderr)
        databases.drop(project.url)
    seconds = time.monotonic() - started
    print(
        f"{databases.engine}: {kills} kills in {walks} walks of {options.rows:,} rows, "
        f"{wrong} of them wrong, {seconds:.0f} s"
    )
    return wrong


if __name__ == "__main__":
    sys.exit(main())

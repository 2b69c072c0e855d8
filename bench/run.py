"""Measure Whimbrel beside Django and Alembic, each as whole processes: see README.md.

make bench BENCH="--sizes 100 500 --repeat 3 --write"
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path

import environment
from cases import (
    DJANGO,
    EMPTY,
    HERE,
    LONG,
    WHIMBREL,
    Case,
    Tool,
    cases_of,
    floors,
    tools,
)
from databases import Databases, running
from measure import CommandFailed, Sample, median, run
from table import Results, put_into, tables

OUT = HERE / "out"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[100, 500, 1000, 2000], help="migrations a history")
    add("--repeat", type=int, default=5, help="times that each command is run (default: 5)")
    add("--budget", type=float, default=60, help="seconds after which a command is not run again")
    add("--only", nargs="+", default=[], help="scenarios or tools, by a part of their names")
    add("--engines", nargs="+", default=["sqlite", "postgresql"], help="sqlite, postgresql")
    add("--skip-django-over", type=int, default=500, metavar="N",
        help="sizes at which Django is not migrated from empty (default: over 500)")  # fmt: skip
    add("--seed", type=int, default=1, help="of the histories (default: 1)")
    add("--keep", type=Path, help="directory to leave the projects in")
    add("--write", action="store_true", help="put the tables into bench/README.md")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    peers = environment.peers()
    results: dict[int, dict[tuple[str, str, str], Sample]] = {}
    skipped: dict[int, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as temporary:
        root = options.keep or Path(temporary)
        with running(options.engines, Path(temporary)) as engines:
            for size in options.sizes:
                bench = Bench(options, size, root / str(size), tools(peers))
                results[size] = bench.measured(engines)
                skipped[size] = bench.skipped
    report(options, results, skipped)


class Bench:
    """One size of history, on every engine."""

    def __init__(
        self, options: argparse.Namespace, size: int, root: Path, known: list[Tool]
    ) -> None:
        self.options, self.size, self.root = options, size, root
        self.skipped: list[str] = []
        self.ready: dict[tuple[str, str], str] = {}
        self.tools = known
        command = [sys.executable, HERE / "projects.py", str(size), root, str(options.seed)]
        subprocess.run(command, check=True)

    def measured(self, engines: list[Databases]) -> dict[tuple[str, str, str], Sample]:
        """The medians of all that is measured."""
        by_name = {databases.engine: databases for databases in engines}
        cases = [case for databases in engines for case in self.cases(databases)]
        samples: dict[tuple[str, str, str], list[Sample]] = defaultdict(list)
        for turn in range(self.options.repeat):
            for case in cases:
                if sum(each.seconds for each in samples[case.key]) < self.options.budget:
                    say(f"{self.size} {turn + 1}/{self.options.repeat} {', '.join(case.key)}")
                    samples[case.key].append(self.sample(case, by_name[case.engine]))
        for (engine, _), url in self.ready.items():
            by_name[engine].drop(url)
        say("")
        return {key: median(found) for key, found in samples.items() if found}

    def cases(self, databases: Databases) -> list[Case]:
        """What is wanted of each tool, after its database was made ready and its caches are warm."""
        found = []
        for tool in self.tools:
            cases = list(cases_of(tool, self.root / tool.name.lower(), databases))
            cases = [case for case in cases if self.wanted(case)]
            if any(not case.fresh for case in cases):
                self.make_ready(tool, databases)
            found += cases
        ddl = (
            self.recorded(databases)
            if any(case.fresh and case.tool == WHIMBREL for case in found)
            else {}
        )
        project = self.root / WHIMBREL.lower()
        return [*filter(self.wanted, floors(project, databases, ddl)), *found]

    def wanted(self, case: Case) -> bool:
        if (
            case.tool == DJANGO
            and case.scenario == EMPTY
            and self.size > self.options.skip_django_over
        ):
            name = f"{case.tool}, {case.scenario}, {case.engine}"
            self.skipped += [name] if name not in self.skipped else []
            return False
        names = (case.tool, case.scenario)
        return not self.options.only or any(
            part.lower() in name.lower() for part in self.options.only for name in names
        )

    def make_ready(self, tool: Tool, databases: Databases) -> None:
        say(f"{self.size} making {tool.name} ready on {databases.engine}")
        url = self.ready[databases.engine, tool.name] = databases.make()
        run([*tool.program, *tool.ready], self.root / tool.name.lower(), {"DATABASE_URL": url})

    def recorded(self, databases: Databases) -> dict[str, Path]:
        """The DDL that Whimbrel sends, in a file for each of its ways from empty."""
        files = {}
        for scenario, words in {EMPTY: ("migrate",), LONG: ("migrate", "--no-leap")}.items():
            file = self.root / f"{databases.engine}-{len(words)}.json".lower()
            url = databases.make()
            command = [sys.executable, str(HERE / "record.py"), str(file), *words]
            run(command, self.root / WHIMBREL.lower(), {"DATABASE_URL": url})
            databases.drop(url)
            files[scenario] = file
        return files

    def sample(self, case: Case, databases: Databases) -> Sample:
        url = databases.make() if case.fresh else self.ready[case.engine, case.tool]
        try:
            return run(case.command, case.directory, {"DATABASE_URL": url})
        finally:
            if case.fresh:
                databases.drop(url)


def report(options: argparse.Namespace, results: Results, skipped: dict[int, list[str]]) -> None:
    """Print the tables; keep the numbers in bench/out and, where that is asked for, the README."""
    text = f"{conditions(options)}\n\n{tables(results, skipped)}"
    print(text)
    OUT.mkdir(exist_ok=True)
    numbers = {
        str(size): {" | ".join(key): asdict(sample) for key, sample in found.items()}
        for size, found in results.items()
    }
    (OUT / "results.json").write_text(json.dumps(numbers, indent=1))
    if options.write:
        put_into(HERE / "README.md", text)


def conditions(options: argparse.Namespace) -> str:
    libraries = ["sqlalchemy", "psycopg"]
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    peers = environment.versions("django", "alembic")
    return (
        f"{date.today()}: Python {platform.python_version()}, {versions}, {peers}; "
        f"medians of {options.repeat} runs (fewer where they took over {options.budget:.0f} s), "
        "the tools in turn. In parentheses: how many times Whimbrel's."
    )


def say(text: str) -> None:
    """What is going on, on a terminal's one line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except CommandFailed as error:
        sys.exit(f"\n{error}")

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
from dataclasses import asdict, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import environment
from cases import (
    DJANGO,
    EMPTY,
    HERE,
    WHIMBREL,
    Case,
    Key,
    Tool,
    cases_of,
    floors,
    tools,
)
from databases import Databases, running
from measure import CommandFailed, Sample, median, run
from table import Results, Samples, put_into, tables

OUT = HERE / "out"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[100, 500, 1000, 2000], help="migrations a history")
    add("--repeat", type=int, default=5, help="times that each command is run (default: 5)")
    add("--budget", type=float, default=60, help="seconds after which a command is not run again")
    add("--only", nargs="+", default=[], help="scenarios or tools, by a part of their names")
    add("--engines", nargs="+", default=["sqlite", "postgresql", "distant"],
        help="sqlite, postgresql, distant (PostgreSQL over a connection with a delay of 1 ms)")  # fmt: skip
    add("--skip-django-over", type=int, default=500, metavar="N",
        help="sizes at which Django is not migrated from empty (default: over 500)")  # fmt: skip
    add("--limit", type=float, default=300, metavar="SECONDS",
        help="a command that is expected to take longer is left out (default: 300)")  # fmt: skip
    add("--processor", action="store_true",
        help="count the client's processor time instead of the clock's: on a busy machine")  # fmt: skip
    add("--before", metavar="COMMIT", help="measure Whimbrel of this commit beside it")
    add("--seed", type=int, default=1, help="of the histories (default: 1)")
    add("--keep", type=Path, help="directory to leave the projects in")
    add("--write", action="store_true", help="put the tables into bench/README.md")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    peers = environment.peers()
    results: dict[int, Samples] = {}
    left_out: dict[int, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="whimbrel-bench-") as temporary:
        root = options.keep or Path(temporary)
        with (
            running(options.engines, Path(temporary)) as engines,
            environment.checked_out(options.before, Path(temporary, "before")) as before,
        ):
            known = tools(peers, before)
            for size in options.sizes:
                bench = Bench(options, size, root / str(size), known, results)
                results[size] = bench.measured(engines)
                left_out[size] = list(bench.left_out)
                keep(options, results, left_out)
    print(f"{conditions(options)}\n\n{tables(results, left_out)}")
    return 1 if any("failed" in each for found in left_out.values() for each in found) else 0


class Bench:
    """One size of history, on every engine."""

    def __init__(
        self,
        options: argparse.Namespace,
        size: int,
        root: Path,
        known: list[Tool],
        results: Results,
    ) -> None:
        self.options, self.size, self.root = options, size, root
        self.tools, self.results = known, results
        #: What is not in the table, and why; a dict for its order.
        self.left_out: dict[str, None] = {}
        self.ready: dict[tuple[str, str], str] = {}
        self.broken: set[Key] = set()
        command = [sys.executable, HERE / "projects.py", str(size), root, str(options.seed)]
        subprocess.run(command, check=True)

    def measured(self, engines: list[Databases]) -> Samples:
        """The medians of all that is measured."""
        by_name = {databases.engine: databases for databases in engines}
        cases = [case for databases in engines for case in self.cases(databases)]
        samples: dict[Key, list[Sample]] = defaultdict(list)
        for turn in range(self.options.repeat):
            for case in cases:
                if sum(each.seconds for each in samples[case.key]) < self.options.budget:
                    say(f"{self.size} {turn + 1}/{self.options.repeat} {', '.join(case.key)}")
                    samples[case.key] += self.samples(case, by_name[case.engine])
        for (engine, _), url in self.ready.items():
            by_name[engine].drop(url)
        say("")
        medians = {key: median(found) for key, found in samples.items() if found}
        if self.options.processor:
            return {key: replace(each, seconds=each.processor) for key, each in medians.items()}
        return medians

    # -- what is measured

    def cases(self, databases: Databases) -> list[Case]:
        """What is wanted of each tool, after its database was made ready and its caches are warm."""
        found = []
        for tool in self.tools:
            project = self.root / tool.name.lower()
            cases = [case for case in cases_of(tool, project, databases) if self.wanted(case)]
            if any(not case.fresh for case in cases) and not self.make_ready(tool, databases):
                continue
            found += cases
        own = [case for case in found if case.fresh and case.tool == WHIMBREL]
        ddl = {case.scenario: self.recorded(case, databases) for case in own}
        ddl = {scenario: file for scenario, file in ddl.items() if file.exists()}
        project = self.root / WHIMBREL.lower()
        return [*filter(self.wanted, floors(project, databases, ddl)), *found]

    def wanted(self, case: Case) -> bool:
        names = (case.tool, case.scenario)
        chosen = (part.lower() in name.lower() for part in self.options.only for name in names)
        if self.options.only and not any(chosen):
            return False
        if self.takes_too_long(case):
            self.leave_out(case, "takes too long")
            return False
        return True

    def takes_too_long(self, case: Case) -> bool:
        """Whether it would, should it grow with the square from the last size that was measured."""
        if (case.tool, case.scenario) == (DJANGO, EMPTY):
            return self.size > self.options.skip_django_over
        before = [size for size in self.results if case.key in self.results[size]]
        if not before:
            return False
        growth = (self.size / before[-1]) ** 2
        seconds: float = self.results[before[-1]][case.key].seconds
        return seconds * growth > self.options.limit

    def leave_out(self, case: Case, why: str) -> None:
        self.left_out[f"{', '.join((case.tool, case.scenario, case.engine))} ({why})"] = None

    # -- doing it

    def make_ready(self, tool: Tool, databases: Databases) -> bool:
        """Make a database that is up to date; False where a tool fails at that."""
        url = self.ready[databases.engine, tool.name] = databases.make()
        thorough = self.size <= self.options.skip_django_over
        for command in tool.ready if thorough else tool.quickly_ready or tool.ready:
            case = Case("making ready", databases.engine, tool.name, command, self.project(tool))
            say(f"{self.size} {', '.join(case.key)}")
            if self.attempt(case, url) is None:
                return False
        return True

    def project(self, tool: Tool) -> Path:
        return self.root / tool.name.lower()

    def recorded(self, case: Case, databases: Databases) -> Path:
        """The DDL that Whimbrel sends for a case, in a file."""
        say(f"{self.size} recording {', '.join(case.key)}")
        file = self.root / f"{case.scenario}-{case.engine}.json".replace(" ", "-")
        words = case.command[case.command.index("migrate") :]
        command = (sys.executable, str(HERE / "record.py"), str(file), *words)
        self.samples(replace(case, command=command), databases)
        return file

    def samples(self, case: Case, databases: Databases) -> list[Sample]:
        """One sample; none where the command fails, or has failed before."""
        if case.key in self.broken:
            return []
        url = databases.make() if case.fresh else self.ready[case.engine, case.tool]
        sample = self.attempt(case, url)
        if case.fresh:
            databases.drop(url)
        return [] if sample is None else [sample]

    def attempt(self, case: Case, url: str) -> Sample | None:
        try:
            return run(case.command, case.directory, {"DATABASE_URL": url})
        except CommandFailed as error:
            print(f"\n{error}", file=sys.stderr)
            self.broken.add(case.key)
            self.leave_out(case, "failed")
            return None


def keep(options: argparse.Namespace, results: Results, left_out: dict[int, list[str]]) -> None:
    """Keep the numbers so far in bench/out and, where that is asked for, the tables in README.md."""
    OUT.mkdir(exist_ok=True)
    numbers = {
        str(size): {" | ".join(key): asdict(sample) for key, sample in found.items()}
        for size, found in results.items()
    }
    (OUT / "results.json").write_text(json.dumps(numbers, indent=1))
    if options.write:
        put_into(HERE / "README.md", f"{conditions(options)}\n\n{tables(results, left_out)}")


def conditions(options: argparse.Namespace) -> str:
    libraries = ["sqlalchemy", "psycopg"]
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    peers = environment.versions("django", "alembic")
    return (
        f"{date.today()}: Python {platform.python_version()}, {versions}, {peers}; "
        f"{'processor time of the client, ' if options.processor else ''}"
        f"medians of {options.repeat} runs (fewer where they took over {options.budget:.0f} s), "
        "the tools in turn. In parentheses: how many times Whimbrel's."
    )


def say(text: str) -> None:
    """What is going on, on a terminal's one line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

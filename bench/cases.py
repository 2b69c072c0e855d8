"""What is measured: a command of a tool, in a project, on a database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from databases import Databases, Distant

HERE = Path(__file__).parent

NO_OP = "no-op migrate"
EMPTY = "migrate from empty"
LONG = "migrate from empty, step by step"
MAKE = "makemigrations, no changes"
SHOW = "showmigrations"
SCENARIOS = (NO_OP, EMPTY, LONG, MAKE, SHOW)

WHIMBREL, ALEMBIC, DJANGO, FLOOR = "Whimbrel", "Alembic", "Django", "floor"
#: Whimbrel as it was at some commit.
BEFORE = "before"

IMPORT = "import sqlalchemy"
CONNECT = f"""\
import os
{IMPORT}
with sqlalchemy.create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    connection.execute(sqlalchemy.text("SELECT 1"))
"""
CREATE_ALL = """\
import os
import sqlalchemy
from models import metadata
metadata.create_all(sqlalchemy.create_engine(os.environ["DATABASE_URL"]))
"""


#: Scenario, engine and tool.
Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True)
class Case:
    """A command to measure. ``fresh``: each time on an empty database; else on one that is ready."""

    scenario: str
    engine: str
    tool: str
    command: tuple[str, ...]
    directory: Path
    fresh: bool = False

    @property
    def key(self) -> Key:
        return self.scenario, self.engine, self.tool


@dataclass(frozen=True)
class Tool:
    """A tool's program, the words for each scenario, and the commands that make a database ready.

    ``quickly_ready``: those for long histories, where the proper way takes minutes.
    """

    name: str
    program: tuple[str, ...]
    words: dict[str, tuple[str, ...]]
    ready: tuple[tuple[str, ...], ...]
    quickly_ready: tuple[tuple[str, ...], ...] = ()


def tools(peers: Path, before: Path | None) -> list[Tool]:
    """The tools. peers: where the programs of the peers are; before: a checkout of Whimbrel."""
    own = [_whimbrel(WHIMBREL, HERE.parent)]
    if before is not None:
        own.append(_whimbrel(BEFORE, before))
    return [*own, _alembic(str(peers / "alembic"), peers), _django(str(peers / "python"))]


def _whimbrel(name: str, checkout: Path) -> Tool:
    # Both start in the same way, so that they can be compared.
    program = (sys.executable, str(HERE / "whimbrel_at.py"), str(checkout / "src"))
    words = {
        NO_OP: ("migrate",),
        EMPTY: ("migrate",),
        LONG: ("migrate", "--no-leap"),
        MAKE: ("makemigrations", "--check"),
        SHOW: ("showmigrations",),
    }
    return Tool(name, program, words, ready=((*program, "migrate"),))


def _alembic(program: str, peers: Path) -> Tool:
    words = {
        NO_OP: ("upgrade", "head"),
        EMPTY: ("upgrade", "head"),
        MAKE: ("check",),
        SHOW: ("history", "--indicate-current"),
    }
    direct = (str(peers / "python"), "-c", CREATE_ALL)
    return Tool(
        ALEMBIC,
        (program,),
        words,
        ready=((program, "upgrade", "head"),),
        quickly_ready=(direct, (program, "stamp", "head")),
    )


def _django(python: str) -> Tool:
    words: dict[str, tuple[str, ...]] = {
        NO_OP: ("migrate",),
        EMPTY: ("migrate",),
        MAKE: ("makemigrations", "--check", "--dry-run"),
        SHOW: ("showmigrations",),
    }
    program = (python, "manage.py")
    # What is measured on it looks at the record alone.
    return Tool(DJANGO, program, words, ready=((*program, "migrate", "--fake"),))


def cases_of(tool: Tool, project: Path, databases: Databases) -> Iterator[Case]:
    """What is measured of a tool on an engine."""
    for scenario, words in tool.words.items():
        if isinstance(databases, Distant) and scenario != EMPTY:
            continue
        command = (*tool.program, *words)
        fresh = scenario in (EMPTY, LONG)
        yield Case(scenario, databases.engine, tool.name, command, project, fresh)


def floors(project: Path, databases: Databases, ddl: dict[str, Path]) -> Iterator[Case]:
    """What no tool can be faster than. ``ddl``: for a scenario, the file with its statements."""
    near = not isinstance(databases, Distant)
    commands = {IMPORT: ("-c", IMPORT), NO_OP: ("-c", CONNECT)} if near else {}
    commands |= {scenario: (str(HERE / "floor.py"), str(file)) for scenario, file in ddl.items()}
    for scenario, words in commands.items():
        command = (sys.executable, *words)
        yield Case(scenario, databases.engine, FLOOR, command, project, fresh=True)

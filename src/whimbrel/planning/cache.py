"""The work of a plan, remembered beside the migrations: a second database costs no planning.

It counts for the very same text of all files, the same plan on the same applied migrations, and an
engine that knows the same of its database. Of a dialect, only the last one in leaps is kept, and
the last one step by step. What is broken, foreign or not writable is passed over in silence.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from whimbrel.engines import Engine, serializer
from whimbrel.engines.policy import SHORT, Policy
from whimbrel.engines.step import Step
from whimbrel.history.cache import read_beside, write_beside
from whimbrel.history.loader import History
from whimbrel.history.node import Key
from whimbrel.planning.items import DataOperation
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.work import Work, build_work, data_operations

#: Plans of fewer migrations are made in no time.
_WORTHWHILE = 20

#: Modules that say the same to a migration on every day, whatever the machine and the project.
_STEADY_NAMES = """
    __future__ base64 collections contextlib dataclasses datetime decimal enum fractions functools
    hashlib itertools json logging math operator re sqlalchemy string textwrap typing uuid whimbrel
    zoneinfo
"""
_STEADY = frozenset(_STEADY_NAMES.split())
#: Wherever it stands: what only looks like an import costs no more than being remembered.
_IMPORTS = re.compile(rb"\bfrom\s+([\w.]+)\s+import\b|\bimport\s+(.+)|\b(__import__)\b")
_NAME = re.compile(rb"(?:^|[,;])\s*(\w*)")


def cached_work(
    history: History, engine: Engine, plan: Plan, applied: Iterable[Key], policy: Policy = SHORT
) -> Iterable[Work]:
    """Return the work of a plan as `build_work` makes it, all of which it could make.

    It is made only where it is not remembered; else each is read once it is asked for.
    """
    applied = frozenset(applied)
    is_worthwhile = not plan.backwards and len(plan.nodes) >= _WORTHWHILE
    sources = _sources(history, applied) if is_worthwhile else None
    if sources is None:
        return list(build_work(history, engine, plan, applied, policy))
    place = Path(str(plan.nodes[0].file)).parent
    way = "leaps" if any(stage.is_leap for stage in plan.stages) else "steps"
    name = f"plan-{engine.dialect}-{way}"
    stamp = _stamp(history, engine, plan, applied, policy, sources)
    lines = _whole(read_beside(place, name, stamp))
    if lines is not None:
        return _restored(history, engine, applied, lines)
    made = list(build_work(history, engine, plan, applied, policy))
    if all(map(_is_steady, sources)):
        _remember(place, name, stamp, made)
    return made


def _sources(history: History, applied: Iterable[Key]) -> list[bytes] | None:
    """The texts of all files, in order; None where one is missing."""
    graph = history.graph
    if not graph.nodes.keys() >= set(applied):
        return None
    found = []
    for node in graph.order():
        try:
            found.append(Path(str(node.file)).read_bytes())
        except OSError:
            return None
    return found


def _is_steady(source: bytes) -> bool:
    """Return whether what a migration does depends on its text alone."""
    said = (item for found in _IMPORTS.findall(source) for item in found if item)
    return all(name.decode() in _STEADY for item in said for name in _NAME.findall(item))


def _stamp(
    history: History,
    engine: Engine,
    plan: Plan,
    applied: frozenset[Key],
    policy: Policy,
    sources: Sequence[bytes],
) -> str:
    """All that the work is made of, as one short value."""
    known = sorted(
        (name, sorted(value) if isinstance(value, frozenset) else value)
        for name, value in vars(engine).items()
    )
    library = sys.modules["sqlalchemy"].__version__
    stages = [[node.key for node in stage.nodes] for stage in plan.stages]
    order = [node.key for node in history.graph.order()]
    facts = (engine.dialect, known, policy.stamp)
    said = repr((_own_code(), library, facts, order, stages, sorted(applied)))
    made = hashlib.sha256(said.encode(errors="surrogatepass"))
    for source in sources:
        made.update(hashlib.sha256(source).digest())
    return made.hexdigest()


@cache
def _own_code() -> Sequence[tuple[str, int, int]]:
    """The files that make steps: a checkout of Whimbrel changes within one version."""
    here = Path(__file__).parents[1]
    floors = ("schema", "state", "operations", "engines", "planning")
    files = sorted(file for floor in floors for file in here.joinpath(floor).rglob("*.py"))
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _remember(place: Path, name: str, stamp: str, works: Sequence[Work]) -> None:
    """Keep work, a line each (of code, the id), after the number of those up to the last with code."""
    kept = [
        (
            tuple(node.key for node in work.stage.nodes),
            work.atomic,
            work.operations,
            tuple(item.id if isinstance(item, DataOperation) else item for item in work.items),
        )
        for work in works
    ]
    replayed = max(
        (number for number, (*_, items) in enumerate(kept, 1) if _has_code(items)), default=0
    )
    try:
        text = "\n".join(map(serializer.dumps, (replayed, *kept)))
    except TypeError:
        return  # parameters of a RunSQL may be anything
    write_beside(place, name, stamp, f"{_checksum(text)}\n{text}")


def _has_code(items: Iterable[Step | str]) -> bool:
    return any(isinstance(item, str) for item in items)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _whole(text: str | None) -> list[str] | None:
    """The lines that were kept; None where they are not as they were written."""
    checksum, _, kept = (text or "").partition("\n")
    return kept.split("\n") if kept and _checksum(kept) == checksum else None


def _restored(
    history: History, engine: Engine, applied: frozenset[Key], lines: Sequence[str]
) -> Iterator[Work]:
    """The work as it was made. Nothing is replayed that no code is run on."""
    replayed, *kept = lines
    states = history.states_of(applied if int(replayed) else ())
    for number, line in enumerate(kept, 1):
        keys, atomic, operations, items = serializer.loads(line)
        code: list[DataOperation] = []
        for key in keys if number <= int(replayed) else ():
            if _has_code(items):
                found, states = data_operations(history, engine, key, states)
                code += found
            else:
                states = history.apply(key, states)
        data = iter(code)
        yield Work(
            stage=Stage(tuple(history.graph.node(key) for key in keys)),
            backwards=False,
            atomic=atomic,
            operations=operations,
            items=tuple(
                replace(next(data), id=item) if isinstance(item, str) else item for item in items
            ),
        )

"""`lint --trace`: migrations run on a scratch database, where the server shows what they do."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy.engine import Connection

from whimbrel.config import Config
from whimbrel.engines.base import Engine, TableUse
from whimbrel.engines.step import HazardCode, UserStep
from whimbrel.errors import UnsupportedError
from whimbrel.history.loader import History
from whimbrel.history.node import Key
from whimbrel.lint.statements import Consequence, Seen
from whimbrel.planning.items import DataOperation, PlanItem
from whimbrel.planning.plan import Plan, Stage
from whimbrel.planning.work import build_work
from whimbrel.run.connect import Database, database_of, open_connection
from whimbrel.run.events import DataDone, DataStarted, StepDone, StepStarted
from whimbrel.run.executor import Executor

_ALIAS = "trace"


def trace(
    config: Config, history: History, keys: Collection[Key], url: str
) -> tuple[str, Mapping[Key, Seen]]:
    """Return the server's dialect, and what code and SQL of the user's do in some migrations, by the ids of plan items.

    url: of a server's database; beside it one is created, migrated, and dropped again. What runs in
    no transaction is not watched. Raises `UnsupportedError` for a database that shows no locks,
    `DatabaseError` where the role may create none, or a migration fails there.
    """
    order = history.graph.order()
    last = max((history.graph.position(key) for key in keys), default=-1)
    found: dict[Key, Seen] = {}
    with (
        _scratch(replace(config, databases={_ALIAS: url})) as database,
        open_connection(database) as connection,
    ):
        engine = database.engine.with_facts(connection)
        watcher = _Watcher(engine, connection)
        executor = Executor(engine, connection, watcher, history=history, alias=_ALIAS)
        executor.prepare()
        for position, node in enumerate(order[: last + 1]):
            there = [each.key for each in order[:position]]
            (work,) = build_work(history, engine, Plan((Stage((node,)),)), there)
            watcher.begin(work.items if node.key in keys else ())
            executor.execute(work)
            found[node.key] = watcher.seen
    return engine.dialect, {key: found[key] for key in keys}


@contextmanager
def _scratch(config: Config) -> Iterator[Database]:
    """A database that is there meanwhile, on the server of another."""
    database = database_of(config, _ALIAS)
    if not database.engine.capabilities.shows_locks:
        raise UnsupportedError(
            f"{database.dialect} shows no locks of tables, so there is nothing to trace",
            hint="Name a server of PostgreSQL: --trace postgresql://user@host/name",
        )
    name = f"whimbrel_lint_{os.getpid()}_{secrets.token_hex(4)}"
    with (
        open_connection(database) as connection,
        database.engine.scratch(connection, name),
    ):
        # A driver takes the "dbname" of a query before the name in the path.
        url = database.url.difference_update_query(["dbname"])
        yield replace(database, url=url.set(database=name))


@dataclass
class _Watcher:
    """Listens to a run, and looks at the tables before and after each of the user's items."""

    engine: Engine
    connection: Connection
    items: Sequence[PlanItem] = ()
    seen: dict[str, tuple[Consequence, ...]] = field(default_factory=dict)
    _before: Mapping[int, TableUse] = field(default_factory=dict)

    def begin(self, items: Sequence[PlanItem]) -> None:
        """Watch the items of another stage."""
        self.items, self.seen = items, {}

    def __call__(self, event: object) -> None:
        match event:
            case StepStarted(number=number) | DataStarted(number=number):
                if self._is_watched(number):
                    self._before = self.engine.observe(self.connection)
            case StepDone(number=number) | DataDone(number=number):
                if self._is_watched(number):
                    item, after = self.items[number - 1], self.engine.observe(self.connection)
                    self.seen[item.id] = tuple(consequences(self._before, after))

    def _is_watched(self, number: int) -> bool:
        item = self.items[number - 1] if number <= len(self.items) else None
        return isinstance(item, UserStep | DataOperation) and item.transactional


def consequences(
    before: Mapping[int, TableUse], after: Mapping[int, TableUse]
) -> Iterator[Consequence]:
    """Return what was done to the tables that were there: written anew, or read while nobody could write."""
    for oid, was in before.items():
        now = after.get(oid)
        is_locked = now is not None and now.lock is not None and now.lock.is_strong
        if now is None or not is_locked or now.scans == was.scans:
            continue
        is_other = now.file != was.file
        yield Consequence(
            HazardCode.REWRITES_TABLE if is_other else HazardCode.SCANS_TABLE, str(was.name)
        )

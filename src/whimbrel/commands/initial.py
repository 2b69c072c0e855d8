"""`--fake-initial`: initial migrations whose tables are there already are recorded, not applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from whimbrel.commands.comparison import side_by_side
from whimbrel.commands.details import Detail, DetailFormatter
from whimbrel.engines import Engine
from whimbrel.engines.step import Step
from whimbrel.errors import HistoryError
from whimbrel.history.loader import History
from whimbrel.history.node import Key, Node
from whimbrel.planning.diffs import merge_diffs
from whimbrel.planning.plan import Plan
from whimbrel.run.record import Record
from whimbrel.schema import changes as c
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Name, Schema
from whimbrel.state.lowering import lower
from whimbrel.state.state_pair import StatePair


def find_present_initials(
    history: History,
    engine: Engine,
    connection: Connection,
    plan: Plan,
    record: Record,
    *,
    rename: bool = False,
) -> dict[Key, list[Step]]:
    """The initial migrations of a plan that the database has, every part of them.

    More than they make may be there. rename: constraints and indexes may have other names; the
    steps give them theirs. Raises `HistoryError`, which lists what is missing or different, for
    one that is there in part.
    """
    found = _find_initials(history, engine, connection, plan, record)
    there: dict[Key, list[Step]] = {}
    parts: list[_Found] = []
    for each in found:
        if not each.wrong or (rename and each.is_of_names):
            there[each.made.node.key] = engine.steps(each.renames, each.live)
        elif not each.is_absent:
            parts.append(each)
    if parts:
        raise _in_part(parts)
    return there


def _find_initials(
    history: History,
    engine: Engine,
    connection: Connection,
    plan: Plan,
    record: Record,
) -> list[_Found]:
    """Return what the database has of each initial migration of a plan."""
    states = history.states_of(key for key in record.applied if key in history.graph)
    found = []
    for node in plan.nodes:
        after = history.apply(node.key, states)
        if node.initial and node.key not in record.half_done:
            made = _Made.between(engine, node, states, after)
            if made.tables or made.parts:
                found.append(made.in_database(engine, connection))
        states = after
    connection.rollback()
    return found


@dataclass(frozen=True)
class _Made:
    """The tables that an initial migration makes, and parts of tables ("blog_post.author_id").

    wanted: the tables that it has a hand in, as they are after it.
    """

    node: Node
    tables: frozenset[str]
    parts: frozenset[str]
    wanted: Schema

    @classmethod
    def between(cls, engine: Engine, node: Node, before: StatePair, after: StatePair) -> _Made:
        changes, _, _ = merge_diffs(engine, [(before.database, after.database)])
        tables = {change.table.at for change in changes if isinstance(change, c.CreateTable)}
        parts = {place for change in changes for place in _places(change) if place[0] not in tables}
        named = tables | {at for at, _ in parts}
        whole = lower(after.database)
        kept = {at: table for at, table in whole.tables.items() if at in named}
        return cls(
            node,
            frozenset(map(str, tables)),
            frozenset(f"{at}.{name}" for at, name in parts),
            replace(whole, tables=kept),
        )

    def in_database(self, engine: Engine, connection: Connection) -> _Found:
        """Return how much of it a database has."""
        live = engine.reflect(connection, names=list(self.wanted.tables))
        wanted = self.wanted
        expected, live, invalid = side_by_side(engine, connection, wanted, live, wanted)
        formatter = DetailFormatter(connection.dialect, expected, live, invalid)
        both = Schema(tables=expected.tables), Schema(tables=live.tables)
        wrong = [each for each in formatter.details(diff(*both)) if self._is_of_it(each)]
        renames = [each for each in diff(both[1], both[0]) if self._renames_its_own(each)]
        return _Found(self, tuple(_without_extra(wrong)), tuple(renames), live)

    def _renames_its_own(self, change: c.Change) -> bool:
        if not isinstance(change, c.RenameConstraint | c.RenameIndex):
            return False
        at = str(change.table)
        return at in self.tables or f"{at}.{change.new.name}" in self.parts

    def _is_of_it(self, detail: Detail) -> bool:
        table = detail.place.rpartition(".")[0]
        named = f"{detail.place}.{detail.expected}"
        own = detail.place in self.tables or table in self.tables
        return own or detail.place in self.parts or named in self.parts


@dataclass(frozen=True)
class _Found:
    """An initial migration in a database.

    wrong: what is missing there, or different. renames: what gives the constraints and indexes of
    ``live`` the names that it gives them.
    """

    made: _Made
    wrong: tuple[Detail, ...]
    renames: tuple[c.Change, ...]
    live: Schema

    @property
    def is_of_names(self) -> bool:
        """True if nothing differs but what constraints and indexes are called."""
        return all(each.what.startswith("name of ") for each in self.wrong)

    @property
    def is_absent(self) -> bool:
        """True if nothing of it is there."""
        missing = {each.place for each in self.wrong if each.found is None}
        return self.made.tables <= missing and self.made.parts <= missing


def _places(change: c.Change) -> Iterator[tuple[Name, str]]:
    """The parts of tables that a change makes, or makes anew."""
    match change:
        case c.AddColumn(at, column) | c.AlterColumn(at, _, column):
            yield at, column.name
        case c.AddConstraint(at, part) | c.AddIndex(at, part):
            yield at, part.name


def _without_extra(details: Iterable[Detail]) -> Iterator[Detail]:
    """Without what only the database has, unless something of its name is expected otherwise."""
    listed = list(details)
    extra = {each.place: each for each in listed if each.expected is None}
    for each in listed:
        if each.expected is not None:
            other = extra.get(each.place) if each.found is None else None
            yield replace(each, found=other.found) if other else each


def _in_part(found: list[_Found]) -> HistoryError:
    lines = []
    for detail in (detail for each in found for detail in each.wrong):
        says = f"is {detail.found}, not" if detail.found is not None else "is missing:"
        lines.append(f"  {detail.place}: {detail.what} {says} {detail.expected}")
    place = ", ".join(each.made.node.label for each in found)
    if all(each.is_of_names for each in found):
        more = f"\n  and {len(lines) - 5} more" if len(lines) > 5 else ""
        return HistoryError(
            "the database has all of it, under other names of constraints and indexes; nothing "
            "was changed:\n" + "\n".join(lines[:5]) + more,
            place=place,
            hint="Rename them, which is done at once: whimbrel migrate --fake-initial --rename. Or "
            "give the models these names.",
        )
    return HistoryError(
        "the database has it in part, and not as it makes it; nothing was changed:\n"
        + "\n".join(lines),
        place=place,
        hint="Change the database or the models so that they agree, and run this again. Or record "
        "it as it is, with --fake, and see with `whimbrel drift` what differs.",
    )

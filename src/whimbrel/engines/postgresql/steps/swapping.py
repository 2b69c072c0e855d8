"""The swap: columns that were filled beside others take their names, in one short transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import obstacles, probes, syncing
from whimbrel.engines.postgresql.steps.belongings import Belongings
from whimbrel.engines.postgresql.steps.builder import Builder, Makers
from whimbrel.engines.postgresql.steps.copies import Copy, copies
from whimbrel.engines.postgresql.steps.syncing import Conversion
from whimbrel.engines.postgresql.versions import Facts
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import Boundary, HazardCode, Lock, Step
from whimbrel.errors import UnsupportedError
from whimbrel.schema.order import by_dependency
from whimbrel.schema.swaps import CheckSwaps, Swap, SwapColumns, names_of
from whimbrel.schema.table import (
    Check,
    ForeignKey,
    Identity,
    Index,
    Name,
    PrimaryKey,
    Serial,
    Table,
    Unique,
)

# -- before anything is done -----------------------------------------------------------------------


@dataclass(frozen=True)
class DependentsCheck:
    """A look for what a swap of columns would break. query: gives it in words."""

    query: str

    @property
    def offline(self) -> str:
        """The statement for whoever runs it without Whimbrel."""
        return (
            f"DO $$ DECLARE found text := (SELECT string_agg(what, '; ') FROM ({self.query}) it); "
            "BEGIN IF found IS NOT NULL THEN RAISE EXCEPTION "
            "'columns cannot be replaced online: %', found; END IF; END $$"
        )

    def statements(self, connection: Connection) -> Iterator[str]:
        """Yield nothing. Raises `UnsupportedError` where something would break."""
        found = execute(connection, self.query).scalars().all()
        if found:
            raise UnsupportedError(
                "a column's type cannot change while others use the table, as this would not follow to "
                f"a new column: {'; '.join(found)}",
                hint="Drop it in a migration before this one, and create it again after it; or let the "
                "table be locked for the whole change: migrate --short, or online = False in the migration.",
            )
        yield from ()


def check_swaps(change: CheckSwaps, builder: Builder) -> Iterator[Step]:
    tables = builder.tracker.tables()
    found = list(copies(tables, names_of(change.swaps)))
    check = DependentsCheck(
        obstacles.query(
            (each.table, each.old.name, each.sync.name, [copy.part.name for copy in found])
            for each in change.swaps
        )
    )
    yield replace(builder.step(check.offline), settling=check)


# -- the swap --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SwapStatements:
    """The statements of a swap. before, after: the columns get their names between them.

    belongings: what only the database knows of the columns.
    """

    locks: tuple[Name, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    belongings: tuple[Belongings, ...]

    @property
    def lock(self) -> str:
        """The statement that locks all tables."""
        return f"LOCK TABLE {', '.join(map(COMPILER.at, self.locks))} IN ACCESS EXCLUSIVE MODE"

    def offline(self) -> tuple[str, ...]:
        """The statements for whoever runs them without Whimbrel: no belongings, but for counters."""
        counters = (sql for each in self.belongings for sql in each.offline())
        lost = (
            "/* grants on the column, its comment, statistics and publications do not come along here, as they "
            "do with migrate: give them again */"
        )
        return (f"{lost} {self.lock}", *self.before, *self.after, *counters)

    def statements(self, connection: Connection) -> Iterator[str]:
        """Yield the statements on a database: few round trips, while everybody waits.

        What the server reads of its catalogs it has in memory by then.
        """
        version = Facts.of(connection).version or 0
        for each in self.belongings:
            each.read(connection, version)
        yield self.lock
        found = [each.read(connection, version) for each in self.belongings]
        # What two columns of a table share is said for each of them.
        before, after = (dict.fromkeys(sql for pair in found for sql in pair[at]) for at in (0, 1))
        counters = [sql for each in self.belongings for sql in each.counter(connection)]
        yield ";\n".join((*before, *self.before, *self.after, *counters, *after))


def swap_columns(change: SwapColumns, builder: Builder) -> Iterator[Step]:
    names = names_of(change.swaps)
    tables = list(builder.tracker.tables())
    found = list(copies(tables, names))
    locks = _locks(tables, names, found)
    before = [*map(_drop, _keys_first(found))]
    after: list[str] = []
    belongings: list[Belongings] = []
    for swap in change.swaps:
        table = builder.table(swap.table)
        before += _swap(swap, table)
        after += _default(swap)
        belongings.append(_belongings(swap, found))
    after += map(_take_name, found)
    swapping = SwapStatements(locks, tuple(before), tuple(after), tuple(belongings))
    first = change.swaps[0]
    step = builder.step(
        swapping.lock,
        *((at, Lock.ACCESS_EXCLUSIVE) for at in locks),
        done=probes.is_false(probes.has_column(first.table, first.sync.new)),
        hazards=[HazardCode.LOSES_DATA] if any(each.new.lossy for each in change.swaps) else [],
        subject=f"{first.table}.{first.old.name}",
    )
    yield replace(step, statements=swapping.offline(), boundary=Boundary.OWN, settling=swapping)


def _locks(
    tables: Sequence[Table], names: dict[Name, dict[str, str]], found: Sequence[Copy]
) -> tuple[Name, ...]:
    """All that is locked, what is pointed at before what points there: as whoever writes both does."""
    ends = {each.table for each in found} | set(names)
    ends |= {each.part.target for each in found if isinstance(each.part, ForeignKey)}
    order, _ = by_dependency(tables)
    known = [table.at for table in order if table.at in ends]
    return (*known, *sorted(ends - set(known), key=str))


def _keys_first(found: Sequence[Copy]) -> list[Copy]:
    return sorted(found, key=lambda each: not isinstance(each.part, ForeignKey))


def _alter(at: Name, action: str) -> str:
    return f"ALTER TABLE {COMPILER.at(at)} {action}"


def _drop(each: Copy) -> str:
    if isinstance(each.part, Index):
        return f"DROP INDEX {COMPILER.at(Name(each.table.schema, each.part.name))}"
    return _alter(each.table, f"DROP CONSTRAINT {COMPILER.quote(each.part.name)}")


def _take_name(each: Copy) -> str:
    """The copy becomes what it is a copy of."""
    name, copy = COMPILER.quote(each.part.name), COMPILER.quote(each.copy.name)
    match each.part:
        case PrimaryKey() | Unique():
            kind = "PRIMARY KEY" if isinstance(each.part, PrimaryKey) else "UNIQUE"
            return _alter(each.table, f"ADD CONSTRAINT {name} {kind} USING INDEX {copy}")
        case Check() | ForeignKey():
            return _alter(each.table, f"RENAME CONSTRAINT {copy} TO {name}")
    at = COMPILER.at(Name(each.table.schema, each.copy.name))
    return f"ALTER INDEX {at} RENAME TO {name}"


def _swap(swap: Swap, table: Table) -> list[str]:
    """The old column goes, with what keeps both in step; the new one takes its name."""
    at, old, new = swap.table, COMPILER.quote(swap.old.name), COMPILER.quote(swap.sync.new)
    conversion = Conversion(table, swap.sync)
    made: list[str] = []
    if any(each.name == conversion.check.name for each in table.constraints):
        made.append(_alter(at, f"DROP CONSTRAINT {COMPILER.quote(conversion.check.name)}"))
    made += syncing.drops(conversion)
    if isinstance(swap.new.generated, Serial):
        made.append(_sequence_moved(swap))
    return [*made, _alter(at, f"DROP COLUMN {old}"), _alter(at, f"RENAME COLUMN {new} TO {old}")]


def _sequence_moved(swap: Swap) -> str:
    """The sequence of a serial column counts for the new one, where it stands, in its type."""
    at, old, new = COMPILER.at(swap.table), COMPILER.quote(swap.old.name), swap.sync.new
    owned = f"pg_get_serial_sequence({text(at)}, {text(swap.old.name)})"
    altered = f"ALTER TABLE {at} ALTER COLUMN"
    missing = f"{swap.table}.{swap.old.name} owns no sequence: ALTER SEQUENCE ... OWNED BY it first"
    owned_by = f" AS {COMPILER.type(swap.new.type)} OWNED BY {at}.{COMPILER.quote(new)}"
    return (
        f"DO $$ DECLARE owned text := {owned}; BEGIN "
        f"IF owned IS NULL THEN RAISE EXCEPTION '%', {text(missing)}; END IF; "
        f"EXECUTE 'ALTER SEQUENCE ' || owned || {text(owned_by)}; "
        f"EXECUTE {text(f'{altered} {COMPILER.quote(new)} SET DEFAULT nextval(')} || quote_literal(owned) "
        f"|| '::regclass)'; {altered} {old} DROP DEFAULT; END $$"
    )


def _default(swap: Swap) -> list[str]:
    new = swap.new
    if new.default is None or new.generated is not None:
        return []
    default = COMPILER.default(new.default, new.type)
    return [_alter(swap.table, f"ALTER COLUMN {COMPILER.quote(new.name)} SET DEFAULT {default}")]


def _belongings(swap: Swap, found: Sequence[Copy]) -> Belongings:
    own = [each for each in found if each.table == swap.table]
    indexes = tuple(each.part.name for each in own if not isinstance(each.part, Check | ForeignKey))
    constraints = tuple(each.part.name for each in own if not isinstance(each.part, Index))
    identity = swap.new.generated if isinstance(swap.new.generated, Identity) else None
    return Belongings(swap.table, swap.old.name, swap.sync.new, constraints, indexes, identity)


STEPS: Makers = {CheckSwaps: check_swaps, SwapColumns: swap_columns}

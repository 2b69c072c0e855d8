"""Indexes and constraints of a parent of partitions, made on one partition after the other.

Only the database knows the partitions: what is to be done is read from it, and what is done already
is left out. So a run that was stopped goes on where it was; `take_back` gives what goes back instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple

from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import concurrent, probes
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import Boundary, HazardCode, Lock, Step
from whimbrel.schema.table import Index, Name


class Relation(NamedTuple):
    """A partition, or an index of one. name: quoted. is_parent: True if it has partitions itself."""

    oid: int
    name: str
    is_parent: bool


class Found(NamedTuple):
    """An index of a partition that is as its parent's is."""

    oid: int
    name: str
    is_valid: bool
    is_attached: bool


def partitions(connection: Connection, table: int | str) -> list[Relation]:
    """Return the partitions right below a table that can have indexes: foreign tables have none.

    table: its oid, or the expression of that.
    """
    query = f"""SELECT c.oid, c.oid::regclass::text, c.relkind = 'p' FROM pg_inherits
        JOIN pg_class c ON c.oid = inhrelid
        WHERE inhparent = {table} AND c.relkind <> 'f' ORDER BY c.oid"""
    return [Relation._make(row) for row in execute(connection, query)]


def step_of(step: Step, made: PartitionedIndex | PartitionedKey | PartitionedForeignKey) -> Step:
    """Return a step as one that goes from partition to partition; its strong locks last an instant."""
    may_fail = tuple(each for each in step.hazards if each.code is HazardCode.MAY_FAIL_ON_ROWS)
    return replace(
        step,
        statements=(made.offline(),),
        scans=False,
        boundary=Boundary.AUTOCOMMIT,
        hazards=may_fail,
        broken=made.broken,
        cleanup=made.take_back(),
        settling=made,
    )


def _after(before: str, statement: str) -> str:
    """Return a statement with what comes before it, on each partition, as a comment."""
    return f"/* on each partition before: {before.replace('*/', '* /').replace('/*', '/ *')} */ {statement}"


def _brief(sql: str) -> str:
    """Return a DO for statements that lock strongly: others queue behind none of its tries for long.

    What is in no transaction waits for locks as long as the session says, which is long. Every fifth try
    is longer than deadlock_timeout, at which autovacuum gives way.
    """
    return (
        "DO $whimbrel$ BEGIN FOR try IN 1..20 LOOP "
        "PERFORM set_config('lock_timeout', CASE WHEN try % 5 = 0 THEN '1500ms' ELSE '200ms' END, true); "
        f"BEGIN {sql}; RETURN; EXCEPTION WHEN lock_not_available OR deadlock_detected THEN "
        "IF try = 20 THEN RAISE; END IF; PERFORM pg_sleep(1); END; END LOOP; END $whimbrel$"
    )


# -- indexes -------------------------------------------------------------------------------------

#: Two rows of pg_index say the same of two tables, and no constraint stands on the first.
_SAME = " AND ".join(
    [
        *(f"i.{name}::text = p.{name}::text" for name in (
            "indisunique", "indnkeyatts", "indclass", "indcollation", "indoption"
        )),
        f"{concurrent.columns_of('i')} = {concurrent.columns_of('p')}",
        *(
            f"pg_get_expr(i.{name}, i.indrelid) IS NOT DISTINCT FROM pg_get_expr(p.{name}, p.indrelid)"
            for name in ("indexprs", "indpred")
        ),
        "to_jsonb(i)->'indnullsnotdistinct' IS NOT DISTINCT FROM to_jsonb(p)->'indnullsnotdistinct'",
        "(SELECT relam FROM pg_class WHERE oid = i.indexrelid) = (SELECT relam FROM pg_class WHERE oid = p.indexrelid)",
        "NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))",
    ]
)  # fmt: skip


@dataclass(frozen=True)
class PartitionedIndex:
    """An index of the parent of partitions ``at``. rest: its definition behind the table's name.

    condition: on the row of pg_index (``i``) of the parent's own, which comes first; it is valid once
    all partitions have theirs.
    """

    at: Name
    name: str
    unique: bool
    rest: str
    condition: str
    analyze: bool = False

    @property
    def place(self) -> Name:
        return Name(self.at.schema, self.name)

    @property
    def done(self) -> str:
        return concurrent.has_index(self.condition)

    @property
    def broken(self) -> str:
        return concurrent.has_index(self.condition, is_valid=False)

    def create(self, on: str, *, name: str = "", concurrently: bool = False) -> str:
        """CREATE INDEX; one without a name gets the one that it has in the short form."""
        kind = f"{'UNIQUE ' if self.unique else ''}INDEX{' CONCURRENTLY' if concurrently else ''}"
        return f"CREATE {kind}{f' {name}' if name else ''} ON {on}{self.rest}"

    def offline(self) -> str:
        """Return what comes to the same, for whoever runs it by hand; it takes over what partitions have."""
        before = self.create("...", concurrently=True)
        return _after(before, self.create(COMPILER.at(self.at), name=COMPILER.quote(self.name)))

    def statements(self, connection: Connection) -> Iterator[str]:
        query = f"SELECT indexrelid FROM pg_index i WHERE {self.condition}"
        own = execute(connection, query).scalar()
        if own is None:
            yield _brief(
                self.create(f"ONLY {COMPILER.at(self.at)}", name=COMPILER.quote(self.name))
            )
            own = execute(connection, query).scalar_one()
        yield from self._build_below(connection, probes.oid(self.at), own, COMPILER.at(self.place))
        if self.analyze:
            yield f"ANALYZE {COMPILER.at(self.at)}"

    def _build_below(
        self, connection: Connection, table: int | str, parent: int, parent_name: str
    ) -> Iterator[str]:
        """Those of the partitions right below a table, each attached to its parent at the end."""
        for partition in partitions(connection, table):
            found = _find_index(connection, partition, parent)
            if found is not None and not (
                found.is_valid or found.is_attached or partition.is_parent
            ):
                yield f"DROP INDEX CONCURRENTLY {found.name}"
                found = None
            if found is None:
                yield from self._build(connection, partition, parent)
                found = _find_index(connection, partition, parent)
            assert found is not None
            if partition.is_parent:
                yield from self._build_below(connection, partition.oid, found.oid, found.name)
            if not found.is_attached:
                yield _brief(f"ALTER INDEX {parent_name} ATTACH PARTITION {found.name}")

    def _build(self, connection: Connection, partition: Relation, parent: int) -> Iterator[str]:
        if partition.is_parent:
            yield _brief(self.create(f"ONLY {partition.name}"))
            return

        def left(connection: Connection) -> str | None:
            found = _find_index(connection, partition, parent)
            return found.name if found is not None and not found.is_valid else None

        with concurrent.drop_on_failure(connection, left):
            execute(connection, self.create(partition.name, concurrently=True))

    def take_back(self) -> tuple[str, ...]:
        """Return what drops the index, and those of partitions that are not attached to it."""
        place = probes.oid(self.place)
        made = _block(
            f"SELECT i.indexrelid::regclass AS part FROM pg_partition_tree({probes.oid(self.at)}) t "
            f"JOIN pg_index i ON i.indrelid = t.relid JOIN pg_index p ON p.indexrelid = {place} "
            # Those that were made for it came after it; one of the user's own may be the same.
            f"WHERE i.indexrelid > p.indexrelid AND {_SAME} AND NOT EXISTS "
            "(SELECT 1 FROM pg_inherits WHERE inhrelid = i.indexrelid)",
            "'DROP INDEX ' || found.part",
            f"DROP INDEX {COMPILER.at(self.place)};",
        )
        return (made,)


def _find_index(connection: Connection, partition: Relation, parent: int) -> Found | None:
    """Return the index of a partition that is attached to its parent's, or could be: that first."""
    query = f"""SELECT i.indexrelid, i.indexrelid::regclass::text, i.indisvalid, inhparent IS NOT NULL
        FROM pg_index p JOIN pg_index i ON i.indrelid = {partition.oid}
        LEFT JOIN pg_inherits ON inhrelid = i.indexrelid
        WHERE p.indexrelid = {parent} AND (inhparent IS NULL OR inhparent = {parent}) AND {_SAME}
        ORDER BY 4 DESC, 3 DESC, 1 LIMIT 1"""
    row = execute(connection, query).first()
    return Found._make(row) if row is not None else None


def _block(query: str, statement: str, last: str = "") -> str:
    """Return a DO that executes a statement for each row (``found``) of a query, and a last one."""
    return (
        f"DO $whimbrel$ DECLARE found record; BEGIN FOR found IN {query} LOOP "
        f"EXECUTE {statement}; END LOOP; {last} END $whimbrel$"
    )


# -- keys ----------------------------------------------------------------------------------------


class Leaf(NamedTuple):
    """A partition that has none itself."""

    oid: int
    at: Name


def leaves(connection: Connection, at: Name) -> list[Leaf]:
    """Return the partitions with the rows of a table, also those of partitions of it."""
    query = f"""SELECT c.oid, n.nspname::text, c.relname::text
        FROM pg_partition_tree({probes.oid(at)}) t JOIN pg_class c ON c.oid = t.relid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE t.isleaf AND t.level > 0 AND c.relkind <> 'f' ORDER BY c.oid"""
    return [Leaf(row.oid, Name(row.nspname, row.relname)) for row in execute(connection, query)]


def _is_of_a_leaf(at: Name) -> str:
    """Return the condition on a row of pg_constraint (``k``) for one that a partition has by itself."""
    tree = f"SELECT relid FROM pg_partition_tree({probes.oid(at)}) WHERE isleaf AND level > 0"
    return f"k.conparentid = 0 AND k.conrelid IN ({tree})"


_DROP_FOUND = "'ALTER TABLE ' || found.conrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(found.conname)"


@dataclass(frozen=True)
class PartitionedKey:
    """A unique or primary key of the parent of partitions ``at``: each of them has its own first.

    add: what is added to the parent, which takes over those of the partitions. index: one that a key
    can be made of; rest: its definition behind the table's name.
    """

    at: Name
    add: str
    index: Index
    rest: str
    is_primary: bool = False
    deferrable: str = ""

    @property
    def kind(self) -> str:
        return "PRIMARY KEY" if self.is_primary else "UNIQUE"

    def offline(self) -> str:
        """Return what comes to the same, for whoever runs it by hand."""
        before = (
            f"CREATE UNIQUE INDEX CONCURRENTLY ... ON ...{self.rest}; ALTER TABLE ... "
            f"ADD CONSTRAINT ... {self.kind} USING INDEX ...{self.deferrable}"
        )
        return _after(before, self._parent)

    @property
    def _parent(self) -> str:
        return f"ALTER TABLE {COMPILER.at(self.at)} ADD {self.add}"

    def statements(self, connection: Connection) -> Iterator[str]:
        for leaf in leaves(connection, self.at):
            query = (
                f"SELECT 1 FROM pg_constraint k WHERE k.conrelid = {leaf.oid} AND {self._is_own}"
            )
            if execute(connection, query).first() is None:
                yield from self._add_to_leaf(connection, leaf)
        yield _brief(self._parent)

    def _add_to_leaf(self, connection: Connection, leaf: Leaf) -> Iterator[str]:
        own = self._free_name(connection, leaf)
        name, at = COMPILER.quote(own), COMPILER.at(leaf.at)
        place = Name(leaf.at.schema, own)
        create = f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {at}{self.rest}"
        built = concurrent.ConcurrentIndex(place, create, self._is_index(leaf, own))
        yield from built.statements(connection)
        using = f"{self.kind} USING INDEX {name}{self.deferrable}"
        yield _brief(f"ALTER TABLE {at} ADD CONSTRAINT {name} {using}")

    def _is_index(self, leaf: Leaf, name: str) -> str:
        return concurrent.is_index(leaf.at, replace(self.index, name=name))

    def _free_name(self, connection: Connection, leaf: Leaf) -> str:
        """Return the name that PostgreSQL gives to the key of a partition; also one that has its index."""
        columns = "" if self.is_primary else "_".join((*self.index.columns, *self.index.include))
        label = "pkey" if self.is_primary else "key"
        for number in count():
            name = COMPILER.make_name(leaf.at.name, columns, f"{label}{number or ''}")
            query = (
                f"SELECT 1 WHERE ({probes.oid(Name(leaf.at.schema, name))} IS NULL AND NOT EXISTS "
                f"(SELECT 1 FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace WHERE "
                f"conname = {text(name)} AND nspname = {text(leaf.at.schema or '')})) OR EXISTS "
                f"(SELECT 1 FROM pg_index i WHERE {self._is_index(leaf, name)})"
            )
            if execute(connection, query).first() is not None:
                return name
        raise AssertionError

    @property
    def _is_own(self) -> str:
        """The condition on a row of pg_constraint (``k``) for such a key of any table."""
        names = ", ".join(map(text, self.index.columns))
        return (
            f"k.contype = '{'p' if self.is_primary else 'u'}' AND ARRAY(SELECT attname::text FROM "
            "unnest(k.conkey) WITH ORDINALITY AS u(number, n) JOIN pg_attribute ON "
            f"attrelid = k.conrelid AND attnum = number ORDER BY n) = ARRAY[{names}]"
        )

    @property
    def _keys(self) -> str:
        """A query for the keys that partitions have by themselves."""
        return (
            f"SELECT k.conrelid, k.conname FROM pg_constraint k WHERE {self._is_own} AND {_is_of_a_leaf(self.at)} "
            f"AND {_is_made('k.conname', 'k.conrelid')}"
        )

    @property
    def _indexes(self) -> str:
        """A query for the indexes of partitions that are no keys yet."""
        return (
            f"SELECT i.indexrelid::regclass AS part FROM pg_partition_tree({probes.oid(self.at)}) t "
            "JOIN pg_index i ON i.indrelid = t.relid JOIN pg_class x ON x.oid = i.indexrelid "
            f"WHERE t.isleaf AND {_is_made('x.relname', 't.relid')} AND {concurrent.is_defined_as(self.index)} "
            "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)"
        )

    @property
    def broken(self) -> str:
        return f"SELECT 1 WHERE EXISTS ({self._keys}) OR EXISTS ({self._indexes})"

    def take_back(self) -> tuple[str, ...]:
        """Return what drops the keys of partitions, and the indexes that were to be theirs."""
        return _block(self._keys, _DROP_FOUND), _block(self._indexes, "'DROP INDEX ' || found.part")


def _is_made(name: str, table: str) -> str:
    """The condition that a key has a name as PostgreSQL makes them: any other is the user's own."""
    begins = f"SELECT starts_with({name}, left(relname, 25)) FROM pg_class WHERE oid = {table}"
    return f"{name} ~ '_p?key[0-9]*$' AND ({begins})"


# -- foreign keys --------------------------------------------------------------------------------


@dataclass(frozen=True)
class PartitionedForeignKey:
    """A foreign key of the parent of partitions ``at``, before 18: each of them has its own first.

    add: what is added to a partition, NOT VALID, and to the parent, which takes it over. target: the
    table that it points at, where that is another; it is locked first.
    """

    at: Name
    name: str
    add: str
    target: Name | None = None

    def offline(self) -> str:
        """Return what comes to the same, for whoever runs it by hand."""
        before = (
            f"ALTER TABLE ... ADD {self.add} NOT VALID; ALTER TABLE ... "
            f"VALIDATE CONSTRAINT {COMPILER.quote(self.name)}"
        )
        return _after(before, _brief(self._parent))

    @property
    def _parent(self) -> str:
        """What partitions have for the target goes when the parent takes over: that locks it strongly."""
        return self._add(COMPILER.at(self.at), Lock.ACCESS_EXCLUSIVE)

    def statements(self, connection: Connection) -> Iterator[str]:
        for leaf in leaves(connection, self.at):
            at, query = COMPILER.at(leaf.at), (
                f"SELECT convalidated FROM pg_constraint WHERE conrelid = {leaf.oid} "
                f"AND contype = 'f' AND conname = {text(self.name)}"
            )  # fmt: skip
            is_valid = execute(connection, query).scalar()
            if is_valid is None:
                yield _brief(self._add(at, Lock.SHARE_ROW_EXCLUSIVE, " NOT VALID"))
            if not is_valid:
                yield f"ALTER TABLE {at} VALIDATE CONSTRAINT {COMPILER.quote(self.name)}"
        yield _brief(self._parent)

    def _add(self, table: str, lock: Lock, not_valid: str = "") -> str:
        add = f"ALTER TABLE {table} ADD {self.add}{not_valid}"
        if self.target is None:
            return add
        first = f"LOCK TABLE {COMPILER.at(self.target)} IN {lock.value} MODE"
        return f"IF {probes.may_lock(self.target)} THEN {first}; END IF; {add}"

    @property
    def broken(self) -> str:
        return (
            "SELECT k.conrelid, k.conname FROM pg_constraint k WHERE k.contype = 'f' AND "
            f"k.conname = {text(self.name)} AND {_is_of_a_leaf(self.at)}"
        )

    def take_back(self) -> tuple[str, ...]:
        """Return what drops the foreign keys of partitions."""
        return (_block(self.broken, _DROP_FOUND),)

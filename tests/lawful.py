"""Changes carried out one by one, as strictly as PostgreSQL takes them; and changes in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from whimbrel.schema import changes as c
from whimbrel.schema.differ import diff
from whimbrel.schema.domains import name_of
from whimbrel.schema.table import (
    Check,
    Column,
    Constraint,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from whimbrel.state.difference import schemas_of
from whimbrel.state.state import State


def normal(schema: Schema) -> object:
    """A schema as a value in which order says nothing."""
    return (
        {
            at: (
                frozenset(table.columns),
                frozenset(table.constraints),
                frozenset(table.indexes),
                table.comment,
                table.options,
            )
            for at, table in schema.tables.items()
        },
        dict(schema.enums),
        dict(schema.sequences),
        schema.schemas,
    )


def run(
    schema: Schema,
    changes: Iterable[c.Change],
    after: Schema,
    theirs: frozenset[Name] = frozenset(),
) -> Schema:
    """The schema after changes. Fails where a database would refuse one of them.

    Both may be parts: what neither of them has is taken for granted, and so are the tables
    that are somebody else's.
    """
    known = (schema.tables.keys() | after.tables.keys()) - theirs
    for change in changes:
        found = list(mishaps(change, schema))
        assert not found, f"{shown(change)}: {'; '.join(found)}"
        schema = change.apply(schema)
        found = [
            each for table in schema.tables.values() for each in dangling(table, schema, known)
        ]
        assert not found, f"after {shown(change)}: {'; '.join(found)}"
    return schema


# -- before a change -------------------------------------------------------------------------


def mishaps(change: c.Change, schema: Schema) -> Iterator[str]:
    """Why a database would refuse a change."""
    at = getattr(change, "table", None)
    table = schema.tables.get(at) if isinstance(at, Name) else None
    if isinstance(at, Name) and table is None:
        yield f"there is no table {at}"
    elif table is not None:
        yield from _in_table(change, table, schema)
    match change:
        case c.CreateTable(new):
            yield from _taken(new.at, schema)
            for part in (*new.constraints, *new.indexes):
                yield from _part_taken(part, new.at, schema)
        case c.DropTable(gone):
            yield from _differs(schema.tables.get(gone.at), gone)
            yield from (
                f"{other.at} points at it"
                for other in schema.tables.values()
                if other.at != gone.at and any(key.target == gone.at for key in other.foreign_keys)
            )
        case c.RenameTable(old, new):
            yield from [] if old in schema.tables else [f"there is no table {old}"]
            yield from _taken(new, schema)
        case c.CreateEnum(enum):
            yield from _taken(Name(enum.schema, enum.name), schema)
        case c.AlterEnum(old, new):
            yield from _differs(schema.enums.get(Name(old.schema, old.name)), old)
            if (old.schema, old.name) != (new.schema, new.name):
                yield from _taken(Name(new.schema, new.name), schema)
        case c.DropEnum(enum):
            yield from _differs(schema.enums.get(Name(enum.schema, enum.name)), enum)
        case c.DropSchema(name):
            held = [*schema.tables, *schema.enums, *schema.sequences]
            yield from (f"{each} is in it" for each in held if each.schema == name)


def _in_table(change: c.Change, table: Table, schema: Schema) -> Iterator[str]:
    names = {column.name for column in table.columns}
    match change:
        case c.AddColumn(column=column):
            yield from [f"{column.name} is there"] if column.name in names else []
        case c.DropColumn(column=column):
            yield from _differs(_column(table, column.name), column)
            yield from _users(table, column.name, schema)
        case c.RenameColumn(old=old, new=new):
            yield from [] if old in names else [f"there is no {old}"]
            yield from [f"{new} is there"] if new in names else []
        case c.AlterColumn(old=old, new=new):
            yield from _differs(_column(table, old.name), old)
            yield from [] if old.name == new.name else ["it gets another name"]
            if (old.type, old.collation) != (new.type, new.collation):
                yield from _computed_from(table, old.name)
        case c.AddConstraint(constraint=part) | c.AddIndex(index=part):
            yield from _part_taken(part, table.at, schema)
        case c.DropConstraint(constraint=part) | c.DropIndex(index=part):
            yield from _differs(_part(table, part), part)
            yield from _pointing(part, table, schema)
        case (
            c.RenameConstraint(old=old_part, new=new_part)
            | c.RenameIndex(old=old_part, new=new_part)
        ):
            yield from _differs(_part(table, old_part), old_part)
            yield from _part_taken(new_part, table.at, schema)


def _differs(there: object, said: object) -> Iterator[str]:
    if there != said:
        yield f"there is {there}, not {said}"


def _column(table: Table, name: str) -> Column | None:
    return next((column for column in table.columns if column.name == name), None)


def _part(table: Table, part: Constraint | Index) -> Constraint | Index | None:
    parts: Iterable[Constraint | Index] = (
        table.indexes if isinstance(part, Index) else table.constraints
    )
    return next((each for each in parts if each.name == part.name), None)


def _computed_from(table: Table, name: str) -> Iterator[str]:
    for column in table.columns:
        if column.computed and column.computed.expression.columns(frozenset({name})):
            yield f"{column.name} is computed from it"


def _users(table: Table, name: str, schema: Schema) -> Iterator[str]:
    """What is made of a column."""
    yield from _computed_from(table, name)
    for part in (*table.constraints, *table.indexes):
        if part.columns_among(frozenset({name})):
            yield f"{part.name} is made of it"
    for other in schema.tables.values():
        for key in other.foreign_keys:
            if key.target == table.at and name in key.target_columns:
                yield f"{key.name} of {other.at} points at it"


def _pointing(part: Constraint | Index, table: Table, schema: Schema) -> Iterator[str]:
    """Foreign keys that need a key which goes."""
    if part not in _keys(table):
        return
    rest = [each.columns for each in _keys(table) if each != part]
    for other in schema.tables.values():
        for key in other.foreign_keys:
            is_needed = set(key.target_columns) == set(part.columns)  # type: ignore[union-attr]
            if key.target == table.at and is_needed and key.target_columns not in rest:
                yield f"{key.name} of {other.at} needs it"


def _keys(table: Table) -> list[Any]:
    keys: list[Any] = [each for each in table.constraints if isinstance(each, PrimaryKey | Unique)]
    return keys + [each for each in table.indexes if each.unique and each.where is None]


def _taken(at: Name, schema: Schema) -> Iterator[str]:
    """Tables, their types, enum types and indexes have one set of names in a schema."""
    for there in (schema.tables, schema.enums, schema.sequences):
        if at in there:
            yield f"{at} is there"
    for table in schema.tables.values():
        if table.schema == at.schema and at.name in _relations(table):
            yield f"{at} is an index of {table.at}"


def _relations(table: Table) -> list[str]:
    parts = (*table.constraints, *table.indexes)
    return [part.name for part in parts if not isinstance(part, Check | ForeignKey)]


def _part_taken(part: Constraint | Index, at: Name, schema: Schema) -> Iterator[str]:
    table = schema.tables.get(at)
    if table and not isinstance(part, Index) and part.name in {p.name for p in table.constraints}:
        yield f"{part.name} is there"
    if not isinstance(part, Check | ForeignKey):
        yield from _taken(Name(at.schema, part.name), schema)


# -- after a change --------------------------------------------------------------------------


def dangling(table: Table, schema: Schema, known: Collection[Name]) -> Iterator[str]:
    """What a table speaks of that is not there."""
    names = frozenset(column.name for column in table.columns)
    if table.schema is not None and table.schema not in schema.schemas:
        yield f"there is no schema {table.schema}"
    for enum in table.enums:
        if schema.enums.get(Name(enum.schema, enum.name)) != enum:
            yield f"there is no type {enum}"
    for name in _named(table):
        if name not in names:
            yield f"{table.at} has no column {name}"
    for key in table.foreign_keys:
        target = schema.tables.get(key.target)
        if target is None and key.target not in known:
            continue
        if target is None:
            yield f"{key.name} points at {key.target}, which is not there"
        elif not any(set(each.columns) == set(key.target_columns) for each in _keys(target)):
            yield f"{key.name} points at {key.target_columns} of {key.target}, which are no key"


def _named(table: Table) -> Iterator[str]:
    for part in table.constraints:
        if isinstance(part, PrimaryKey | Unique | ForeignKey):
            yield from part.columns
    for index in table.indexes:
        yield from (*index.columns, *index.include)


# -- in words --------------------------------------------------------------------------------


def shown(change: c.Change) -> str:
    """A change in short: "RenameColumn blog_post title headline"."""
    kind = type(change).__name__
    match change:
        case c.CreateTable(table) | c.DropTable(table):
            return f"{kind} {table.at}"
        case c.AlterTable(new=table):
            return f"{kind} {table.at}"
        case c.CreateSchema(name) | c.DropSchema(name):
            return f"{kind} {name}"
        case c.CreateEnum(value) | c.DropEnum(value):
            return f"{kind} {value.name}({' '.join(value.labels)})"
        case c.AlterEnum(old, new):
            return f"{kind} {_enum(old)} {_enum(new)}"
        case c.CreateSequence(sequence) | c.DropSequence(sequence):
            return f"{kind} {sequence.name}"
        case c.AlterSequence(old_one, new_one):
            return f"{kind} {old_one.name} {new_one.name}"
        case c.CreateDomain(domain) | c.DropDomain(domain) | c.AlterDomain(new=domain):
            return f"{kind} {name_of(domain)[1]}"
        case c.RenameTable(old_at, new_at):
            return f"{kind} {old_at} {new_at}"
    found = [kind, str(change.table)]  # type: ignore[attr-defined]
    for attribute in ("column", "constraint", "index", "old", "new"):
        value = getattr(change, attribute, None)
        if value is not None:
            found.append(value if isinstance(value, str) else value.name)
    return " ".join(found if kind != "AlterColumn" else found[:-1])


def _enum(enum: Any) -> str:
    at = str(Name(enum.schema, enum.name))
    return f"{at}({' '.join(enum.labels)})"


# -- what no database could hold -------------------------------------------------------------


def unsound(schema: Schema) -> Iterator[str]:
    """Why a database could not hold a schema, whichever way it came there."""
    taken: set[Name] = {*schema.tables, *schema.enums, *schema.sequences}
    if len(taken) < len(schema.tables) + len(schema.enums) + len(schema.sequences):
        yield "two things have one name"
    for table in schema.tables.values():
        yield from dangling(table, schema, schema.tables.keys())
        for name in _relations(table):
            if Name(table.schema, name) in taken:
                yield f"{name} is there twice"
            taken.add(Name(table.schema, name))
        named = [part.name for part in table.constraints]
        columns = [column.name for column in table.columns]
        if len(set(named)) < len(named) or len(set(columns)) < len(columns):
            yield "two columns or constraints of a table have one name"
        yield from _unsound_expressions(table)


def _unsound_expressions(table: Table) -> Iterator[str]:
    """Text that speaks of columns that are not there, or of what is computed from itself."""
    names = frozenset(column.name for column in table.columns)
    said = frozenset({"x", "y", "z", "c", "d", "id"})
    computed = {column.name: column for column in table.columns if column.computed}
    for part in (*table.constraints, *table.indexes):
        yield from (f"no column {name}" for name in part.columns_among(said) - names)
    for column in computed.values():
        used = column.computed.expression.columns(said | names) if column.computed else set()
        yield from (f"no column {name}" for name in used - names)
        if used & computed.keys():
            yield f"{column.name} is computed from what is computed"


# -- the law ---------------------------------------------------------------------------------


def replayed(start: State, operations: Sequence[Any]) -> list[State]:
    """The states along a row of operations, each with its app, or of the app "a"."""
    found = [start]
    for operation in operations:
        app, plain = operation if isinstance(operation, tuple) else ("a", operation)
        found.append(plain.apply(app, found[-1]))
    return found


def assert_lawful(old: State, new: State) -> None:
    """The changes between two states lead from one to the other, in parts and as a whole."""
    before, after = schemas_of(old, new)
    found = diff(before, after)
    theirs = frozenset(
        Name(model.options.schema, model.db_table)
        for model in (*old, *new)
        if not model.options.managed
    )
    assert normal(run(before, found, after, theirs)) == normal(after)
    # A state that nobody knows the origin of is compared whole.
    everything, wanted = schemas_of(old, State(new.models))
    whole = diff(everything, wanted)
    assert normal(run(everything, whole, wanted, theirs)) == normal(wanted)
    assert sorted(map(repr, found)) == sorted(map(repr, whole))

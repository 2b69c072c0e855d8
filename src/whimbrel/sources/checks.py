"""What models say that a database cannot do, found before anything is written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from whimbrel.config import OWN_TABLES
from whimbrel.errors import ModelError, WhimbrelError
from whimbrel.schema.attached import unattached
from whimbrel.schema.domains import name_of
from whimbrel.schema.expressions import Constant
from whimbrel.schema.table import (
    Check,
    Column,
    Constraint,
    Exclude,
    ForeignKey,
    Name,
    Schema,
    Table,
    Unique,
)
from whimbrel.schema.types import ColumnType, EnumType, Type
from whimbrel.sources.defaults import uncast_defaults
from whimbrel.sources.expressions import DIALECTS, dialect_of
from whimbrel.sources.types import build
from whimbrel.state.fields import ForeignKey as ForeignKeyField
from whimbrel.state.fields import ManyToManyField
from whimbrel.state.lowering import sequences_of, tables_of
from whimbrel.state.model import Model
from whimbrel.state.naming import LONGEST
from whimbrel.state.state import State
from whimbrel.state.suiting import unfit_default, unwritable

#: What is wrong, and what mends it.
Finding = tuple[str, str]


def check_state(
    state: State,
    dialects: Iterable[str] = ("postgresql", "sqlite"),
    attached: frozenset[str] | None = None,
) -> None:
    """Refuse models that these databases could not hold. Raises `ModelError`, naming all of them.

    attached: the schemas that SQLite has; None: nobody knows.
    """
    found = findings(state, dialects, attached)
    if len(found) == 1:
        raise found[0]
    if found:
        rest = "\n".join(str(each) for each in found)
        raise ModelError(f"{len(found)} things in the models that a database cannot do:\n{rest}")


def findings(
    state: State, dialects: Iterable[str], attached: frozenset[str] | None = None
) -> list[ModelError]:
    """All that these databases could not do, in the order of the models."""
    chosen = frozenset(dialects) & frozenset(DIALECTS)
    tables: list[tuple[Model, Table]] = []
    found: list[ModelError] = []
    for model in state:
        try:
            tables += [(model, table) for table in tables_of(state, model)]
        except WhimbrelError as error:
            place = error.place or model.place
            found.append(ModelError(error.message, place=place, hint=error.hint))
    whole = _Whole(state, Schema.of(tuple(table for _, table in tables)), chosen, attached)
    views = [whole.on(dialect) for dialect in sorted(chosen)] or [whole]
    for model, table in tables:
        said = (each for view in views for each in _of_table(view.seen(table), view))
        found += _errors(model, dict.fromkeys(said))
    for model in state:
        found += _errors(model, _of_model(model, whole))
    of_all = [
        each
        for view in views
        for each in _of_all([(model, view.seen(table)) for model, table in tables], view)
    ]
    return [*found, *{str(each): each for each in of_all}.values()]


def _errors(model: Model, of: Iterable[Finding]) -> list[ModelError]:
    return [
        ModelError(f"{model.label}: {message}", place=model.place, hint=hint)
        for message, hint in of
    ]


@dataclass(frozen=True)
class _Whole:
    """What a rule may look at besides its own table."""

    state: State
    schema: Schema
    dialects: frozenset[str]
    attached: frozenset[str] | None = None

    def on(self, dialect: str) -> _Whole:
        """As it is on one dialect."""
        return replace(self, schema=self.schema.on(dialect), dialects=frozenset({dialect}))

    def seen(self, table: Table) -> Table:
        """A table as it is where there is one dialect only."""
        return table.on(*self.dialects) if len(self.dialects) == 1 else table


def _of_table(table: Table, whole: _Whole) -> Iterator[Finding]:
    for rule in _TABLE_RULES:
        yield from rule(table, whole)


def _of_model(model: Model, whole: _Whole) -> Iterator[Finding]:
    for rule in _MODEL_RULES:
        yield from rule(model, whole)


# -- one table


def _index_without_columns(table: Table, whole: _Whole) -> Iterator[Finding]:
    for index in table.indexes:
        if not index.parts:
            yield f"the index {index.name} has no columns", "Give it fields, or take it away."


def _target_is_unique(table: Table, whole: _Whole) -> Iterator[Finding]:
    for key in table.foreign_keys:
        target = whole.schema.tables.get(key.target)
        if target is None:
            continue  # somebody else's table: managed = False
        columns = ", ".join(key.target_columns)
        if len(key.columns) != len(key.target_columns):
            yield (
                f"the foreign key {key.name} has {len(key.columns)} columns and points at "
                f"{len(key.target_columns)}",
                "Name as many to_fields as fields.",
            )
        elif frozenset(key.target_columns) not in _unique_columns(target):
            yield (
                f"the foreign key {key.name} points at {target.name} ({columns}), which is not unique",
                "Point at the primary key, or make what it points at unique.",
            )


def _unique_columns(table: Table) -> set[frozenset[str]]:
    found = {frozenset(each.columns) for each in table.constraints if isinstance(each, Unique)}
    if table.primary_key is not None:
        found.add(frozenset(table.primary_key.columns))
    for index in table.indexes:
        if index.unique and index.where is None and len(index.columns) == len(index.parts):
            found.add(frozenset(index.columns))
    return found


def _names_fit(table: Table, whole: _Whole) -> Iterator[Finding]:
    if "postgresql" not in whole.dialects:
        return
    for kind, name in _names_of(table):
        size = len(name.encode(errors="surrogatepass"))
        if size > LONGEST:
            yield (
                f"the name of the {kind} {name} is {size} bytes long, and PostgreSQL takes {LONGEST}",
                "Give it a shorter one.",
            )


def _names_of(table: Table) -> Iterator[tuple[str, str]]:
    yield "table", table.name
    if table.schema:
        yield "schema", table.schema
    yield from (("column", each.name) for each in table.columns)
    yield from (("constraint", each.name) for each in table.constraints)
    yield from (("index", each.name) for each in table.indexes)
    for enum in table.enums:
        yield "enum type", enum.name
        yield from (("enum label", label) for label in enum.labels)


def _names_are_text(table: Table, whole: _Whole) -> Iterator[Finding]:
    said = [table.comment, *(column.comment for column in table.columns)]
    for kind, text in (*_names_of(table), *(("comment", each) for each in said if each)):
        why = unwritable(text)
        if why is not None:
            yield f"a {kind}: {why}", "Write it otherwise."


def _is_not_our_own(table: Table, whole: _Whole) -> Iterator[Finding]:
    if table.name in OWN_TABLES:
        yield (
            f"{table.name} is a table in which Whimbrel keeps its record",
            "Give the model another db_table.",
        )


def _columns_differ(table: Table, whole: _Whole) -> Iterator[Finding]:
    fold = _fold(whole)
    for name in _repeated(fold(column.name) for column in table.columns):
        yield f"two fields have the column {name!r}", "Give one of them another db_column."
    if not table.columns and "sqlite" in whole.dialects:
        yield "it has no columns, and SQLite has no such tables", "Give it a field."


def _fold(whole: _Whole) -> Callable[[str], str]:
    """How names are told apart: SQLite takes small and capital letters for the same."""
    return str.lower if "sqlite" in whole.dialects else str


def _repeated(names: Iterable[str]) -> list[str]:
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [name for name, times in seen.items() if times > 1]


def _constraints_differ(table: Table, whole: _Whole) -> Iterator[Finding]:
    for name in _repeated(each.name for each in table.constraints):
        yield f"two constraints have the name {name!r}", "Give one of them another name."


def _values_have_one_source(table: Table, whole: _Whole) -> Iterator[Finding]:
    for column in table.columns:
        sources = [
            ("an expression", column.computed),
            ("a default", column.default),
            ("a counter", column.generated),
        ]
        given = [words for words, source in sources if source is not None]
        if len(given) > 1:
            yield (
                f"the column {column.name} has its value from {' and from '.join(given)}",
                "Leave one of them.",
            )


def _actions_can_be(table: Table, whole: _Whole) -> Iterator[Finding]:
    for key in table.foreign_keys:
        columns = [table.column(name) for name in key.columns]
        for action in (key.on_delete, key.on_update):
            yield from _action_can_be(key, action, columns)


def _action_can_be(key: ForeignKey, action: str | None, columns: list[Column]) -> Iterator[Finding]:
    stuck = [column.name for column in columns if not column.null]
    if action == "SET NULL" and stuck:
        yield (
            f"the foreign key {key.name} sets {', '.join(stuck)} to NULL, which cannot be NULL",
            "Make it null=True, or choose another on_delete or on_update.",
        )
    if action == "SET DEFAULT" and all(column.default is None for column in columns):
        yield (
            f"the foreign key {key.name} sets a default that there is not",
            "Give db_default=, or choose another on_delete or on_update.",
        )


def _types_exist(table: Table, whole: _Whole) -> Iterator[Finding]:
    for column in table.columns:
        for dialect in sorted(whole.dialects):
            reason = _refusal(column.type, dialect)
            if reason is not None:
                yield (
                    f"the type of the column {column.name} does not exist on {dialect}: {reason}",
                    "Use another type there: type.with_variant(..., "
                    f'"{dialect}"); or configure no database of that kind.',
                )


def _refusal(type: ColumnType, dialect: str) -> str | None:
    """Why a dialect cannot spell a type; None where it can."""
    try:
        return _remembered_refusal(type, dialect)
    except TypeError:  # an argument without a hash
        return _spell(type, dialect)


def _spell(type: ColumnType, dialect: str) -> str | None:
    if isinstance(type, EnumType) and not type.name:
        return "an enum needs a name" if type.native and dialect == "postgresql" else None
    try:
        dialect_of(dialect).type_compiler_instance.process(build(type))
    except (sa.exc.CompileError, NotImplementedError, AttributeError) as error:
        said = str(error).partition("(Background")[0].strip()
        # The compiler's address in memory says nothing to anybody.
        return re.sub(r"^Compiler <.*> can't", "it cannot", said)
    return None


_remembered_refusal = cache(_spell)


def _exclusions_exist(table: Table, whole: _Whole) -> Iterator[Finding]:
    for each in table.constraints:
        if isinstance(each, Exclude) and "sqlite" in whole.dialects:
            yield (
                f"the exclusion constraint {each.name} exists on PostgreSQL alone",
                "Take it away, or configure no SQLite database.",
            )


def _schema_is_attached(table: Table, whole: _Whole) -> Iterator[Finding]:
    is_known = whole.attached is not None and "sqlite" in whole.dialects
    if is_known and table.schema and table.schema.lower() not in (whole.attached or ()):
        yield unattached(table.schema)


def _defaults_are_cast(table: Table, whole: _Whole) -> Iterator[Finding]:
    if "postgresql" in whole.dialects:
        yield from uncast_defaults(table)


_TABLE_RULES: tuple[Callable[[Table, _Whole], Iterator[Finding]], ...] = (
    _index_without_columns,
    _target_is_unique,
    _names_fit,
    _names_are_text,
    _is_not_our_own,
    _columns_differ,
    _constraints_differ,
    _values_have_one_source,
    _actions_can_be,
    _types_exist,
    _defaults_are_cast,
    _exclusions_exist,
    _schema_is_attached,
)


# -- one model


def _key_is_not_null(model: Model, whole: _Whole) -> Iterator[Finding]:
    for each in model.primary_key:
        if each.field.null:
            yield f"the primary key's field {each.name} is null=True", "Take null=True away."


def _through_has_keys(model: Model, whole: _Whole) -> Iterator[Finding]:
    for each in model.fields:
        if isinstance(each.field, ManyToManyField) and each.field.through:
            yield from _keys_of_through(model, each.name, each.field, whole.state)


def _keys_of_through(
    model: Model, name: str, field: ManyToManyField, state: State
) -> Iterator[Finding]:
    through = state.find(field.through or "")
    if through is None:
        yield f"{name} goes through {field.through}, which is not there", "Correct the name."
        return
    keys = [each.field for each in through.fields if isinstance(each.field, ForeignKeyField)]
    targets = [key.to.lower() for key in keys]
    wanted = [model.label.lower(), field.to.lower()]
    if any(targets.count(label) < wanted.count(label) for label in wanted):
        yield (
            f"{name} goes through {through.label}, which has not a foreign key to "
            f"{model.label} and one to {field.to}",
            "Give it both.",
        )


def _sequence_names_fit(model: Model, whole: _Whole) -> Iterator[Finding]:
    for sequence in sequences_of(model):
        if (
            "postgresql" in whole.dialects
            and len(sequence.name.encode(errors="surrogatepass")) > LONGEST
        ):
            yield (
                f"the name of the sequence {sequence.name} is longer than {LONGEST} bytes",
                "Give it a shorter one.",
            )


def _defaults_suit(model: Model, whole: _Whole) -> Iterator[Finding]:
    for each in model.fields:
        option, why = unfit_default(each.field) or ("", "")
        if why:
            yield f"the {option} of {each.name}: {why}", f"Give {each.name} another {option}."
        is_nan = Constant(each.field.default) == Constant(math.nan)
        if is_nan and not each.field.null and "sqlite" in whole.dialects:
            yield (
                f"the default of {each.name} is NaN, which SQLite takes for NULL",
                "Make it null=True, or give it another default.",
            )


def _lengths_are_numbers(model: Model, whole: _Whole) -> Iterator[Finding]:
    for each in model.fields:
        length = getattr(each.field, "max_length", None)
        if length is not None and not _counts(length):
            yield (
                f"the max_length of {each.name} is {length!r}",
                "Give a number of characters, from 1 on; or leave it out, for no limit.",
            )


def _counts(length: object) -> bool:
    return isinstance(length, int) and not isinstance(length, bool) and length >= 1


_MODEL_RULES: tuple[Callable[[Model, _Whole], Iterator[Finding]], ...] = (
    _key_is_not_null,
    _through_has_keys,
    _sequence_names_fit,
    _defaults_suit,
    _lengths_are_numbers,
)


# -- all of them together


def _of_all(tables: list[tuple[Model, Table]], whole: _Whole) -> Iterator[ModelError]:
    yield from _names_differ(tables, whole)
    yield from _enums_agree(tables)
    yield from _domains_agree(tables)


def _names_differ(tables: list[tuple[Model, Table]], whole: _Whole) -> Iterator[ModelError]:
    """Tables, indexes and sequences of a schema share one set of names (PostgreSQL 18, 5.10.1)."""
    fold = _fold(whole)
    owners: dict[Any, tuple[str, Model]] = {}
    for model, kind, name in _shared_names(tables, whole):
        at = (name.schema, fold(name.name))
        if at not in owners:
            owners[at] = (kind, model)
            continue
        other_kind, other = owners[at]
        if other is model and kind == other_kind == "table":
            continue
        yield ModelError(
            f"{model.label}: the {kind} {name} has the name of the {other_kind} of {other.label}",
            place=model.place,
            hint=f"Give one of them another name; the other is at {other.place}.",
        )


def _shared_names(
    tables: list[tuple[Model, Table]], whole: _Whole
) -> Iterator[tuple[Model, str, Name]]:
    for model, table in tables:
        yield model, "table", table.at
    for model, table in tables:
        for index in table.indexes:
            yield model, "index", Name(table.schema, index.name)
        for each in table.constraints:
            if "postgresql" in whole.dialects and _has_index(each):
                yield model, "constraint", Name(table.schema, each.name)


def _has_index(constraint: Constraint) -> bool:
    return not isinstance(constraint, Check | ForeignKey)


def _enums_agree(tables: list[tuple[Model, Table]]) -> Iterator[ModelError]:
    owners: dict[Name, tuple[EnumType, Model]] = {}
    for model, table in tables:
        for enum in (each for each in table.enums if each.native):
            at = enum.at
            first, other = owners.setdefault(at, (enum, model))
            if first.labels != enum.labels:
                yield ModelError(
                    f"{model.label}: the enum type {at} has the labels {_listed(enum)}, and "
                    f"{_listed(first)} in {other.label}",
                    place=model.place,
                    hint=f"Give one of them another name=; the other is at {other.place}.",
                )


def _domains_agree(tables: list[tuple[Model, Table]]) -> Iterator[ModelError]:
    owners: dict[Name, tuple[Type, Model]] = {}
    for model, table in tables:
        for domain in table.domains:
            at = name_of(domain)
            first, other = owners.setdefault(at, (domain, model))
            if first != domain:
                yield ModelError(
                    f"{model.label}: the domain {at} is another one in {other.label}",
                    place=model.place,
                    hint=f"Give one of them another name; the other is at {other.place}.",
                )


def _listed(enum: EnumType) -> str:
    return ", ".join(map(repr, enum.labels))

"""Rules over one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from whimbrel.config import OWN_TABLES
from whimbrel.errors import explain_unattached
from whimbrel.schema.expressions import SQL
from whimbrel.schema.families import family_of
from whimbrel.schema.table import Column, Exclude, ForeignKey, Table, Unique
from whimbrel.schema.types import ColumnType, EnumType
from whimbrel.sources.checks.scope import CheckScope, Problem, repeated
from whimbrel.sources.expressions import dialect_of
from whimbrel.sources.types import build, cached_if_hashable
from whimbrel.state.naming import LONGEST
from whimbrel.state.value_checks import unwritable


def _index_without_columns(table: Table, scope: CheckScope) -> Iterator[Problem]:
    for index in table.indexes:
        if not index.parts:
            yield f"the index {index.name} has no columns", "Give it fields, or take it away."


def _target_is_unique(table: Table, scope: CheckScope) -> Iterator[Problem]:
    for key in table.foreign_keys:
        target = scope.schema.tables.get(key.target)
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


def names_fit(table: Table, scope: CheckScope) -> Iterator[Problem]:
    if "postgresql" not in scope.dialects:
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


def _names_are_text(table: Table, scope: CheckScope) -> Iterator[Problem]:
    said = [table.comment, *(column.comment for column in table.columns)]
    for kind, text in (*_names_of(table), *(("comment", each) for each in said if each)):
        why = unwritable(text)
        if why is not None:
            yield f"a {kind}: {why}", "Write it otherwise."


def _is_not_our_own(table: Table, scope: CheckScope) -> Iterator[Problem]:
    if table.name in OWN_TABLES:
        yield (
            f"{table.name} is a table in which Whimbrel keeps its record",
            "Give the model another db_table.",
        )


def _columns_differ(table: Table, scope: CheckScope) -> Iterator[Problem]:
    fold = scope.fold
    for name in repeated(fold(column.name) for column in table.columns):
        yield f"two fields have the column {name!r}", "Give one of them another db_column."
    if not table.columns and "sqlite" in scope.dialects:
        yield "it has no columns, and SQLite has no such tables", "Give it a field."


def _constraints_differ(table: Table, scope: CheckScope) -> Iterator[Problem]:
    for name in repeated(each.name for each in table.constraints):
        yield f"two constraints have the name {name!r}", "Give one of them another name."


def _values_have_one_source(table: Table, scope: CheckScope) -> Iterator[Problem]:
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


def _actions_can_be(table: Table, scope: CheckScope) -> Iterator[Problem]:
    for key in table.foreign_keys:
        columns = [table.column(name) for name in key.columns]
        for action in (key.on_delete, key.on_update):
            yield from _action_can_be(key, action, columns)


def _action_can_be(key: ForeignKey, action: str | None, columns: list[Column]) -> Iterator[Problem]:
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


def _types_exist(table: Table, scope: CheckScope) -> Iterator[Problem]:
    for column in table.columns:
        for dialect in sorted(scope.dialects):
            reason = _refusal(column.type, dialect)
            if reason is not None:
                yield (
                    f"the type of the column {column.name} does not exist on {dialect}: {reason}",
                    "Use another type there: type.with_variant(..., "
                    f'"{dialect}"); or configure no database of that kind.',
                )


@cached_if_hashable
def _refusal(type: ColumnType, dialect: str) -> str | None:
    """Why a dialect cannot spell a type; None where it can."""
    if isinstance(type, EnumType) and not type.name:
        return "an enum needs a name" if type.native and dialect == "postgresql" else None
    try:
        dialect_of(dialect).type_compiler_instance.process(build(type))
    except (sa.exc.CompileError, NotImplementedError, AttributeError) as error:
        said = str(error).partition("(Background")[0].strip()
        # The compiler's address in memory says nothing to anybody.
        return re.sub(r"^Compiler <.*> can't", "it cannot", said)
    return None


#: Literals of truth values and of numbers, of which neither is cast to the other's types.
_TRUTH = re.compile(r"\(*\s*(true|false)\s*\)*", re.IGNORECASE)
_NUMBER = re.compile(r"\(*\s*[+-]?\d+(\.\d*)?\s*\)*")


def _defaults_are_cast(table: Table, scope: CheckScope) -> Iterator[Problem]:
    """PostgreSQL takes no number for a truth value, nor the reverse (18, 8.6)."""
    if "postgresql" not in scope.dialects:
        return
    for column in table.columns:
        if not isinstance(column.default, SQL):
            continue
        family, written = _family(column), column.default.on("postgresql")
        if family == "boolean" and _NUMBER.fullmatch(written):
            word = "true" if float(written.strip("() ")) else "false"
            yield (
                f"the default of the boolean column {column.name} is the number {written}, which "
                "PostgreSQL does not take",
                f"Say sqlalchemy.{word}(), which each database has its word for; or, in a field, "
                f"default={word.capitalize()}.",
            )
        elif family in ("integer", "decimal", "float") and _TRUTH.fullmatch(written):
            yield (
                f"the default of the number {column.name} is {written}, which PostgreSQL does not take",
                "Write it as a number.",
            )


def _family(column: Column) -> str | None:
    of = column.type
    return None if isinstance(of, EnumType) else family_of(of.on("postgresql"))


def _exclusions_exist(table: Table, scope: CheckScope) -> Iterator[Problem]:
    for each in table.constraints:
        if isinstance(each, Exclude) and "sqlite" in scope.dialects:
            yield (
                f"the exclusion constraint {each.name} exists on PostgreSQL alone",
                "Take it away, or configure no SQLite database.",
            )


def _schema_is_attached(table: Table, scope: CheckScope) -> Iterator[Problem]:
    is_known = scope.attached is not None and "sqlite" in scope.dialects
    if is_known and table.schema and table.schema.lower() not in (scope.attached or ()):
        yield explain_unattached(table.schema)


TABLE_RULES: tuple[Callable[[Table, CheckScope], Iterator[Problem]], ...] = (
    _index_without_columns,
    _target_is_unique,
    names_fit,
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

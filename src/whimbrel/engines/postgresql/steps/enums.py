"""Steps for enum types: in place where PostgreSQL can, else by exchanging the type.

Values are told apart by identity: a label that was renamed is renamed, in rows, defaults and
checks at once, whatever else changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import probes, usage
from whimbrel.engines.postgresql.steps.builder import Builder, Makers
from whimbrel.engines.postgresql.steps.copies import temporary
from whimbrel.engines.postgresql.steps.enum_columns import EnumExchange
from whimbrel.engines.sql.literals import text
from whimbrel.engines.sql.subjects import hazards_of
from whimbrel.engines.step import HazardCode, Step
from whimbrel.schema import changes as c
from whimbrel.schema.order import rename_order
from whimbrel.schema.types import EnumType
from whimbrel.state.naming import shorten


def _create(enum: EnumType, change: c.Change) -> Iterator[Step]:
    if COMPILER.has_type_of(enum):
        name = COMPILER.enum_at(enum)
        sql = f"CREATE TYPE {name} AS ENUM ({COMPILER.labels(enum)})"
        yield Step((sql,), change, done=probes.has_type(name))


def _drop(enum: EnumType, change: c.Change) -> Iterator[Step]:
    if COMPILER.has_type_of(enum):
        name = COMPILER.enum_at(enum)
        yield Step((f"DROP TYPE {name}",), change, done=probes.is_false(probes.has_type(name)))


# -- another enum ----------------------------------------------------------------------------------


def alter_enum(change: c.AlterEnum, builder: Builder) -> Iterator[Step]:
    old, new = change.old, change.new
    fates = _fates(old, new)
    if not (COMPILER.has_type_of(old) and COMPILER.has_type_of(new)):
        yield from _exchange_type(change, fates, builder)
        return
    yield from _rename_labels(old, fates, change)
    if _can_stay(change, fates, builder):
        yield from _add_labels(old, fates, change)
        yield from _move(replace(old, values=new.values), new, change)
    else:
        yield from _exchange_type(change, fates, builder)


@dataclass(frozen=True)
class _Fates:
    """The fate of each label. ``renamed``: old to new; those that go make room if they must."""

    renamed: dict[str, str]
    removed: list[str]
    #: The labels that stay, under their new names, in the old order.
    kept: list[str]
    #: All labels in the new order.
    order: list[str]

    @property
    def added(self) -> list[str]:
        return [label for label in self.order if label not in self.kept]


def _fates(old: EnumType, new: EnumType) -> _Fates:
    by_key = {value.key: value for value in old.values if value.key is not None}
    by_label = {value.label: value for value in old.values}
    partners: dict[str, str] = {}
    for value in new.values:
        was = by_key.get(value.key) if value.key is not None else None
        same = by_label.get(value.label)
        # Where both have identities, these differ.
        if was is None and same is not None and (same.key is None or value.key is None):
            was = same
        if was is not None and was.label not in partners:
            partners[was.label] = value.label
    return _Fates(
        renamed={was: now for was, now in partners.items() if was != now},
        removed=[label for label in old.labels if label not in partners],
        kept=[partners[label] for label in old.labels if label in partners],
        order=list(new.labels),
    )


def _rename_labels(old: EnumType, fates: _Fates, change: c.Change) -> Iterator[Step]:
    """RENAME VALUE; a label that goes makes room for one that takes its name."""
    renames = dict(fates.renamed)
    for label in fates.removed:
        if label in fates.order:
            renames[label] = temporary(label)
    name = COMPILER.enum_at(old)
    for before, after in rename_order(renames, temporary):
        yield Step(
            (f"ALTER TYPE {name} RENAME VALUE {text(before)} TO {text(after)}",),
            change,
            done=probes.has_label(name, after),
            hazards=hazards_of(f"{old.at}.{before}", (HazardCode.BREAKS_OLD_CODE,)),
        )


def _can_stay(change: c.AlterEnum, fates: _Fates, builder: Builder) -> bool:
    """Return True if labels are only added, and none of them is used before the commit.

    A new label is not to be used in the transaction that adds it (55P04; PostgreSQL 18,
    ALTER TYPE).
    """
    if fates.removed or fates.kept != [label for label in fates.order if label in fates.kept]:
        return False
    return not any(usage.uses(later, label) for later in builder.later for label in fates.added)


def _add_labels(old: EnumType, fates: _Fates, change: c.Change) -> Iterator[Step]:
    name = COMPILER.enum_at(old)
    there = list(fates.kept)
    for number, label in enumerate(fates.order):
        if label in there:
            continue
        if number:
            where = f" AFTER {text(fates.order[number - 1])}"
        else:
            where = f" BEFORE {text(there[0])}" if there else ""
        there.append(label)
        sql = f"ALTER TYPE {name} ADD VALUE {text(label)}{where}"
        yield Step((sql,), change, done=probes.has_label(name, label))


def _move(old: EnumType, new: EnumType, change: c.Change) -> Iterator[Step]:
    """Another schema or name; columns follow by themselves."""
    here = old
    if old.schema != new.schema:
        schema = COMPILER.quote(new.schema or "public")
        sql = f"ALTER TYPE {COMPILER.enum_at(here)} SET SCHEMA {schema}"
        here = replace(here, schema=new.schema)
        yield Step((sql,), change, done=probes.has_type(COMPILER.enum_at(here)))
    if old.name != new.name:
        sql = f"ALTER TYPE {COMPILER.enum_at(here)} RENAME TO {COMPILER.quote(new.name)}"
        yield Step((sql,), change, done=probes.has_type(COMPILER.enum_at(new)))


# -- the type is exchanged -----------------------------------------------------------------------


def _exchange_type(change: c.AlterEnum, fates: _Fates, builder: Builder) -> Iterator[Step]:
    """The new type is made, the columns go over, the old one goes; either may be a VARCHAR.

    Of two types the new one has a name for the time being until it takes the old one's place.
    """
    old, new = change.old, change.new
    both = COMPILER.has_type_of(old) and COMPILER.has_type_of(new)
    made = replace(new, name=shorten(f"{new.name}_whimbrel")) if both else new
    yield from _create(made, change)
    exchange = EnumExchange(change, made, fates.renamed, builder)
    yield from exchange.steps_before()
    yield from _drop(old, change)
    yield from _move(made, new, change)
    yield from exchange.steps_after()


STEPS: Makers = {
    c.CreateEnum: lambda change, builder: _create(change.enum, change),
    c.DropEnum: lambda change, builder: _drop(change.enum, change),
    c.AlterEnum: alter_enum,
}

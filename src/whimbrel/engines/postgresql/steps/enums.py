"""Steps for enum types: in place where PostgreSQL can, else by exchanging the type.

Values are told apart by identity: a label that was renamed is renamed, in rows, defaults and
checks at once, whatever else changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from whimbrel.engines.base import Hazard, Step
from whimbrel.engines.postgresql.compiler import SPELLING
from whimbrel.engines.postgresql.steps import builder as w
from whimbrel.engines.postgresql.steps import usage
from whimbrel.engines.postgresql.steps.builder import Makers, Work
from whimbrel.engines.postgresql.steps.enum_columns import Retyping
from whimbrel.engines.sql.literals import text
from whimbrel.schema import changes as c
from whimbrel.schema.order import rename_order
from whimbrel.schema.types import EnumType, EnumValue
from whimbrel.state.naming import shorten


def create_enum(change: c.CreateEnum, work: Work) -> Iterator[Step]:
    if SPELLING.has_type_of(change.enum):
        yield _created(change.enum, change)


def _created(enum: EnumType, change: c.Change) -> Step:
    name = SPELLING.enum_at(enum)
    sql = f"CREATE TYPE {name} AS ENUM ({SPELLING.labels(enum)})"
    return Step((sql,), change, done=w.has_type(name))


def drop_enum(change: c.DropEnum, work: Work) -> Iterator[Step]:
    if SPELLING.has_type_of(change.enum):
        yield _dropped(change.enum, change)


def _dropped(enum: EnumType, change: c.Change) -> Step:
    name = SPELLING.enum_at(enum)
    return Step((f"DROP TYPE {name}",), change, done=w.has_no_type(name))


# -- another enum ----------------------------------------------------------------------------------


def alter_enum(change: c.AlterEnum, work: Work) -> Iterator[Step]:
    old, new = change.old, change.new
    if not (SPELLING.has_type_of(old) and SPELLING.has_type_of(new)):
        yield from _without_a_type(change, work)
        return
    fates = _fates(old, new)
    yield from _relabelled(old, fates, change)
    if _can_stay(change, fates, work):
        yield from _added(old, fates, change)
        yield from _moved(replace(old, values=new.values), new, change)
    else:
        yield from _exchanged(change, fates, work)


@dataclass(frozen=True)
class _Fates:
    """What becomes of each label. ``renamed``: old to new; those that go make room if they must."""

    renamed: dict[str, str]
    removed: list[str]
    #: The labels that stay, under their new names, in the old order.
    kept: list[str]
    #: All labels in the new order.
    order: list[str]

    @property
    def added(self) -> list[str]:
        return [label for label in self.order if label not in self.kept]

    @property
    def are_in_order(self) -> bool:
        kept = set(self.kept)
        return self.kept == [label for label in self.order if label in kept]


def _fates(old: EnumType, new: EnumType) -> _Fates:
    by_key = {value.key: value for value in old.values if value.key is not None}
    by_label = {value.label: value for value in old.values}
    partners: dict[str, str] = {}
    for value in new.values:
        was = by_key.get(value.key) if value.key is not None else None
        was = was or _same_label(by_label.get(value.label), value)
        if was is not None and was.label not in partners:
            partners[was.label] = value.label
    return _Fates(
        renamed={was: now for was, now in partners.items() if was != now},
        removed=[label for label in old.labels if label not in partners],
        kept=[partners[label] for label in old.labels if label in partners],
        order=list(new.labels),
    )


def _same_label(old: EnumValue | None, new: EnumValue) -> EnumValue | None:
    """The old value of that label, unless both have identities (which then differ)."""
    return old if old is not None and (old.key is None or new.key is None) else None


def _relabelled(old: EnumType, fates: _Fates, change: c.Change) -> Iterator[Step]:
    """RENAME VALUE; a label that goes makes room for one that takes its name."""
    renames = dict(fates.renamed)
    for label in fates.removed:
        if label in fates.order:
            renames[label] = _aside(label)
    name = SPELLING.enum_at(old)
    for before, after in rename_order(renames, _aside):
        yield Step(
            (f"ALTER TYPE {name} RENAME VALUE {text(before)} TO {text(after)}",),
            change,
            done=w.has_label(name, after),
            hazards=(Hazard.BREAKS_OLD_CODE,),
        )


def _aside(label: str) -> str:
    return shorten(f"{label}_whimbrel")


def _can_stay(change: c.AlterEnum, fates: _Fates, work: Work) -> bool:
    """Whether labels are only added, and none of them is used before the commit.

    A new label is not to be used in the transaction that adds it (55P04; PostgreSQL 18,
    ALTER TYPE).
    """
    if fates.removed or not fates.are_in_order:
        return False
    return not any(usage.uses(later, label) for later in work.later for label in fates.added)


def _added(old: EnumType, fates: _Fates, change: c.Change) -> Iterator[Step]:
    name = SPELLING.enum_at(old)
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
        yield Step((sql,), change, done=w.has_label(name, label))


def _moved(old: EnumType, new: EnumType, change: c.Change) -> Iterator[Step]:
    """Another schema or name; columns follow by themselves."""
    here = old
    if old.schema != new.schema:
        schema = SPELLING.quote(new.schema or "public")
        sql = f"ALTER TYPE {SPELLING.enum_at(here)} SET SCHEMA {schema}"
        here = replace(here, schema=new.schema)
        yield Step((sql,), change, done=w.has_type(SPELLING.enum_at(here)))
    if old.name != new.name:
        sql = f"ALTER TYPE {SPELLING.enum_at(here)} RENAME TO {SPELLING.quote(new.name)}"
        yield Step((sql,), change, done=w.has_type(SPELLING.enum_at(new)))


# -- the type is exchanged -----------------------------------------------------------------------


def _exchanged(change: c.AlterEnum, fates: _Fates, work: Work) -> Iterator[Step]:
    """A new type under a name for the time being; the columns go over; it takes the old one's name."""
    old, new = change.old, change.new
    made = replace(new, name=shorten(f"{new.name}_whimbrel"))
    after = Retyping(change, made, fates.renamed, work)
    yield _created(made, change)
    yield from after.steps_before()
    yield _dropped(old, change)
    yield from _moved(made, new, change)
    yield from after.steps_after()


def _without_a_type(change: c.AlterEnum, work: Work) -> Iterator[Step]:
    """The enum is a VARCHAR before, after, or both."""
    old, new = change.old, change.new
    had, has = SPELLING.has_type_of(old), SPELLING.has_type_of(new)
    if has:
        yield _created(new, change)
    retyping = Retyping(change, new, _fates(old, new).renamed, work)
    yield from retyping.steps_before()
    if had:
        yield _dropped(old, change)
    yield from retyping.steps_after()


STEPS: Makers = {
    c.CreateEnum: create_enum,
    c.DropEnum: drop_enum,
    c.AlterEnum: alter_enum,
}

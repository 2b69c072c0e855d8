"""Steps for sequences that models name."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import probes
from whimbrel.engines.postgresql.steps.builder import Builder, Makers
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import HazardCode, Step
from whimbrel.schema import changes as c
from whimbrel.schema.table import Identity, Name, Sequence


def create_sequence(change: c.CreateSequence, builder: Builder) -> Iterator[Step]:
    at = change.sequence.at
    options = COMPILER.counting(change.sequence)
    sql = f"CREATE SEQUENCE {COMPILER.at(at)}"
    yield builder.step(f"{sql} {options}" if options else sql, done=probes.exists(at))


def drop_sequence(change: c.DropSequence, builder: Builder) -> Iterator[Step]:
    at = change.sequence.at
    yield builder.step(
        f"DROP SEQUENCE {COMPILER.at(at)}",
        hazards=(HazardCode.LOSES_DATA,),
        done=probes.is_gone(at),
    )


def alter_sequence(change: c.AlterSequence, builder: Builder) -> Iterator[Step]:
    """Another schema, another name, another way to count. Where it stands now stays."""
    old, new = change.old, change.new
    here = old.at
    if old.schema != new.schema:
        schema = COMPILER.quote(new.schema or "public")
        sql = f"ALTER SEQUENCE {COMPILER.at(here)} SET SCHEMA {schema}"
        here = Name(new.schema, here.name)
        yield builder.step(sql, done=probes.exists(here))
    if here.name != new.name:
        sql = f"ALTER SEQUENCE {COMPILER.at(here)} RENAME TO {COMPILER.quote(new.name)}"
        here = new.at
        yield builder.step(sql, done=probes.exists(here))
    if counting := recounted(old, new):
        if {"NO MINVALUE", "NO MAXVALUE"} & set(counting):
            counting.insert(0, "AS bigint")  # whose bounds these are; it may have been made smaller
        altered = f"ALTER SEQUENCE {COMPILER.at(here)} {' '.join(counting)}"
        named = f"{text(COMPILER.at(here))}::regclass"
        yield builder.step(kept_in_bounds(altered, named, old, new))


def recounted(old: Sequence | Identity, new: Sequence | Identity) -> list[str]:
    """The options that differ, those that are None as the server would have them."""
    # The server's own bounds are others for a sequence that counts down.
    turned = ((old.increment or 1) > 0) != ((new.increment or 1) > 0)
    low, high = new.minvalue, new.maxvalue
    by, cache = (1 if each is None else each for each in (new.increment, new.cache))
    said = {
        f"INCREMENT BY {by}": old.increment != new.increment,
        "NO MINVALUE" if low is None else f"MINVALUE {low}": turned or old.minvalue != low,
        "NO MAXVALUE" if high is None else f"MAXVALUE {high}": turned or old.maxvalue != high,
        f"START WITH {_start(new)}": _start(old) != _start(new),
        f"CACHE {cache}": old.cache != new.cache,
        "CYCLE" if new.cycle else "NO CYCLE": old.cycle != new.cycle,
    }
    return [words for words, is_other in said.items() if is_other]


def kept_in_bounds(
    altered: str, named: str, old: Sequence | Identity, new: Sequence | Identity
) -> str:
    """The ALTER, which starts anew where the sequence stands outside of its new bounds.

    ``named``: the sequence as SQL of type regclass. PostgreSQL refuses new bounds otherwise.
    """
    if bounds(old) == bounds(new):
        return altered
    low, high = bounds(new)
    return (
        f"DO $$ BEGIN IF coalesce(pg_sequence_last_value({named}) NOT BETWEEN {low} AND {high}, true) "
        f"THEN {altered} RESTART WITH {_start(new)}; ELSE {altered}; END IF; END $$"
    )


def bounds(of: Sequence | Identity) -> tuple[int, int]:
    """The least and the largest number, as said or as the server has it (18, CREATE SEQUENCE)."""
    forwards = (of.increment or 1) > 0
    low, high = (1, 2**63 - 1) if forwards else (-(2**63), -1)
    return (
        low if of.minvalue is None else of.minvalue,
        high if of.maxvalue is None else of.maxvalue,
    )


def _start(of: Sequence | Identity) -> int:
    """Return its first number: as given, or the end that it counts from."""
    if of.start is not None:
        return of.start
    low, high = bounds(of)
    return low if (of.increment or 1) > 0 else high


STEPS: Makers = {
    c.CreateSequence: create_sequence,
    c.DropSequence: drop_sequence,
    c.AlterSequence: alter_sequence,
}

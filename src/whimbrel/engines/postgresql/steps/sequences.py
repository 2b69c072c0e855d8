"""Steps for sequences that models name."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel.engines.base import Hazard, Step
from whimbrel.engines.postgresql.compiler import SPELLING
from whimbrel.engines.postgresql.steps import builder as w
from whimbrel.engines.postgresql.steps.builder import Makers, Work
from whimbrel.engines.sql.literals import text
from whimbrel.schema import changes as c
from whimbrel.schema.table import Identity, Name, Sequence


def create_sequence(change: c.CreateSequence, work: Work) -> Iterator[Step]:
    at = change.sequence.at
    options = SPELLING.counting(change.sequence)
    sql = f"CREATE SEQUENCE {SPELLING.at(at)}"
    yield work.step(f"{sql} {options}" if options else sql, change, done=w.exists(at))


def drop_sequence(change: c.DropSequence, work: Work) -> Iterator[Step]:
    at = change.sequence.at
    yield work.step(
        f"DROP SEQUENCE {SPELLING.at(at)}",
        change,
        hazards=(Hazard.LOSES_DATA,),
        done=w.is_gone(at),
    )


def alter_sequence(change: c.AlterSequence, work: Work) -> Iterator[Step]:
    """Another schema, another name, another way to count. Where it stands now stays."""
    old, new = change.old, change.new
    here = old.at
    if old.schema != new.schema:
        schema = SPELLING.quote(new.schema or "public")
        there = Name(new.schema, here.name)
        sql = f"ALTER SEQUENCE {SPELLING.at(here)} SET SCHEMA {schema}"
        yield work.step(sql, change, done=w.exists(there))
        here = there
    if here.name != new.name:
        sql = f"ALTER SEQUENCE {SPELLING.at(here)} RENAME TO {SPELLING.quote(new.name)}"
        here = new.at
        yield work.step(sql, change, done=w.exists(here))
    if counting := recounted(old, new):
        if {"NO MINVALUE", "NO MAXVALUE"} & set(counting):
            counting.insert(0, "AS bigint")  # whose bounds these are; it may have been made smaller
        altered = f"ALTER SEQUENCE {SPELLING.at(here)} {' '.join(counting)}"
        named = f"{text(SPELLING.at(here))}::regclass"
        yield work.step(kept_in_bounds(altered, named, old, new), change)


def recounted(old: Sequence | Identity, new: Sequence | Identity) -> list[str]:
    """The options that differ, those that are None as the server would have them."""
    said = []
    # The server's own bounds are others for a sequence that counts down.
    turned = ((old.increment or 1) > 0) != ((new.increment or 1) > 0)
    if old.increment != new.increment:
        said.append(f"INCREMENT BY {1 if new.increment is None else new.increment}")
    if turned or old.minvalue != new.minvalue:
        said.append("NO MINVALUE" if new.minvalue is None else f"MINVALUE {new.minvalue}")
    if turned or old.maxvalue != new.maxvalue:
        said.append("NO MAXVALUE" if new.maxvalue is None else f"MAXVALUE {new.maxvalue}")
    if _start(old) != _start(new):
        said.append(f"START WITH {_start(new)}")
    if old.cache != new.cache:
        said.append(f"CACHE {1 if new.cache is None else new.cache}")
    if old.cycle != new.cycle:
        said.append("CYCLE" if new.cycle else "NO CYCLE")
    return said


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
    """Where it starts: as said, or at the end that it counts from."""
    if of.start is not None:
        return of.start
    low, high = bounds(of)
    return low if (of.increment or 1) > 0 else high


STEPS: Makers = {
    c.CreateSequence: create_sequence,
    c.DropSequence: drop_sequence,
    c.AlterSequence: alter_sequence,
}

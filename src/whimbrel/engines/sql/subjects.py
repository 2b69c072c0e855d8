"""Subjects of changes, in words, and the hazards about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from whimbrel.engines.step import Hazard, HazardCode
from whimbrel.schema import changes as c
from whimbrel.schema.domains import name_of
from whimbrel.schema.swaps import CheckSwaps, SwapColumns
from whimbrel.schema.table import Name


def subject_of(change: c.Change | None) -> str:
    """Return the table, column, constraint, index or type that a change is about."""
    match change:
        case c.CreateSequence(sequence=of) | c.DropSequence(sequence=of) | c.AlterSequence(old=of):
            return str(of.at)
        case c.CreateEnum(enum=of) | c.DropEnum(enum=of) | c.AlterEnum(old=of):
            return str(of.at)
        case c.CreateDomain(domain=of) | c.DropDomain(domain=of) | c.AlterDomain(old=of):
            return str(name_of(of))
        case c.RenameColumn(at, old):
            return f"{at}.{old}"
        case c.TableChange(at):
            # Its second field is the column, constraint or index, as it was.
            name = getattr(change, fields(change)[1].name).name
            return f"{at}.{name}" if name else str(at)
        case CheckSwaps(swaps) | SwapColumns(swaps):
            return f"{swaps[0].table}.{swaps[0].old.name}"
        case c.CreateSchema(name) | c.DropSchema(name):
            return name
        case c.Change():
            return str(table_of(change) or "")
    return ""


def table_of(change: c.Change) -> Name | None:
    """Return the table that a change concerns, by the name that it has before; None for any other change."""
    match change:
        case c.CreateTable(table=of) | c.DropTable(table=of) | c.AlterTable(new=of):
            return of.at
        case c.RenameTable(old=at) | c.TableChange(table=at):
            return at
    return None


#: The codes that are about a table as a whole, whatever in it changes.
_OF_TABLES = frozenset(
    [
        HazardCode.REWRITES_TABLE,
        HazardCode.SCANS_TABLE,
        HazardCode.BLOCKS_WRITES,
        HazardCode.REBUILDS_TABLE,
    ]
)


def hazards_of(
    subject: str, codes: Iterable[HazardCode], at: Name | None = None
) -> tuple[Hazard, ...]:
    """Return the hazards of these codes about one subject, in the table ``at``."""
    return tuple(Hazard(code, str(at) if at and code in _OF_TABLES else subject) for code in codes)

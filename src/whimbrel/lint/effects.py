"""Effects: what the items of a plan do to tables, and to code that uses them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from whimbrel.engines.sql.subjects import table_of
from whimbrel.engines.step import Hazard, HazardCode, Step
from whimbrel.lint.statements import Breaks, Consequence, Reading
from whimbrel.planning.items import PlanItem, item_text
from whimbrel.schema import changes as c
from whimbrel.schema.types import label_renames


@dataclass(frozen=True)
class Effect:
    """A hazard of an item. operation: the number of its operation in the migration, from 1.

    table: the one that it is about, as people write it. sql: what does it. breaks: how, where old code
    breaks. to_text: see `Consequence`. is_refused: True if migrate refuses it for a large table.
    """

    hazard: Hazard
    operation: int
    table: str
    sql: str
    breaks: Breaks = "gone"
    to_text: str | None = None
    is_refused: bool = False

    @property
    def instead(self) -> str | None:
        """What to do where nobody knows a form that keeps nobody waiting; None where a rule knows better."""
        if not self.is_refused:
            return None
        return (
            "Nobody knows a form of this that keeps nobody waiting, so migrate refuses it while the table is large. "
            "Take another way (a new table, a virtual column, a CHECK), or a maintenance window: online = False "
            "in the migration's class."
        )

    @property
    def code(self) -> HazardCode:
        """The kind of hazard."""
        return self.hazard.code

    @property
    def message(self) -> str:
        """The hazard for people: "blog_post.title: ..."."""
        return f"{self.hazard.subject}: {self.hazard.message}"


def effects_of(
    item: PlanItem, known: Sequence[Consequence] = (), seen: Sequence[Consequence] = ()
) -> Iterator[Effect]:
    """Return what an item does: a step by its hazards, the user's SQL by its text.

    known: what the text tells. seen: what was seen of it where it was run.
    """
    number = operation_of(item)
    told = {(each.code, each.table) for each in known}
    # A table that is emptied has a new file, too.
    told |= {(HazardCode.REWRITES_TABLE, at) for code, at in told if code is HazardCode.LOSES_DATA}
    for each in (*known, *(each for each in seen if (each.code, each.table) not in told)):
        hazard = Hazard(each.code, each.subject)
        yield Effect(hazard, number, each.table, item_text(item), each.breaks, each.to_text)
    if isinstance(item, Step):
        tables = tables_of_step(item)
        for hazard in item.hazards:
            table = tables[0] if tables else hazard.subject
            is_refused = item.has(HazardCode.NO_SAFE_FORM)
            yield Effect(hazard, number, table, item.sql, _how(item), is_refused=is_refused)


@lru_cache(maxsize=1024)
def read(sql: str, dialect: str) -> Reading:
    """Return what a statement does, as far as its text tells."""
    try:
        from whimbrel.lint.parsing import parse
    except ImportError:
        return Reading(unread="sqlglot is not installed: pip install 'whimbrel[lint]'")
    return parse(sql, dialect)


def operation_of(item: PlanItem) -> int:
    """Return the number of the operation that an item comes from: "2.1" is of the second."""
    return int(item.id.partition(".")[0] or 0)


def tables_of_step(step: Step) -> list[str]:
    """Return the tables that the changes of a step are about, as people write them."""
    return [str(at) for at in map(table_of, step.changes) if at is not None]


def _how(step: Step) -> Breaks:
    match step.change:
        case c.RenameTable() | c.RenameColumn():
            return "renamed"
        case c.AlterEnum(old=old, new=new) if old.at != new.at or label_renames(old, new):
            return "renamed"
    return "gone"

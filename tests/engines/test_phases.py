"""Where changes stand to a deploy, and what they are about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postgresql_cases import CASES
from sqlite_cases import CASES as SQLITE
from tables import BIG, INTEGER, TEXT, enum, index, table
from whimbrel.engines import engine_for
from whimbrel.engines.sql.phases import phase_of
from whimbrel.engines.sql.subjects import subject_of
from whimbrel.engines.step import HazardCode, Phase
from whimbrel.schema import changes as c
from whimbrel.schema.differ import diff
from whimbrel.schema.expressions import Constant, Q
from whimbrel.schema.table import Check, Column, ForeignKey, Name, Schema, Sequence, Unique

EXPAND, CONTRACT = Phase.EXPAND, Phase.CONTRACT
POST = table(name="post")
AT = POST.at
X = Column("x", INTEGER, null=True, key="x")
GIVEN = replace(X, null=False, default=Constant(1))
CHECK, UNIQUE = Check("c", Q(x__gt=0)), Unique("u", ("x",))
KEY = ForeignKey("f", ("x",), Name(None, "author"), ("id",))
INDEX, UNIQUE_INDEX = index("x", name="i"), index("x", name="i", unique=True)
MOOD, MORE = enum("mood", "sad", "ok"), enum("mood", "sad", "ok", "happy")
COUNTER = Sequence("counter")

TABLE = [
    (c.CreateTable(POST), EXPAND, "post"),
    (c.DropTable(POST), CONTRACT, "post"),
    (c.RenameTable(AT, Name("blog", "entry")), CONTRACT, "post"),
    (c.AlterTable(POST, replace(POST, comment="x")), EXPAND, "post"),
    (c.AddColumn(AT, X), EXPAND, "post.x"),
    (c.DropColumn(AT, X), CONTRACT, "post.x"),
    (c.RenameColumn(AT, "x", "y"), CONTRACT, "post.x"),
    (c.AlterColumn(AT, X, replace(X, comment="x")), EXPAND, "post.x"),
    (c.AlterColumn(AT, X, replace(X, type=BIG)), EXPAND, "post.x"),
    (c.AlterColumn(AT, replace(X, type=BIG), X), CONTRACT, "post.x"),
    (c.AlterColumn(AT, X, replace(X, type=TEXT)), CONTRACT, "post.x"),
    (c.AlterColumn(AT, X, GIVEN), CONTRACT, "post.x"),
    (c.AlterColumn(AT, GIVEN, X), EXPAND, "post.x"),
    (c.AlterColumn(AT, GIVEN, replace(GIVEN, default=None)), CONTRACT, "post.x"),
    (c.AlterColumn(AT, GIVEN, replace(GIVEN, default=Constant(2))), EXPAND, "post.x"),
    (c.AddConstraint(AT, CHECK), CONTRACT, "post.c"),
    (c.ValidateConstraint(AT, CHECK), EXPAND, "post.c"),
    (c.DropConstraint(AT, CHECK), EXPAND, "post.c"),
    (c.DropConstraint(AT, KEY), EXPAND, "post.f"),
    (c.DropConstraint(AT, UNIQUE), CONTRACT, "post.u"),
    (c.RenameConstraint(AT, CHECK, replace(CHECK, name="d")), EXPAND, "post.c"),
    (c.FillColumn(AT, X), EXPAND, "post.x"),
    (c.AddNotNull(AT, X), CONTRACT, "post.x"),
    (c.ValidateNotNull(AT, X), EXPAND, "post.x"),
    (c.SetNotNull(AT, X), CONTRACT, "post.x"),
    (c.AddIndex(AT, INDEX), EXPAND, "post.i"),
    (c.AddIndex(AT, UNIQUE_INDEX), CONTRACT, "post.i"),
    (c.DropIndex(AT, INDEX), CONTRACT, "post.i"),
    (c.RenameIndex(AT, INDEX, replace(INDEX, name="j")), EXPAND, "post.i"),
    (c.CreateEnum(MOOD), EXPAND, "mood"),
    (c.AlterEnum(MOOD, MORE), EXPAND, "mood"),
    (c.AlterEnum(MORE, MOOD), CONTRACT, "mood"),
    (c.DropEnum(MOOD), CONTRACT, "mood"),
    (c.CreateSequence(COUNTER), EXPAND, "counter"),
    (c.AlterSequence(COUNTER, replace(COUNTER, cache=2)), EXPAND, "counter"),
    (c.AlterSequence(COUNTER, replace(COUNTER, name="other")), CONTRACT, "counter"),
    (c.CreateSchema("blog"), EXPAND, "blog"),
    (c.DropSchema("blog"), CONTRACT, "blog"),
]


@pytest.mark.parametrize(("change", "phase", "subject"), TABLE, ids=lambda of: type(of).__name__)
def test_a_change_has_a_phase_and_a_subject(change: c.Change, phase: Phase, subject: str) -> None:
    assert phase_of(change) is phase
    assert subject_of(change) == subject


BOTH = [
    *(("postgresql", case.before, case.after) for case in CASES),
    *(("sqlite", Schema.of(before), Schema.of(after)) for _, before, after in SQLITE),
]


@pytest.mark.parametrize(("dialect", "before", "after"), BOTH, ids=lambda of: str(of)[:10])
def test_what_breaks_old_code_is_no_step_of_the_first_phase(
    dialect: str, before: Schema, after: Schema
) -> None:
    for step in engine_for(dialect).steps(diff(before, after), before):
        assert step.phase is CONTRACT or not step.has(HazardCode.BREAKS_OLD_CODE)

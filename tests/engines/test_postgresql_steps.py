"""What steps say of themselves: every kind of change has some, and their locks are the server's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from postgresql_cases import CASES, DOMAINS, Case
from steps import Moment, carry_out
from whimbrel.engines import Step
from whimbrel.engines.base import Engine
from whimbrel.engines.postgresql import ENGINE
from whimbrel.engines.postgresql.engine import MAKERS
from whimbrel.engines.sql import execute
from whimbrel.engines.step import HazardCode
from whimbrel.schema.changes import Change, TableChange
from whimbrel.schema.differ import diff
from whimbrel.schema.table import Schema


@pytest.fixture
def connection(postgresql_url: str) -> Iterator[Connection]:
    engine = sa.create_engine(postgresql_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_every_kind_of_change_has_steps() -> None:
    # By name: a dataclass with slots leaves the class that it was made of among the subclasses.
    every = (*Change.__subclasses__(), *TableChange.__subclasses__())
    kinds = {kind.__name__ for kind in every} - {"TableChange"}
    assert {kind.__name__ for kind in MAKERS} == kinds


def test_the_engine_keeps_the_contract() -> None:
    asked = {name for name in vars(Engine) if not name.startswith("_")}
    assert asked <= {name for name in dir(ENGINE) if not name.startswith("_")}


# -- locks, scans and rewrites -----------------------------------------------------------------


def in_turn(connection: Connection, case: Case) -> Iterator[tuple[Step, Moment, Moment]]:
    """Each step of a case in a transaction of its own, with how things stood around it."""
    for step in ENGINE.steps(diff(case.before, case.after), case.before):
        with connection.begin():
            before = Moment(connection)
            for statement in ENGINE.settle(connection, step):
                execute(connection, statement)
            yield step, before, Moment(connection)


@pytest.mark.parametrize("case", [*CASES, *DOMAINS], ids=lambda case: case.name)
def test_locks_scans_and_rewrites_are_told_as_they_happen(
    case: Case, connection: Connection
) -> None:
    if not case.fits(connection):
        pytest.skip(f"came with PostgreSQL {case.since}")
    carry_out(connection, Schema(), case.before)
    for row in case.rows:
        execute(connection, row)
    # Of tables that the case itself creates nothing is told: nobody else sees them yet.
    known = Moment(connection).names.keys()
    connection.commit()
    for step, before, after in in_turn(connection, case):
        before.refuse_untold(after, step, known)


# -- hazards -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [*CASES, *DOMAINS], ids=lambda case: case.name)
def test_what_is_told_of_a_step_holds_together(case: Case) -> None:
    for step in ENGINE.steps(diff(case.before, case.after), case.before):
        assert step.rewrites == (step.has(HazardCode.REWRITES_TABLE))
        assert not step.sql.endswith(";")
        assert all(hazard.subject for hazard in step.hazards)
        assert step.transactional

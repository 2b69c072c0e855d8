"""What steps say of themselves: every kind of change has some. Their locks are in test_claims.py."""

from __future__ import annotations

import pytest

from postgresql_cases import CASES, DOMAINS, Case
from whimbrel.engines.base import Engine
from whimbrel.engines.postgresql import ENGINE
from whimbrel.engines.postgresql.engine import MAKERS
from whimbrel.engines.step import HazardCode
from whimbrel.schema.changes import Change, TableChange
from whimbrel.schema.differ import diff


def test_every_kind_of_change_has_steps() -> None:
    # By name: a dataclass with slots leaves the class that it was made of among the subclasses.
    every = (*Change.__subclasses__(), *TableChange.__subclasses__())
    kinds = {kind.__name__ for kind in every} - {"TableChange"}
    assert {kind.__name__ for kind in MAKERS} == kinds


def test_the_engine_keeps_the_contract() -> None:
    asked = {name for name in vars(Engine) if not name.startswith("_")}
    assert asked <= {name for name in dir(ENGINE) if not name.startswith("_")}


# -- hazards -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [*CASES, *DOMAINS], ids=lambda case: case.name)
def test_what_is_told_of_a_step_holds_together(case: Case) -> None:
    for step in ENGINE.steps(diff(case.before, case.after), case.before):
        assert step.rewrites == (step.has(HazardCode.REWRITES_TABLE))
        assert not step.sql.endswith(";")
        assert all(hazard.subject for hazard in step.hazards)
        assert step.transactional

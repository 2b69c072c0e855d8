"""From one schema to another on a real server: the catalog, and the rows that survive."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from catalog import catalog
from postgresql_cases import CASES, DOMAINS, Case
from steps import carry_out
from whimbrel.engines.sql import execute
from whimbrel.schema.table import Schema

pytestmark = pytest.mark.reduced


@pytest.mark.parametrize("case", [*CASES, *DOMAINS], ids=lambda case: case.name)
def test_a_change_leads_to_what_a_direct_creation_gives(case: Case, connection: Connection) -> None:
    if not case.fits(connection):
        pytest.skip(f"came with PostgreSQL {case.since}")
    nothing = catalog(connection)
    directly = {}
    for target in (case.after, case.before):
        carry_out(connection, Schema(), target)
        directly[id(target)] = catalog(connection)
        carry_out(connection, target, Schema())
        assert catalog(connection) == nothing

    carry_out(connection, Schema(), case.before)
    for row in case.rows:
        execute(connection, row)
    connection.commit()
    carry_out(connection, case.before, case.after)
    assert catalog(connection) == directly[id(case.after)]
    if case.found is not None:
        assert list(connection.execute(sa.text(case.query)).scalars()) == case.found
    if case.back:
        carry_out(connection, case.after, case.before)
        assert catalog(connection) == directly[id(case.before)]

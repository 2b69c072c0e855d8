"""The law of `lint`: of a history that applies, every migration can be judged, and twice in the same way."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from properties.test_check import App
from strategies import examples
from whimbrel.engines import engine_for
from whimbrel.errors import WhimbrelError
from whimbrel.history.loader import History, load
from whimbrel.history.migration import Migration
from whimbrel.history.node import Node
from whimbrel.lint.linting import Judged, LintOptions, judge
from whimbrel.lint.scope import LintScope
from whimbrel.operations import Operation
from wild import wild_histories


def history_of(operations: list[tuple[str, Operation]], size: int) -> History:
    """Some operations in each migration, those of an app in a row together."""
    made: list[tuple[Node, Migration]] = []
    for app, group in groupby(operations, itemgetter(0)):
        rest = [operation for _, operation in group]
        for own in (rest[at : at + size] for at in range(0, len(rest), size)):
            body = {"operations": own, "dependencies": [made[-1][0].key] if made else []}
            migration = type("Migration", (Migration,), body)(app, f"{len(made):04d}")
            made.append((Node.of(migration, str(len(made))), migration))
    return load([App("one"), App("two")], made)


def judged(history: History, dialect: str) -> list[Judged]:
    engine = engine_for(dialect)
    return [
        judge([LintScope(history, engine, node)], LintOptions()) for node in history.graph.order()
    ]


@given(
    operations=wild_histories(most=6),
    size=st.integers(1, 3),
    dialect=st.sampled_from(["postgresql", "sqlite"]),
)
@settings(
    max_examples=examples(60),
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_migration_that_applies_can_be_judged(
    operations: list[tuple[str, Operation]], size: int, dialect: str
) -> None:
    try:
        history = history_of(operations, size)
        history.project_state()
    except WhimbrelError:
        return  # it applies nowhere
    assert judged(history, dialect) == judged(history_of(operations, size), dialect)

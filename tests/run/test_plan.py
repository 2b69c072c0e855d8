"""Plans: from targets, files and records to what is done, in which order and how together."""

from __future__ import annotations

import pytest

from whimbrel.history.graph import Graph
from whimbrel.history.node import Key, Node
from whimbrel.planning.plan import Plan, Target, make_plan

pytestmark = pytest.mark.reduced

#: blog: 1 <- 2 <- 3; shop: 1 <- 2, where shop.2 waits for blog.2, and blog.3 is a barrier.
GRAPH = Graph(
    [
        Node("blog", "0001"),
        Node("blog", "0002", (("blog", "0001"),)),
        Node("blog", "0003", (("blog", "0002"),), has_barrier=True),
        Node("shop", "0001"),
        Node("shop", "0002", (("shop", "0001"), ("blog", "0002"))),
    ],
    ["blog", "shop"],
)

ALL = frozenset(GRAPH.nodes)


def keys(*short: str) -> frozenset[Key]:
    return frozenset(("blog" if each[0] == "b" else "shop", f"000{each[1]}") for each in short)


def shown(plan: Plan) -> list[list[str]]:
    return [[f"{node.app[0]}{node.name[-1]}" for node in stage.nodes] for stage in plan.stages]


@pytest.mark.parametrize(
    ("target", "applied", "stages", "backwards"),
    [
        (Target(), keys(), [["b1", "b2"], ["b3"], ["s1", "s2"]], False),
        (Target(), keys("b1"), [["b2"], ["b3"], ["s1"], ["s2"]], False),
        (Target(), ALL, [], False),
        (Target("shop"), keys(), [["b1", "b2", "s1", "s2"]], False),
        (Target("shop", "0001"), keys(), [["s1"]], False),
        (Target("blog", "0003"), keys("b1", "b2", "s1"), [["b3"]], False),
        (Target("blog", "0002"), ALL, [["b3"]], True),
        (Target("blog", "0001"), ALL, [["s2"], ["b3"], ["b2"]], True),
        (Target("blog", "zero"), ALL, [["s2"], ["b3"], ["b2"], ["b1"]], True),
        (Target("shop", "zero"), ALL, [["s2"], ["s1"]], True),
        (Target("shop", "zero"), keys("b1"), [], True),
        (Target("blog", "0003"), ALL, [], True),
    ],
)
def test_plans(
    target: Target, applied: frozenset[Key], stages: list[list[str]], backwards: bool
) -> None:
    plan = make_plan(GRAPH, target, applied)
    assert shown(plan) == stages
    assert plan.backwards == backwards


def test_the_long_way() -> None:
    plan = make_plan(GRAPH, Target(), (), leap=False)
    assert shown(plan) == [["b1"], ["b2"], ["b3"], ["s1"], ["s2"]]

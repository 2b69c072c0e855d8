"""Graphs of migrations and the plans that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest

from whimbrel.errors import ConflictError, CycleError, NodeError
from whimbrel.history.graph import Graph
from whimbrel.history.node import Key, Node

pytestmark = pytest.mark.reduced


def key(label: str) -> Key:
    app, _, name = label.partition(".")
    return app, name


def node(label: str, *after: str, before: Iterable[str] = ()) -> Node:
    app, name = key(label)
    return Node(app, name, tuple(map(key, after)), tuple(map(key, before)))


def shown(nodes: Iterable[Node]) -> str:
    return " ".join(each.label for each in nodes)


#: a: 1 <- 2 <- 3;  b: 1 <- 2, and b.1 wants a.2, a.3 wants b.1
WOVEN = Graph(
    [
        node("b.2", "b.1"),
        node("b.1", "a.2"),
        node("a.3", "a.2", "b.1"),
        node("a.2", "a.1"),
        node("a.1"),
        node("c.1"),
    ],
    ["a", "b", "c", "empty"],
)


def test_the_order_is_by_dependencies_then_by_app_then_by_name() -> None:
    assert shown(WOVEN.order()) == "a.1 a.2 b.1 a.3 b.2 c.1"
    turned = Graph(WOVEN.order(), ["c", "b", "a"])
    assert shown(turned.order()) == "c.1 a.1 a.2 b.1 b.2 a.3"
    assert [turned.position(each.key) for each in turned.order()] == [*range(6)]


def test_what_is_around_a_node() -> None:
    assert shown(WOVEN.parents(("a", "3"))) == "a.2 b.1"
    assert shown(WOVEN.children(("a", "2"))) == "b.1 a.3"
    assert shown(WOVEN.of_app("a")) == "a.1 a.2 a.3"
    assert shown(WOVEN.roots("b")) == "b.1"
    assert shown(WOVEN.leaves()) == "a.3 b.2 c.1"
    assert shown(WOVEN.leaves("b")) == "b.2"
    assert WOVEN.leaf("b") == WOVEN.node(("b", "2"))
    assert WOVEN.leaf("empty") is None
    assert (len(WOVEN), ("a", "1") in WOVEN, ("a", "9") in WOVEN) == (6, True, False)
    assert WOVEN.apps == ("a", "b", "c", "empty")


FORWARDS = [
    (["a.3"], "", "a.1 a.2 b.1 a.3"),
    (["b.2"], "", "a.1 a.2 b.1 b.2"),
    (["b.2"], "a.1 a.2", "b.1 b.2"),
    (["a.3", "b.2", "c.1"], "", "a.1 a.2 b.1 a.3 b.2 c.1"),
    (["a.3"], "a.1 a.2 b.1 a.3", ""),
    ([], "", ""),
]


@pytest.mark.parametrize(("targets", "applied", "plan"), FORWARDS)
def test_a_plan_forwards(targets: list[str], applied: str, plan: str) -> None:
    done = {key(label) for label in applied.split()}
    assert shown(WOVEN.forwards(map(key, targets), done)) == plan


BACKWARDS = [
    ("a.3", None, ""),
    ("a.2", None, "a.3"),
    ("a.1", None, "b.2 a.3 b.1 a.2"),
    ("b.1", None, "b.2"),
    ("a.1", "a.1 a.2 b.1", "b.1 a.2"),
]


@pytest.mark.parametrize(("target", "applied", "plan"), BACKWARDS)
def test_a_plan_backwards_undoes_only_what_depends_on_it(
    target: str, applied: str | None, plan: str
) -> None:
    done = None if applied is None else {key(label) for label in applied.split()}
    assert shown(WOVEN.backwards_to(key(target), done)) == plan


def test_a_plan_to_zero() -> None:
    assert shown(WOVEN.backwards_to_zero("b")) == "b.2 a.3 b.1"
    assert shown(WOVEN.backwards_to_zero("b", {("b", "1"), ("a", "1")})) == "b.1"
    assert shown(WOVEN.backwards_to_zero("empty")) == ""


def test_run_before_turns_a_dependency_round() -> None:
    graph = Graph([node("b.1"), node("a.1"), node("c.1", before=["a.1"])], ["a", "b", "c"])
    assert shown(graph.order()) == "b.1 c.1 a.1"
    assert shown(graph.parents(("a", "1"))) == "c.1"


def test_first_and_latest_are_settled() -> None:
    graph = Graph(
        [
            node("a.1"),
            node("a.2", "a.__first__"),
            node("b.1", "a.__first__"),
            node("b.2", "b.1", "a.__latest__"),
        ]
    )
    assert shown(graph.parents(("a", "2"))) == "a.1"
    assert shown(graph.parents(("b", "1"))) == "a.1"
    assert shown(graph.parents(("b", "2"))) == "a.2 b.1"
    assert shown(graph.leaves()) == "a.2 b.2"


BROKEN: list[tuple[list[Node], type[Exception], str]] = [
    (
        [node("a.1"), node("b.1", "a.2")],
        NodeError,
        "b.1 wants a.2, and there is no migration a.2\nBring the file back, or take that "
        "dependency out.",
    ),
    (
        [node("a.0001_initial"), node("b.1", "a.0001_inital")],
        NodeError,
        "b.1 wants a.0001_inital, and there is no migration a.0001_inital\n"
        "Did you mean '0001_initial'?",
    ),
    (
        [node("blog.1"), node("b.1", "blgo.1")],
        NodeError,
        "b.1 wants blgo.1, and there is no app 'blgo'\nDid you mean 'blog'?",
    ),
    (
        [node("b.1", "acme.1")],
        NodeError,
        "b.1 wants acme.1, and there is no app 'acme'\nAdd it to apps in [tool.whimbrel], or "
        "take that dependency out.",
    ),
    (
        [node("b.1", before=["a.1"]), node("a.2")],
        NodeError,
        "b.1 wants a.1, and there is no migration a.1\nBring the file back, or take that "
        "dependency out.",
    ),
    (
        [node("b.1", "empty.__first__")],
        NodeError,
        "b.1 wants empty.__first__, and empty has no migrations\n"
        "Write its first one: whimbrel makemigrations empty",
    ),
    (
        [node("a.1"), node("a.2", "a.__latest__")],
        NodeError,
        "a.2 wants the latest migration of its own app\nName the migration that it comes after.",
    ),
    (
        [node("a.1", "b.1"), node("b.1", "c.1"), node("c.1", "a.1"), node("d.1", "a.1")],
        CycleError,
        "migrations wait for each other: a.1 -> b.1 -> c.1 -> a.1\n",
    ),
    ([node("a.1", "a.1")], CycleError, "migrations wait for each other: a.1 -> a.1\n"),
    (
        [node("a.1"), node("a.2", "a.1"), node("a.3", "a.1"), node("b.1", "a.__latest__")],
        ConflictError,
        "a has 2 leaves: 2, 3\n",
    ),
    (
        [node("a.1"), node("a.2"), node("b.1", "a.__first__")],
        ConflictError,
        "a has 2 roots: 1, 2\n",
    ),
]


@pytest.mark.parametrize(("nodes", "error", "message"), BROKEN)
def test_a_broken_graph_is_named(nodes: list[Node], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        Graph(nodes, ["a", "empty"])
    assert message in _turned(str(caught.value))


def _turned(message: str) -> str:
    """A cycle may be told from any of its members; here from the one that sorts first."""
    start, arrow, _ = message.partition("other: ")
    path, newline, rest = message[len(start) + len(arrow) :].partition("\n")
    names = path.split(" -> ")
    if not arrow or names[0] != names[-1]:
        return message
    first = names.index(min(names[:-1]))
    turned = [*names[first:-1], *names[:first], names[first]]
    return f"{start}{arrow}{' -> '.join(turned)}{newline}{rest}"


def test_two_leaves_are_named_with_the_command_that_merges() -> None:
    graph = Graph([node("a.1"), node("a.2", "a.1"), node("a.3", "a.1"), node("b.1")])
    assert {app: shown(nodes) for app, nodes in graph.conflicts().items()} == {"a": "a.2 a.3"}
    with pytest.raises(ConflictError) as caught:
        graph.refuse_conflicts()
    assert "a has 2 leaves: 2, 3" in str(caught.value)
    assert "whimbrel makemigrations --merge" in str(caught.value)
    assert caught.value.exit_code == 4
    with pytest.raises(ConflictError):
        graph.leaf("a")
    graph.refuse_conflicts(["b"])


@pytest.mark.parametrize("label", ["a.9", "x.1"])
def test_a_key_that_is_not_there_is_named(label: str) -> None:
    with pytest.raises(NodeError, match="there is no"):
        WOVEN.forwards([key(label)])


def test_a_chain_of_ten_thousand_is_an_ordinary_one() -> None:
    names = [f"{number:05d}" for number in range(10_000)]
    chain = [node("a.00000"), *(node(f"a.{n}", f"a.{m}") for m, n in pairwise(names))]
    graph = Graph(reversed(chain))
    assert [each.name for each in graph.order()] == names
    assert len(graph.forwards([("a", names[-1])])) == 10_000
    assert [each.name for each in graph.backwards_to(("a", names[0]))] == names[:0:-1]


def test_a_cycle_of_ten_thousand_is_named() -> None:
    names = [f"a.{number}" for number in range(10_000)]
    ring = [node(name, names[index - 1]) for index, name in enumerate(names)]
    with pytest.raises(CycleError):
        Graph(ring)

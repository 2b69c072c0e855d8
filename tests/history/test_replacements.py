"""Which migrations are in force where squashes replace others, as tables."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from whimbrel.errors import CycleError, HistoryError, NodeError, WhimbrelError
from whimbrel.history.graph import Graph
from whimbrel.history.node import Key, Node
from whimbrel.history.replacements import Squashes

pytestmark = pytest.mark.reduced


def key(label: str) -> Key:
    app, _, name = label.partition(".")
    return app, name


def keys(labels: str) -> list[Key]:
    return [key(label) for label in labels.split()]


def node(label: str, after: str = "", *, replaces: str = "", before: str = "") -> Node:
    return Node(*key(label), tuple(keys(after)), tuple(keys(before)), tuple(keys(replaces)))


def chain(last: int, first: int = 1) -> list[Node]:
    """a.1 <- a.2 <- ..."""
    return [
        node(f"a.{number}", f"a.{number - 1}" if number > first else "")
        for number in range(first, last + 1)
    ]


def shown(found: Iterable[Key]) -> str:
    return " ".join(sorted(f"{app}.{name}" for app, name in found))


S = node("a.S", replaces="a.1 a.2 a.3")
#: a.1 a.2 a.3, which a.S replaces, and a.4 after them.
ONE = [*chain(4), S]
#: a.T replaces a.S, which replaces a.1 to a.3, and a.4.
TWO = [*chain(5), S, node("a.T", replaces="a.S a.4")]

IN_FORCE = [
    # files, recorded, half done, what is in force, what counts as applied without a row
    (ONE, None, "", "a.4 a.S", ""),
    (ONE, "", "", "a.4 a.S", ""),
    (ONE, "a.1", "", "a.1 a.2 a.3 a.4", ""),
    (ONE, "a.2", "", "a.1 a.2 a.3 a.4", ""),
    (ONE, "a.1 a.2", "", "a.1 a.2 a.3 a.4", ""),
    (ONE, "a.1 a.2 a.3", "", "a.4 a.S", "a.S"),
    (ONE, "a.1 a.2 a.3 a.4", "", "a.4 a.S", "a.S"),
    (ONE, "a.1 a.2 a.3 a.S", "", "a.4 a.S", ""),
    (ONE, "a.S", "", "a.4 a.S", ""),
    (ONE, "a.1 a.S", "", "a.4 a.S", ""),
    # half done
    (ONE, "", "a.1", "a.1 a.2 a.3 a.4", ""),
    (ONE, "a.1 a.2", "a.3", "a.1 a.2 a.3 a.4", ""),
    (ONE, "a.1 a.2 a.3", "a.3", "a.1 a.2 a.3 a.4", ""),
    (ONE, "a.1 a.2 a.3 a.S", "a.3", "a.1 a.2 a.3 a.4", ""),
    (ONE, "", "a.S", "a.4 a.S", ""),
    (ONE, "a.1 a.2 a.3 a.S", "a.S", "a.4 a.S", ""),
    (ONE, "a.1 a.2 a.3", "a.4", "a.4 a.S", "a.S"),
    # a squash of a squash
    (TWO, None, "", "a.5 a.T", ""),
    (TWO, "", "", "a.5 a.T", ""),
    (TWO, "a.1", "", "a.1 a.2 a.3 a.4 a.5", ""),
    (TWO, "a.1 a.2 a.3", "", "a.4 a.5 a.S", "a.S"),
    (TWO, "a.S", "", "a.4 a.5 a.S", ""),
    (TWO, "a.1 a.2 a.3 a.S", "", "a.4 a.5 a.S", ""),
    (TWO, "a.1 a.2 a.3 a.4", "", "a.5 a.T", "a.T"),
    (TWO, "a.S a.4", "", "a.5 a.T", "a.T"),
    (TWO, "a.1 a.2 a.3 a.4 a.S a.T", "", "a.5 a.T", ""),
    (TWO, "a.T", "", "a.5 a.T", ""),
    (TWO, "", "a.S", "a.4 a.5 a.S", ""),
    (TWO, "", "a.2", "a.1 a.2 a.3 a.4 a.5", ""),
    (TWO, "a.4", "", "a.4 a.5 a.S", ""),
    # the same, where the outer one names all: what is in the inner one is left to it
    ([*chain(4), S, node("a.T", replaces="a.1 a.2 a.3 a.S a.4")], "a.1", "", shown(map(key, ["a.1", "a.2", "a.3", "a.4"])), ""),
    ([*chain(4), S, node("a.T", replaces="a.1 a.2 a.3 a.S a.4")], "a.S a.4", "", "a.T", "a.T"),
    # pruned on this checkout
    ([*chain(4, 4), S], "", "", "a.4 a.S", ""),
    ([*chain(4, 4), S], None, "", "a.4 a.S", ""),
    ([*chain(4, 4), S], "a.1 a.2 a.3", "", "a.4 a.S", "a.S"),
    ([*chain(4, 4), S], "a.S", "", "a.4 a.S", ""),
    ([node("a.T", replaces="a.S a.4")], "a.1 a.2 a.3 a.S a.4", "", "a.T", "a.T"),
    # what there never was
    ([*chain(2), S], "", "", "a.S", ""),
    ([*chain(2), S], None, "", "a.S", ""),
    # others are not concerned
    ([*ONE, node("b.1")], "b.1", "", "a.4 a.S b.1", ""),
    (chain(2), "a.1 x.9", "", "a.1 a.2", ""),
]  # fmt: skip


@pytest.mark.parametrize(("files", "recorded", "half", "in_force", "counted"), IN_FORCE)
def test_what_is_in_force(
    files: list[Node], recorded: str | None, half: str, in_force: str, counted: str
) -> None:
    for turned in (files, files[::-1]):
        record = None if recorded is None else frozenset(keys(recorded))
        resolution = Squashes(turned).resolve(record, keys(half))
        assert shown(each.key for each in resolution.nodes) == in_force
        assert shown(resolution.complete) == counted
        hidden = {each.key for each in turned} - {each.key for each in resolution.nodes}
        assert hidden <= resolution.replacements.keys()
        in_graph = {each.key for each in resolution.nodes}
        for edge in resolution.replacements.values():
            assert in_graph.issuperset((*edge.first, *edge.last))


STANDING = [
    (ONE, None, "a.2", "a.S", "a.S"),
    (ONE, "a.1", "a.S", "a.1", "a.3"),
    (TWO, "a.1", "a.T", "a.1", "a.4"),
    (TWO, "a.1", "a.S", "a.1", "a.3"),
    (TWO, "a.1 a.2 a.3", "a.T", "a.S", "a.4"),
    (TWO, "a.1 a.2 a.3", "a.2", "a.S", "a.S"),
    (TWO, None, "a.S", "a.T", "a.T"),
    (TWO, None, "a.2", "a.T", "a.T"),
    # two branches that were never merged, and one that runs before another
    ([node("a.1"), node("a.2", "a.1"), node("a.3", "a.1"), S], "a.1", "a.S", "a.1", "a.2 a.3"),
    ([node("a.1", before="a.2"), node("a.2"), node("a.3", "a.2"), S], "a.1", "a.S", "a.1", "a.3"),
    # without files
    ([*chain(4, 4), S], None, "a.2", "a.S", "a.S"),
]


@pytest.mark.parametrize(("files", "recorded", "hidden", "first", "last"), STANDING)
def test_what_stands_for_what_is_hidden(
    files: list[Node], recorded: str | None, hidden: str, first: str, last: str
) -> None:
    record = None if recorded is None else frozenset(keys(recorded))
    edge = Squashes(files).resolve(record).replacements[key(hidden)]
    assert (shown(edge.first), shown(edge.last)) == (first, last)


REFUSED: list[tuple[list[Node], str, type[WhimbrelError], str]] = [
    (
        [S, node("a.4", "a.S"), node("a.2", "a.4")],
        "a.2",
        HistoryError,
        "a.S replaces a migration of this name, and this one comes after it",
    ),
    ([node("a.S", replaces="a.1 a.S")], "", HistoryError, "a.S: it replaces itself"),
    ([node("a.S", replaces="b.1")], "", HistoryError, "a.S: it replaces b.1, which is another app's"),
    (
        [*chain(3), S, node("a.U", replaces="a.3 a.4")],
        "",
        HistoryError,
        "a.3: two squashes replace it: a.S and a.U\nNeither holds all of the other: delete one",
    ),
    (
        [*chain(3), S, node("a.U", replaces="a.1 a.2 a.3 a.4")],
        "",
        HistoryError,
        "Let a.U replace the other (('a', 'S') in its `replaces`",
    ),
    (
        [node("a.S", replaces="a.T"), node("a.T", replaces="a.S")],
        "",
        CycleError,
        "squashes replace each other: a.",
    ),
    # some are applied, and files of originals are gone
    ([*chain(4, 3), S], "a.1 a.2", HistoryError, "without a file: a.1, a.2\nBring the files back from"),
    ([node("a.1"), node("a.2", "a.1"), S], "a.1 a.2", HistoryError, "or take out of `replaces` what"),
    ([*chain(4, 4), S], "a.1", HistoryError, "whimbrel migrate a S --fake"),
    ([node("a.1"), node("a.T", replaces="a.S a.4")], "a.4", HistoryError, "without a file: a.S, a.4"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "recorded", "error", "words"), REFUSED)
def test_what_cannot_be_settled(
    files: list[Node], recorded: str, error: type[WhimbrelError], words: str
) -> None:
    with pytest.raises(error) as caught:
        Squashes(files).resolve(frozenset(keys(recorded)))
    assert words in str(caught.value)
    assert caught.value.hint


def test_a_squash_may_be_assumed_against_the_record() -> None:
    resolution = Squashes([*chain(4, 4), S]).resolve(keys("a.1"), (), [S.key])
    assert shown(each.key for each in resolution.nodes) == "a.4 a.S"


def graph(files: list[Node], recorded: str | None = None) -> Graph:
    record = None if recorded is None else frozenset(keys(recorded))
    resolution = Squashes(files).resolve(record)
    return Graph(resolution.nodes, ["a", "b"], resolution.replacements)


PARENTS = [
    # what depends on something hidden waits for what stands for it
    (ONE, None, "a.4", "a.S"),
    (ONE, "a.1", "a.4", "a.3"),
    ([*ONE, node("b.1", "a.2")], None, "b.1", "a.S"),
    ([*ONE, node("b.1", "a.2")], "a.1", "b.1", "a.2"),
    ([*ONE, node("b.1", "a.S")], "a.1", "b.1", "a.3"),
    ([*ONE, node("b.1", "a.S a.1")], None, "b.1", "a.S"),
    ([*TWO, node("b.1", "a.T")], "a.1 a.2 a.3", "b.1", "a.4"),
    ([*TWO, node("b.1", "a.S")], None, "b.1", "a.T"),
    ([*chain(4, 4), S, node("b.1", "a.2")], None, "b.1", "a.S"),
    ([*ONE, node("b.1", before="a.2")], None, "a.S", "b.1"),
    ([*ONE, node("b.1", before="a.S")], "a.1", "a.1", "b.1"),
    ([*ONE, node("b.1", "a.__first__")], None, "b.1", "a.S"),
    ([*ONE, node("b.1", "a.__first__")], "a.1", "b.1", "a.1"),
    ([*ONE, node("b.1", "a.__latest__")], None, "b.1", "a.4"),
    ([*chain(3), S, node("b.1", "a.__latest__")], "a.1", "b.1", "a.3"),
]


@pytest.mark.parametrize(("files", "recorded", "of", "parents"), PARENTS)
def test_what_waits_for_what_is_hidden(
    files: list[Node], recorded: str | None, of: str, parents: str
) -> None:
    assert shown(each.key for each in graph(files, recorded).parents(key(of))) == parents


def test_leaves_and_names() -> None:
    found = graph([*chain(3), S])
    assert [leaf.name for leaf in found.leaves("a")] == ["S"]
    assert found.conflicts() == {}
    assert sorted(found.names("a")) == ["1", "2", "3", "S"]
    with pytest.raises(NodeError, match=r"a\.2 is part of the squash a\.S"):
        found.node(key("a.2"))
    with pytest.raises(NodeError, match=r"the squash a\.S is not in force"):
        graph([*chain(3), S], "a.1").node(key("a.S"))


CIRCLES = [
    # b.1 stands between a.1 and a.3
    (
        [node("a.1"), node("a.2", "a.1"), node("a.3", "a.2 b.1"), node("b.1", "a.1"),
         node("a.S", "b.1", replaces="a.1 a.2 a.3")],
        "the squash a.S makes migrations wait for each other: ",
    ),
    ([*chain(3), node("a.S", "a.2", replaces="a.1 a.2 a.3")], "it waits for a.2, which it replaces"),
    ([node("a.1", "a.1")], "migrations wait for each other: a.1 -> a.1"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "words"), CIRCLES)
def test_a_circle_names_the_squash(files: list[Node], words: str) -> None:
    with pytest.raises(CycleError) as caught:
        graph(files)
    assert words in caught.value.message
    assert caught.value.hint


def test_where_the_squash_is_not_in_force_there_is_no_circle() -> None:
    files = CIRCLES[0][0]
    assert [each.label for each in graph(files, "a.1").order()] == ["a.1", "a.2", "b.1", "a.3"]


@pytest.mark.parametrize("recorded", [None, "a.1", "b.1"])
def test_ten_thousand(recorded: str | None) -> None:
    """That it ends at all: nothing may be quadratic, or go down ten thousand calls."""
    many = chain(10_000)
    squash = Node("a", "S", replaces=tuple(each.key for each in many))
    others = [node(f"b.{number}", f"a.{number} a.S") for number in range(1, 10_001)]
    found = graph([*many, squash, *others], recorded)
    assert len(found) == (20_000 if recorded == "a.1" else 10_001)


def test_squashes_in_squashes_a_thousand_deep() -> None:
    files = chain(1_000)
    files.append(node("a.S2", replaces="a.1 a.2"))
    files += [node(f"a.S{at}", replaces=f"a.S{at - 1} a.{at}") for at in range(3, 1_001)]
    assert shown(graph(files).nodes) == "a.S1000"
    assert len(graph(files, "a.1")) == 1_000
    assert shown(graph(files, "a.S1000").nodes) == "a.S1000"

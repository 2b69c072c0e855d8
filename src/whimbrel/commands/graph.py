"""The graph of migrations as a picture that nobody has drawn yet: rows, lanes and edges.

Each app is a list of rows in the order of applying. A lane leads from a migration down to one that
waits for it in the same app; what an app waits for in others is an edge without a lane.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from whimbrel.commands.show import Mark, Shown, ShownHistory


@dataclass(frozen=True)
class Row:
    """A migration and the lanes around it; lanes are numbered from the left, from 0.

    ``passing``: lanes that go by. ``joined``: lanes that end in it from above, besides its own.
    ``forked``: lanes that begin in it, besides its own. ``elsewhere``: labels of what it waits for
    in other apps. ``is_loose``: whether it is joined to nothing, as a migration without a file is.
    """

    shown: Shown
    lane: int
    passing: tuple[int, ...] = ()
    joined: tuple[int, ...] = ()
    forked: tuple[int, ...] = ()
    elsewhere: tuple[str, ...] = ()
    is_leaf: bool = False
    is_loose: bool = False

    @property
    def lanes(self) -> tuple[int, ...]:
        """All lanes in it and around it."""
        return self.lane, *self.passing, *self.joined, *self.forked


@dataclass(frozen=True)
class Edge:
    """``child`` waits for ``parent``, by their labels. ``lane``: None between two apps."""

    parent: str
    child: str
    lane: int | None


@dataclass(frozen=True)
class AppLayout:
    """The rows of an app."""

    app: str
    rows: tuple[Row, ...]

    @property
    def leaves(self) -> tuple[str, ...]:
        """The names of its leaves."""
        return tuple(row.shown.name for row in self.rows if row.is_leaf)

    @property
    def is_conflict(self) -> bool:
        """True if it has more than one leaf."""
        return len(self.leaves) > 1

    @property
    def width(self) -> int:
        """The greatest number of lanes side by side."""
        return max((max(row.lanes) for row in self.rows), default=-1) + 1


@dataclass(frozen=True)
class GraphLayout:
    """The apps, and all edges. ``database``: the one whose marks are shown; None offline."""

    database: str | None
    apps: tuple[AppLayout, ...]
    edges: tuple[Edge, ...]

    @property
    def rows(self) -> Iterator[Row]:
        """The rows of all apps."""
        return (row for app in self.apps for row in app.rows)

    @property
    def outside(self) -> tuple[str, ...]:
        """The labels of migrations that are waited for, in apps that are not shown."""
        inside = {row.shown.label for row in self.rows}
        return tuple(dict.fromkeys(e.parent for e in self.edges if e.parent not in inside))


def layout(history: ShownHistory) -> GraphLayout:
    """The picture of a history."""
    of_app: dict[str, list[Shown]] = {app: [] for app in history.apps}
    for each in history.migrations:
        of_app[each.app].append(each)
    edges: list[Edge] = []
    apps = tuple(AppLayout(app, tuple(_rows(found, edges))) for app, found in of_app.items())
    return GraphLayout(history.database, apps, tuple(edges))


def _rows(migrations: Iterable[Shown], edges: list[Edge]) -> Iterator[Row]:
    """The rows of an app's migrations; adds its edges."""
    found = list(migrations)
    children = _children(found)
    lanes = _Lanes()
    for shown in found:
        if shown.mark is Mark.NO_FILE or not shown.in_force:
            yield lanes.loose(shown)
            continue
        row = lanes.row(shown, children[shown.label])
        edges += (Edge(parent, shown.label, lanes.of(parent, shown)) for parent in shown.waits_for)
        yield row


def _children(migrations: Iterable[Shown]) -> Mapping[str, list[str]]:
    """Return what waits for each of an app's migrations in the app itself, by labels, in order."""
    children: dict[str, list[str]] = {each.label: [] for each in migrations}
    for each in migrations:
        for parent in each.waits_for:
            if parent in children:
                children[parent].append(each.label)
    return children


class _Lanes:
    """The lanes of an app, as they are below the last row."""

    def __init__(self) -> None:
        #: The child that each lane leads to; None where a lane is free.
        self._leads_to: list[str | None] = []
        self._taken: dict[tuple[str, str], int] = {}
        #: The lane of the row before, and that of the one before which is not loose.
        self._before = self._before_loose = -1

    def of(self, parent: str, child: Shown) -> int | None:
        """The lane of an edge."""
        return self._taken.get((parent, child.label))

    def row(self, shown: Shown, children: list[str]) -> Row:
        """The next migration. It takes the leftmost lane that leads to it; the rest join there."""
        coming = [lane for lane, child in enumerate(self._leads_to) if child == shown.label]
        lane, *joined = coming or [self._free(self._before)]
        for each in joined:
            self._leads_to[each] = None
        self._lead(lane, None)
        passing = self._passing()
        forked = self._fork(shown.label, lane, children)
        self._before = self._before_loose = lane
        return Row(
            shown,
            lane,
            passing,
            tuple(joined),
            forked,
            elsewhere=tuple(
                each for each in shown.waits_for if each.partition(".")[0] != shown.app
            ),
            is_leaf=not children,
        )

    def loose(self, shown: Shown) -> Row:
        """The next migration, which no lane leads to or from."""
        lane = self._free(self._before_loose)
        self._before = lane
        return Row(shown, lane, self._passing(), is_loose=True)

    def _fork(self, label: str, lane: int, children: list[str]) -> tuple[int, ...]:
        """The first child goes straight on; each other one gets a lane to the right."""
        forked = []
        for child in children:
            taken = self._free(lane, after=lane) if self._is_taken(lane) else lane
            self._lead(taken, child)
            self._taken[label, child] = taken
            forked += [taken] if taken != lane else []
        return tuple(forked)

    def _free(self, avoided: int, after: int = -1) -> int:
        """The first free lane behind another one.

        ``avoided``: that of the row before, under which a row would look like its child.
        """
        lane = after + 1
        while self._is_taken(lane) or lane == avoided:
            lane += 1
        return lane

    def _is_taken(self, lane: int) -> bool:
        return lane < len(self._leads_to) and self._leads_to[lane] is not None

    def _lead(self, lane: int, child: str | None) -> None:
        self._leads_to += [None] * (lane + 1 - len(self._leads_to))
        self._leads_to[lane] = child

    def _passing(self) -> tuple[int, ...]:
        while self._leads_to and self._leads_to[-1] is None:
            self._leads_to.pop()
        return tuple(lane for lane, child in enumerate(self._leads_to) if child is not None)

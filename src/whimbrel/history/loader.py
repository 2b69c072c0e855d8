"""From directories of files to a history: nodes at once, modules when they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from whimbrel.errors import LoadError, NodeError, StateError, WhimbrelError, did_you_mean
from whimbrel.history.cache import Cache, MigrationPath
from whimbrel.history.graph import FIRST, LATEST, Graph
from whimbrel.history.migration import Migration
from whimbrel.history.modules import Package, find_files, migration_in
from whimbrel.history.node import Key, Node, label_of
from whimbrel.history.replacements import Resolution, Squashes

if TYPE_CHECKING:
    from whimbrel.operations.base import Operation
    from whimbrel.state.state import State
    from whimbrel.state.state_pair import StatePair


class App(Protocol):
    """An app, as the loader needs it; the configuration has it."""

    @property
    def label(self) -> str:
        """The app's name in migrations."""

    @property
    def package(self) -> str | None:
        """The app's package, where it has one."""

    @property
    def migrations(self) -> Path:
        """The directory of its migration files."""


class MigrationStates(NamedTuple):
    """A node, with the states before and after it."""

    node: Node
    before: StatePair
    after: StatePair


def load(apps: Sequence[App], more: Iterable[tuple[Node, Migration]] = ()) -> History:
    """The history of these apps, with all squashes in force.

    A file is imported only where the cache does not know it. more: migrations of these apps
    that have no file. Raises `LoadError` for a broken file, and what `Squashes` and `Graph`
    raise.
    """
    directories = {app.label: _Directory(app.label, app.migrations, app.package) for app in apps}
    nodes = [node for directory in directories.values() for node in directory.nodes()]
    for node, migration in more:
        directories[node.app].add(migration)
        nodes.append(node)
    return History(directories, Squashes(nodes))


class Files(NamedTuple):
    """Migration files, those that do not load too: for who asks what is wrong with them all."""

    nodes: list[Node]
    broken: dict[Key, LoadError]
    directories: dict[str, _Directory]

    def history(self, nodes: Iterable[Node]) -> History:
        """The history of these nodes. Raises what `Squashes` and `Graph` raise."""
        return History(self.directories, Squashes(nodes))

    def migration(self, key: Key) -> Migration:
        """The migration of a file that loads."""
        return self.directories[key[0]].migration(key[1])


def load_what_loads(apps: Sequence[App]) -> Files:
    """The files of these apps, whatever is wrong with some of them.

    Raises `LoadError` only where a directory itself cannot be read.
    """
    directories = {app.label: _Directory(app.label, app.migrations, app.package) for app in apps}
    broken: dict[Key, LoadError] = {}
    nodes = [node for each in directories.values() for node in each.nodes(broken)]
    for node in nodes:
        try:
            directories[node.app].migration(node.name)
        except LoadError as error:  # the cache knows it from when it loaded
            broken[node.key] = error
    return Files([node for node in nodes if node.key not in broken], broken, directories)


class History:
    """All migrations: their graph, what they do, and the states that they lead to.

    ``graph`` has those in force: offline every squash and nothing that one replaces; of the
    history that fits a database (`resolve_squashes`), what is in force there.
    """

    def __init__(
        self,
        directories: Mapping[str, _Directory],
        squashes: Squashes,
        resolution: Resolution | None = None,
    ) -> None:
        resolution = resolution or squashes.resolve()
        self.graph = Graph(resolution.nodes, list(directories), resolution.replacements)
        self.squashes = squashes
        #: Squashes in force that count as applied, and that the record does not have yet.
        self.complete = resolution.complete
        #: Squashes that are not in force, since their originals are.
        self.expanded = resolution.expanded
        self._resolution = resolution
        self._directories = directories
        #: The last state that was asked for, and how many nodes of the order lead to it.
        self._reached: tuple[int, StatePair] | None = None

    @property
    def files(self) -> Mapping[Key, Node]:
        """The nodes of all files: of those that are hidden too."""
        return self.squashes.nodes

    def resolve_squashes(
        self,
        applied: Collection[Key],
        half_done: Collection[Key] = (),
        assumed: Collection[Key] = (),
    ) -> History:
        """The history that fits a record (see `Squashes.resolve`); it shares the modules.

        Raises `HistoryError` where originals are to be in force and their files are gone.
        """
        if not self.squashes:
            return self
        resolution = self.squashes.resolve(applied, half_done, assumed)
        if resolution == self._resolution:
            return self
        return History(self._directories, self.squashes, resolution)

    def recorded_with(self, key: Key) -> list[Node]:
        """The nodes that are recorded when this one is: itself, and all that it replaces.

        What has no file here gets a node that has nothing but its name.
        """
        own = self.graph.node(key)
        inside = self.squashes.inside(key)
        return [own, *(self.files.get(each) or Node(*each) for each in sorted(inside))]

    def forgotten_with(self, key: Key) -> list[Key]:
        """The keys that are forgotten when this one is undone."""
        if not self.squashes:
            return [key]
        return [key, *self.squashes.inside(key), *self.squashes.outside(key)]

    def node(self, app: str, name: str) -> Node:
        """The node of a name, of its beginning, of ``__first__`` or ``__latest__``.

        The last migration of a squash in force is that squash. Raises `NodeError` where there is
        none or several, with the names that there are, or where it is inside a squash.
        """
        nodes = self.graph.of_app(app)
        if name in (FIRST, LATEST) or (app, name) in self.graph:
            return self.graph.node(self.graph.resolve((app, name)))
        if (app, name) in self.graph.replacements:
            return self._replacement_of((app, name))
        found = [node for node in nodes if node.name.startswith(name)]
        if len(found) == 1:
            return found[0]
        known = () if found else self.graph.replacements
        hidden = sorted(key for key in known if key[0] == app and key[1].startswith(name))
        if len(hidden) == 1:
            return self._replacement_of(hidden[0])
        if found or hidden:
            found = found or [Node(*key) for key in hidden]
            names = ", ".join(node.name for node in found)
            raise NodeError(
                f"{app} has several migrations that start with {name!r}: {names}",
                hint="Give more of the name.",
            )
        raise NodeError(
            f"{app} has no migration {name!r}",
            hint=did_you_mean(name, [node.name for node in nodes]) or _all_of(nodes, app),
        )

    def _replacement_of(self, key: Key) -> Node:
        """Return the replacement of a hidden migration that is a target. Raises `NodeError`."""
        last = self.graph.replacements[key].last
        if key in self.expanded:
            return self.graph.node(last[0] if len(last) == 1 else key)
        squash = self.graph.node(last[0])
        if self._ends(squash) == [key]:
            return squash
        raise NodeError(
            f"{label_of(key)} is part of the squash {squash.label}, which is in force: "
            "there is no stop inside it",
            hint=f"Name the squash, or what stands before or after it: {squash.app} {squash.name}",
        )

    def _ends(self, squash: Node) -> list[Key]:
        """Return the last of the migrations that a squash replaces, where all their files are there."""
        inside = self.squashes.inside(squash.key)
        if not self.files.keys() >= set(inside):
            return []
        named = {key for each in inside for key in self.files[each].dependencies}
        inner = {part for key in named for part in self.squashes.inside(key)}
        squashes = self.squashes.parts.keys()
        return [key for key in inside if key not in named | inner | squashes]

    def migration(self, key: Key) -> Migration:
        """The migration of a node; its file is imported now, if it was not before."""
        node = self.files.get(key) or self.graph.node(key)
        return self._directories[key[0]].migration(node.name)

    def digest(self, key: Key) -> str:
        """The digest of what a migration does as it was imported; a node may know an older one."""
        from whimbrel.history.digest import digest

        migration = self.migration(key)
        return digest(migration.operations, type(migration).__module__)

    # -- states

    def apply(self, key: Key, states: StatePair) -> StatePair:
        """The states after a migration. Raises `StateError` and others with the migration's name."""
        from whimbrel.operations.base import replay

        migration = self.migration(key)
        for operation in migration.operations:
            with self.naming(migration, operation):
                states = replay(migration.app, [operation], states)
        return states

    @contextmanager
    def naming(self, migration: Migration, operation: Operation) -> Iterator[None]:
        """Give errors of an operation the migration that it is in, and why it does not fit there.

        Raises `StateError` for any other error: of an operation of the user's own.
        """
        try:
            yield
        except WhimbrelError as error:
            error.place = f"{migration.label}: {error.place or _title_of(operation)}"
            error.hint = self.why_it_does_not_fit((migration.app, migration.name)) or error.hint
            raise
        except Exception as error:
            raise StateError(
                f"{type(error).__name__}: {error}",
                place=f"{migration.label}: {_title_of(operation)}",
                hint="The operation's own code raised it: --traceback shows where.",
            ) from error

    def why_it_does_not_fit(self, key: Key) -> str | None:
        """Return a hint for a migration that comes after a squash, and was made on something inside it.

        A branch may have it that was begun before the squash. None for others.
        """
        dependencies = self.files[key].dependencies if key in self.files else ()
        for each in dependencies:
            edge = self._resolution.replacements.get(each)
            squash = edge.last[0] if edge else None
            if squash in self.squashes.parts and each not in self._ends(self.graph.node(squash)):
                return (
                    f"It was made on {label_of(each)}, and comes after all of {label_of(squash)} now, "
                    "which replaces that. Where it is applied nowhere, write it as it has to be "
                    "after the squash; else delete the squash's file, merge the branches "
                    "(whimbrel makemigrations --merge), and squash again."
                )
        return None

    def state_before(self, key: Key) -> StatePair:
        """The states after all that comes before a node in the order of the graph."""
        return self._replay(self.graph.position(key))

    def state_after(self, key: Key) -> StatePair:
        """The states after a node, and after all that comes before it in the order of the graph."""
        return self._replay(self.graph.position(key) + 1)

    def project_state(self) -> State:
        """Return the models after all migrations: the next one is compared with them."""
        return self._replay(len(self.graph)).models

    def states_of(self, keys: Iterable[Key]) -> StatePair:
        """The states after these migrations, in the order of the graph, and after no other."""
        chosen = sorted(set(keys), key=self.graph.position)
        if chosen == [node.key for node in self.graph.order()[: len(chosen)]]:
            return self._replay(len(chosen))
        states = _nothing()
        for key in chosen:
            states = self.apply(key, states)
        return states

    def states(
        self, plan: Iterable[Key], applied: Collection[Key] = ()
    ) -> Iterator[MigrationStates]:
        """Each migration of a plan with the states around it, on top of what is applied.

        To go backwards, give the plan turned round, and as ``applied`` what stays.
        """
        states = self.states_of(applied)
        for key in plan:
            after = self.apply(key, states)
            yield MigrationStates(self.graph.node(key), states, after)
            states = after

    def _replay(self, length: int) -> StatePair:
        """The states after the first nodes of the order. What is asked for in turn costs one each."""
        done, states = self._reached or (0, _nothing())
        if done > length:
            done, states = 0, _nothing()
        for node in self.graph.order()[done:length]:
            states = self.apply(node.key, states)
        self._reached = (length, states)
        return states


class _Directory:
    """The migration files of one app."""

    def __init__(self, app: str, path: Path, hint: str | None) -> None:
        self.app = app
        self._files = {found.name: found for found in find_files(path)}
        self._cache = Cache(path)
        self._path, self._hint = path, hint
        self._package: Package | None = None
        self._migrations: dict[str, Migration] = {}

    def nodes(self, broken: dict[Key, LoadError] | None = None) -> list[Node]:
        """All nodes: remembered ones, else imported ones.

        broken: takes the errors of files that do not load; without it, the first one is raised.
        """
        nodes = []
        for found in self._files.values():
            try:
                nodes.append(self._cache.node(self.app, found) or self._import_node(found))
            except LoadError as error:
                if broken is None:
                    raise
                broken[self.app, found.name] = error
        self._cache.save(list(self._files))
        return nodes

    def add(self, migration: Migration) -> None:
        """One more, which has no file."""
        self._migrations[migration.name] = migration

    def migration(self, name: str) -> Migration:
        if name not in self._migrations:
            self._import(self._files[name])
        return self._migrations[name]

    def _import_node(self, found: MigrationPath) -> Node:
        # Not needed, and not imported, where the cache knows every file.
        from whimbrel.history.digest import digest

        migration = self._import(found)
        made = digest(migration.operations, type(migration).__module__)
        node = Node.of(migration, migration.digest_of(made), found.file)
        self._cache.remember(found, node)
        return node

    def _import(self, found: MigrationPath) -> Migration:
        if self._package is None:
            self._package = Package(self._path, self._hint)
        migration = migration_in(self._package.import_file(found), self.app, found)
        self._migrations[found.name] = migration
        return migration


def _title_of(operation: Operation) -> str:
    """A line for people about an operation that failed: its own may be what is wrong."""
    try:
        return operation.describe()
    except Exception:
        return type(operation).__name__


def _nothing() -> StatePair:
    # Late, since planning needs no state.
    from whimbrel.state.state_pair import StatePair

    return StatePair.empty()


def _all_of(nodes: Sequence[Node], app: str) -> str:
    if not nodes:
        return f"It has none yet: whimbrel makemigrations {app}"
    return f"It has: {', '.join(node.name for node in nodes)}."

"""`check`: everything that is wrong with models, files and record, as values.

Whatever is broken, the rest is still asked where it can be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whimbrel.commands.check.codes import CODES, OF_DATABASE, OF_HISTORY, Unasked
from whimbrel.commands.check.finders import (
    node_of_error,
    of_classes,
    of_edit,
    of_half_done,
    of_labels,
    of_missing,
    of_operations,
    of_questions,
    of_unknown,
    of_unmigrated,
    without_what_is_missing,
)
from whimbrel.commands.edits import edits_of, find_edited
from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.errors import (
    ConfigError,
    DatabaseError,
    HistoryError,
    QuestionError,
    UsageError,
    WhimbrelError,
    did_you_mean,
)
from whimbrel.findings import Finding, finding_of
from whimbrel.history.loader import Files, History, load_what_loads
from whimbrel.history.node import Key, Node

if TYPE_CHECKING:
    from whimbrel.run.record import Record
    from whimbrel.state.state import State


@dataclass(frozen=True)
class Checked:
    """The findings. ``database``: without its password; None where none was asked.

    ``ignored``: how many findings have a code that was not wanted.
    """

    database: str | None
    findings: tuple[Finding, ...] = ()
    unasked: tuple[Unasked, ...] = ()
    ignored: int = 0

    @property
    def exit_code(self) -> int:
        """The command's exit code: 5 where a database could not be asked, 4 where history is broken."""
        if any(each.codes == OF_DATABASE for each in self.unasked):
            return 5
        if any(each.code in OF_HISTORY for each in self.findings):
            return 4
        return 1 if self.findings else 0


def check(
    config: Config,
    apps: Iterable[str] = (),
    *,
    alias: str = DEFAULT_ALIAS,
    offline: bool = False,
    ignore: Iterable[str] = (),
) -> Checked:
    """All that is wrong; nothing is written anywhere, but for what is remembered in __pycache__.

    apps: only what is theirs. offline: no database is asked. ignore: codes that are left out,
    besides those of the configuration. Raises `UsageError` for a code that there is not,
    `ConfigError` for an app or an alias that there is not.
    """
    unwanted = _check_codes([*config.check_ignore, *ignore])
    wanted = [config.app(app).label for app in apps]
    checking = _Checking(config, wanted, alias)
    checking.files()
    checking.models()
    database = None if offline else checking.record()
    found = [each for each in checking.found if not wanted or each.app in (None, *wanted)]
    kept = [each for each in found if each.code not in unwanted]
    order = list(CODES)
    return Checked(
        database=database,
        findings=tuple(sorted(kept, key=lambda each: order.index(each.code))),
        unasked=tuple(each for each in checking.unasked if set(each.codes) - unwanted),
        ignored=len(found) - len(kept),
    )


def _check_codes(codes: Iterable[str]) -> frozenset[str]:
    for code in codes:
        if code not in CODES:
            raise UsageError(
                f"there is no finding {code!r} that could be ignored",
                hint=did_you_mean(code, CODES) or f"Codes: {', '.join(CODES)}.",
            )
    return frozenset(codes)


@dataclass
class _Checking:
    """One check. What is found grows; what cannot be asked any more is noted."""

    config: Config
    wanted: list[str]
    alias: str
    found: list[Finding] = field(default_factory=list)
    unasked: list[Unasked] = field(default_factory=list)
    #: The history, if its graph holds together; broken files and dependencies left out of it.
    history: History | None = field(default=None, init=False)
    loaded: Files = field(init=False)
    #: What the models look like after all files, if that can be told.
    state: State | None = field(default=None, init=False)
    #: Apps of whose own migrations not all are known: what looks like a leaf may be none.
    gapped: set[str] = field(default_factory=set, init=False)
    #: Whether the history is all that the files say.
    is_whole: bool = field(default=True, init=False)

    # -- the files

    def files(self) -> None:
        """Check the migration files by themselves."""
        self.loaded = load_what_loads(self.config.apps)
        for (app, _), error in self.loaded.broken.items():
            self._add("load", error, app=app)
            self.gapped.add(app)
        self.is_whole = not self.loaded.broken
        self._graph()
        if self.history is not None:
            self._conflicts(self.history)
        self._state()
        self._operations()
        self._labels()

    def _graph(self) -> None:
        nodes, missing = without_what_is_missing(self.loaded)
        for node, key in missing:
            self.found.append(of_missing(node, key, self.loaded.nodes))
            self.gapped |= {node.app} & {key[0]}
        self.is_whole = self.is_whole and not missing
        try:
            self.history = self.loaded.history(nodes)
        except HistoryError as error:
            code = error.code if error.code in CODES else "squash"
            self._add(code, error, node_of_error(nodes, error))
            self.is_whole = False

    def _conflicts(self, history: History) -> None:
        for app, leaves in history.graph.conflicts().items():
            if app not in self.gapped:
                try:
                    history.graph.refuse_conflicts([app])
                except HistoryError as error:
                    self._add("conflict", error, leaves[-1])

    def _state(self) -> None:
        """The state that the files lead to."""
        if self.history is None or not self.is_whole:
            self._leave(("state",), "the migration files are inconsistent")
            return
        try:
            self.state = self.history.project_state()
        except HistoryError as error:
            self._add("state", error, node_of_error(self.history.graph.order(), error))
            return
        self._steps(self.history)

    def _steps(self, history: History) -> None:
        """Check that every engine could apply each migration, and undo it."""
        from whimbrel.commands.check.replay import first_unsound
        from whimbrel.commands.make import dialects_of

        place = self.config.apps[0].migrations if self.config.apps else None
        found = first_unsound(history, dialects_of(self.config), place)
        if found is not None:
            self._add("state", found[1], found[0])

    def _operations(self) -> None:
        """Operations that nobody could undo, or carry out; classes that history hangs on."""
        for node in self.loaded.nodes:
            if self.wanted and node.app not in self.wanted:
                continue
            migration = self.loaded.migration(node.key)
            self.found += of_classes(node, migration)
            if node.has_barrier:
                self.found += of_operations(node, migration.operations)

    def _labels(self) -> None:
        """Find labels used before the commit that adds them, where a configured database refuses it."""
        from whimbrel.commands.make import dialects_of
        from whimbrel.run.connect import engines_of_new

        if self.state is None or self.history is None:
            return
        wanted = [node for node in self.loaded.nodes if node.has_barrier]
        for engine in engines_of_new(dialects_of(self.config)) if wanted else ():
            if engine.capabilities.new_labels_wait:
                for node in wanted:
                    self.found += of_labels(self.history, node, engine.dialect)

    # -- the models

    def models(self) -> None:
        """Check the models by themselves, and against the migrations."""
        from whimbrel.sources.project import import_errors

        errors = import_errors(self.config)
        for app, error in {error.place: (app, error) for app, error in errors.items()}.values():
            self._add("model", error, app=app)
        if errors:
            self._leave(("unmigrated",), "models do not import")
            return
        try:
            self._check_models()
        except WhimbrelError as error:
            self._add("model", error)
            self._leave(("unmigrated",), "the models are inconsistent")

    def _check_models(self) -> None:
        from whimbrel.commands.make import dialects_of
        from whimbrel.sources import read_models
        from whimbrel.sources.checks import findings

        live = read_models(self.config, before=self.state)
        wrong = findings(live, dialects_of(self.config))
        self.found += wrong
        if wrong:
            self._leave(("unmigrated",), "a database could not hold the models")
        elif self.state is None:
            self._leave(("unmigrated",), "the migration files do not lead to a state")
        else:
            self._check_unmigrated(self.state, live)

    def _check_unmigrated(self, old: State, live: State) -> None:
        from whimbrel.detect import detect
        from whimbrel.sources import doubtful

        try:
            found = doubtful(self.config, old, live)
            made = detect(old, live, None, self.wanted or None, found)
        except QuestionError as error:
            self.found.append(of_questions(error, live))
            return
        self.found += [of_unmigrated(each, live) for each in made]

    # -- the record

    def record(self) -> str | None:
        """Check the record of a database; return its name."""
        from whimbrel.run.connect import database_of
        from whimbrel.run.record import record_in

        if self.alias not in self.config.databases:
            self.config.url(self.alias)
        try:
            database = database_of(self.config, self.alias)
            self._check_record(record_in(database))
        except (DatabaseError, ConfigError) as error:
            why = f"{error.place}: {error.message}" if error.place else error.message
            self._leave(OF_DATABASE, why, error.hint)
            return None
        return database.shown

    def _check_record(self, record: Record) -> None:
        from whimbrel.commands.notices import unknown_apps
        from whimbrel.commands.renamed import renamings
        from whimbrel.run.record import inconsistencies

        unknown, apps = self._find_gone(record), {app.label for app in self.config.apps}
        gone = [key for key in unknown if key[0] in apps]
        kept = record.sources(gone) if gone else {}
        history, resolved = self._resolve_squashes(record)
        if history is not None and history is not self.history and self.state is not None:
            self._steps(history)  # the originals of a squash, which go on in this database
        renamed = renamings(history, resolved) if history is not None and gone else {}
        self.found += [
            of_unknown(key, record.applied[key], key in kept, renamed.get(key)) for key in gone
        ]
        for app, odd in unknown_apps(unknown, apps).items():
            self.found.append(Finding("no-file", odd.message, odd.hint or "", app))
        record = resolved
        nodes = history.graph.nodes if history is not None else self._nodes()
        for edit in edits_of(find_edited(nodes, record.applied), record):
            self.found.append(of_edit(edit))
        for key, unfinished in record.half_done.items():
            self.found.append(of_half_done(key, unfinished, self._nodes().get(key)))
        if history is None:
            self._leave(("inconsistent",), "the migration files are inconsistent")
            return
        for error in inconsistencies(history.graph, record.applied):
            self._add("inconsistent", error, node_of_error(history.graph.order(), error))

    def _resolve_squashes(self, record: Record) -> tuple[History | None, Record]:
        """The history as it is in force for a record."""
        from whimbrel.run.record import resolve_squashes

        if self.history is None:
            return None, record
        try:
            return resolve_squashes(self.history, record)
        except HistoryError as error:
            self._add("squash", error, node_of_error(self.loaded.nodes, error))
            return None, record

    def _find_gone(self, record: Record) -> list[Key]:
        """Return what is applied, and has neither a file nor a squash that replaces it."""
        known = self._nodes().keys() | self.loaded.broken.keys()
        known |= {key for node in self.loaded.nodes for key in node.replaces}
        return [key for key in record.applied if key not in known]

    def _nodes(self) -> dict[Key, Node]:
        return {node.key: node for node in self.loaded.nodes}

    # -- noting

    def _add(
        self, code: str, error: WhimbrelError, node: Node | None = None, app: str | None = None
    ) -> None:
        if node is not None:
            made = finding_of(code, error, app=node.app, subject=node.label, file=node.place)
        else:
            made = finding_of(code, error, app=app)
        self.found.append(made)

    def _leave(self, codes: tuple[str, ...], why: str, hint: str | None = None) -> None:
        self.unasked.append(Unasked(codes, why, hint))

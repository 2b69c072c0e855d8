"""`--recorded`: back without files, by the sources that the record kept of what has none here.

A database that was migrated on another branch has migrations that are unknown here. They are
loaded from the record, which executes code that is in the database: only where a user asked
for just that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from whimbrel.commands.renamed import refuse_renamed
from whimbrel.config import Config
from whimbrel.errors import HistoryError, LoadError
from whimbrel.history.cache import MigrationPath
from whimbrel.history.graph import FIRST, LATEST
from whimbrel.history.loader import History, load
from whimbrel.history.migration import Migration
from whimbrel.history.modules import Package, migration_in
from whimbrel.history.node import Key, Node, label_of
from whimbrel.planning.plan import ZERO, Target, make_plan
from whimbrel.run.record import Record, resolve_squashes


def with_recorded(
    config: Config, history: History, target: Target, record: Record
) -> tuple[History, Target, Record]:
    """The history with the unknown migrations whose sources the record kept, and a target without them.

    The record comes in the terms of that history (see `resolve_squashes`). Raises `HistoryError` where one of them has no source, or one that does not load, and may stand
    on what is to be undone.
    """
    refuse_renamed(history, record, [target.app] if target.app else history.graph.apps)
    revived = _Revived(config, record)
    revived.load(key for key in record.applied if key not in history.files)
    revived.drop_squashes_of_what_is_here(history)
    revived.drop_what_stands_on_nothing(history)
    history, record = resolve_squashes(load(config.apps, revived.loaded.values()), record)
    if target.app is not None and target.name not in (None, ZERO):
        target = replace(target, name=history.node(target.app, str(target.name)).name)
    wanted = {key for key in revived.loaded if target.app in (None, key[0])}
    target = replace(target, unknown=frozenset(wanted & history.graph.nodes.keys()))
    _refuse_lost(history, target, record, revived.lost)
    return history, target, record


@dataclass
class _Revived:
    """Unknown migrations: ``loaded`` ones, and ``lost`` ones with what is wrong with each."""

    config: Config
    record: Record
    loaded: dict[Key, tuple[Node, Migration]] = field(default_factory=dict)
    lost: dict[Key, str] = field(default_factory=dict)

    def load(self, keys: Iterable[Key]) -> None:
        """Load these from the record."""
        packages = {app.label: Package(app.migrations, app.package) for app in self.config.apps}
        wanted = [key for key in keys if key[0] in packages]
        sources = self.record.sources(wanted)
        for key in wanted:
            if key not in sources:
                self.lost[key] = "its source was not recorded"
                continue
            try:
                self.loaded[key] = self._load_one(packages[key[0]], key, sources[key])
            except LoadError as error:
                self.lost[key] = f"its source does not load: {error.place}: {error.message}"
        # What a squash replaces is undone with it, whether or not its own source is there.
        for node, _ in self.loaded.values():
            for key in node.replaces:
                self.lost.pop(key, None)

    def _load_one(self, package: Package, key: Key, source: str) -> tuple[Node, Migration]:
        app, name = key
        file = f"<recorded {label_of(key)}>"
        module = package.import_text(name, file, source)
        migration = migration_in(module, app, MigrationPath(name, file, len(source), 0))
        return Node.of(migration, self.record.applied[key].digest or ""), migration

    def drop_squashes_of_what_is_here(self, history: History) -> None:
        """They do nothing of their own; undoing them would undo what has its file."""
        for key, (node, _) in list(self.loaded.items()):
            if any(each in history.files for each in node.replaces):
                del self.loaded[key]
                self.lost[key] = (
                    "it is a squash of migrations that have their files here, and only its row "
                    f"is to go: whimbrel migrate {key[0]} --prune"
                )

    def drop_what_stands_on_nothing(self, history: History) -> None:
        """Those that depend on what is neither here nor loaded are lost too."""
        while missing := self._missing(history):
            for key, wanted in missing.items():
                del self.loaded[key]
                self.lost[key] = f"it depends on {label_of(wanted)}, which is not there"

    def _missing(self, history: History) -> Mapping[Key, Key]:
        replaced = {key for node, _ in self.loaded.values() for key in node.replaces}
        return {
            key: wanted
            for key, (node, _) in self.loaded.items()
            for wanted in (*node.dependencies, *node.run_before)
            if wanted[1] not in (FIRST, LATEST)
            and wanted not in history.graph.replacements
            and wanted not in replaced
            and wanted not in history.files
            and wanted not in self.loaded
        }


def _refuse_lost(history: History, target: Target, record: Record, lost: Mapping[Key, str]) -> None:
    plan = make_plan(history.graph, target, record.applied.keys())
    touched = {node.app for node in plan.nodes} | {target.app}
    found = {k: why for k, why in sorted(lost.items()) if target.app is None or k[0] in touched}
    if found:
        raise HistoryError(
            "applied here, without a file, and the record is not enough to undo it: "
            + "; ".join(f"{label_of(key)}: {why}" for key, why in found.items()),
            hint="Nothing was changed. Switch to the branch or commit that has its file, and go "
            "back there; where the file is gone for good, bring the database there by hand, and "
            f"take its row out: whimbrel migrate {next(iter(found))[0]} --prune",
        )

"""`lint`: what migrations would do to a running application, as findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from whimbrel.commands.git import commit_of, files_at, files_changed
from whimbrel.commands.make import dialects_of
from whimbrel.commands.script import refuse_unknown_dialect
from whimbrel.config import DEFAULT_ALIAS, Config
from whimbrel.engines import DIALECTS, Engine
from whimbrel.errors import UsageError, did_you_mean
from whimbrel.findings import Finding, Level
from whimbrel.history.loader import History, load
from whimbrel.history.node import Key, Node
from whimbrel.lint.linting import LintOptions, judge
from whimbrel.lint.rules import CODES
from whimbrel.lint.scope import LintScope
from whimbrel.lint.statements import Seen
from whimbrel.run.connect import database_of, engines_of_new


@dataclass(frozen=True)
class LintChoice:
    """The choice of migrations to be judged.

    app, name: all of an app, or one of it. since: those whose files differ from a revision of git. every:
    all. unapplied: those that the database of the alias does not have. Nothing of that: those that git's
    last commit does not have.
    """

    app: str | None = None
    name: str | None = None
    since: str | None = None
    every: bool = False
    unapplied: bool = False
    alias: str = DEFAULT_ALIAS


@dataclass(frozen=True)
class Linted:
    """The findings of migrations. chosen: which were judged, in words; migrations: how many.

    ignored: how many findings their ``lint_ignore`` leaves out. is_strict: True if warnings count
    as errors.
    """

    chosen: str
    migrations: int
    findings: tuple[Finding, ...] = ()
    ignored: int = 0
    is_strict: bool = False

    @property
    def exit_code(self) -> int:
        """1 where an error is left; of a strict run where anything is but what nobody can tell."""
        bad = ("error", "warning") if self.is_strict else ("error",)
        return 1 if any(each.level in bad for each in self.findings) else 0


def lint(
    config: Config,
    choice: LintChoice,
    *,
    dialect: str | None = None,
    trace_url: str | None = None,
    ignore: Iterable[str] = (),
    select: Iterable[str] = (),
    strict: bool = False,
) -> Linted:
    """Judge migrations; no database is opened unless the choice asks for its record, or with trace_url.

    dialect: left out, those of all databases. trace_url: of a server on which they are run, in a
    database of its own (see `tracing.trace`); they are judged for its dialect then. ignore: besides
    those of the configuration; select: in place of those. Raises `UsageError` for a code or a
    revision that there is not, `HistoryError` where the files are inconsistent.
    """
    options = _options(config, [*ignore], [*select])
    history = load(config.apps)
    nodes, chosen, history = _chosen(config, history, choice)
    seen: Mapping[Key, Seen] = {}
    if trace_url is not None and nodes:
        # Late, since it takes all that opens a connection.
        from whimbrel.commands.tracing import trace

        dialect, seen = trace(config, history, [node.key for node in nodes], trace_url)
    engines = _engines(config, dialect)
    judged = [
        judge([LintScope(history, each, node, seen.get(node.key, {})) for each in engines], options)
        for node in nodes
    ]
    return Linted(
        chosen,
        len(nodes),
        tuple(finding for each in judged for finding in each.findings),
        sum(each.ignored for each in judged),
        strict or config.lint.strict,
    )


def _options(config: Config, ignore: list[str], select: list[str]) -> LintOptions:
    given = config.lint
    wanted = [*(select or given.select)]
    for code in (*ignore, *given.ignore, *wanted, *given.severity):
        if code not in CODES:
            raise UsageError(
                f"lint has no rule {code!r}",
                hint=did_you_mean(code, CODES) or f"Codes: {', '.join(CODES)}.",
            )
    left_out = {*ignore, *given.ignore, *(code for code in CODES if wanted and code not in wanted)}
    levels = {code: cast(Level, level) for code, level in given.severity.items()}
    return LintOptions(frozenset(left_out), levels)


def _engines(config: Config, dialect: str | None) -> Sequence[Engine]:
    refuse_unknown_dialect(dialect)
    # No URL says what the databases are: then they may be any.
    wanted = {dialect} if dialect is not None else dialects_of(config) or set(DIALECTS)
    return engines_of_new(wanted)


# -- which migrations --------------------------------------------------------------------------


def _chosen(
    config: Config, history: History, choice: LintChoice
) -> tuple[list[Node], str, History]:
    """Return the migrations to be judged in the graph's order, which those are, and their history."""
    if choice.unapplied:
        # Late, since it takes all that opens a connection.
        from whimbrel.run.record import record_in, resolve_squashes

        history, record = resolve_squashes(history, record_in(database_of(config, choice.alias)))
        left = [node for node in history.graph.order() if node.key not in record.applied]
        return _named(config, history, choice, left), "that are not applied", history
    if choice.since is not None:
        files = _changed(config, choice.since)
        changed = [node for node in history.graph.order() if _file(node) in files]
        return _named(config, history, choice, changed), f"changed since {choice.since}", history
    if choice.every or choice.app is not None:
        return _named(config, history, choice, history.graph.order()), "", history
    return *_default(config, history), history


def _named(
    config: Config, history: History, choice: LintChoice, nodes: Iterable[Node]
) -> list[Node]:
    """Those of the app that is named, or the one migration."""
    if choice.app is None:
        return list(nodes)
    app = config.app(choice.app).label
    if choice.name is None:
        return [node for node in nodes if node.app == app]
    key = history.node(app, choice.name).key
    return [node for node in nodes if node.key == key]


def _default(config: Config, history: History) -> tuple[list[Node], str]:
    """Those that git's last commit does not have; all, where there is no git, or no commit."""
    folders = _folders(config)
    order = list(history.graph.order())
    if not any(commit_of(folder, "HEAD") for folder in folders):
        return order, ""
    known = {file for folder in folders for file in files_at(folder, "HEAD")}
    return [node for node in order if _file(node) not in known], "that are not committed"


def _changed(config: Config, revision: str) -> set[Path]:
    """Return the files of migrations that differ from a revision. Raises `UsageError`."""
    folders = _folders(config)
    if revision.startswith("-") or not all(commit_of(folder, revision) for folder in folders):
        raise UsageError(
            f"--since: git knows no revision {revision!r} here",
            hint="Name a commit, a branch or a tag: --since origin/main. In CI, fetch it before.",
        )
    return {file for folder in folders for file in files_changed(folder, revision)}


def _folders(config: Config) -> list[Path]:
    return [app.migrations for app in config.apps if app.migrations.is_dir()]


def _file(node: Node) -> Path | None:
    return node.path.resolve() if node.path is not None else None

"""What is odd about a history and its record, and stops nothing: said before anything is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from whimbrel.commands.renamed import advice, renamed_message, renamings
from whimbrel.history.loader import History
from whimbrel.history.node import Key, label_of
from whimbrel.planning.plan import Target
from whimbrel.run.events import Listener, RunWarning
from whimbrel.run.record import Record, unknown_applied
from whimbrel.run.recorder import Applied


def emit_warnings(
    history: History, target: Target, record: Record, emit: Listener
) -> tuple[RunWarning, ...]:
    """Tell, and return, what is odd. history, record: as `resolve_squashes` gives them."""
    found = tuple(_notices(history, target, record))
    for notice in found:
        emit(notice)
    return found


def _notices(history: History, target: Target, record: Record) -> Iterable[RunWarning]:
    if record.passed_over is not None:
        yield of_passed_over(record.passed_over)
    graph = history.graph
    unknown = unknown_applied(graph, record.applied)
    gone = [key for key in unknown if key[0] in graph.apps]
    renamed = renamings(history, record) if gone else {}
    for app in dict.fromkeys(key[0] for key in renamed):
        if target.app in (None, app):
            continue  # the plan is refused for it
        own = {key: node for key, node in renamed.items() if key[0] == app}
        names = (f"{node.label}: {renamed_message(key)}" for key, node in own.items())
        yield RunWarning(", ".join(names), advice(own))
    lost = [key for key in gone if key not in renamed]
    kept = record.sources(lost) if lost else {}
    for app in dict.fromkeys(key[0] for key in lost):
        keys = [key for key in lost if key[0] == app]
        yield _unknown(app, [record.applied[key] for key in keys], kept.keys() >= set(keys))
    yield from unknown_apps(unknown, graph.apps).values()


def of_passed_over(schema: str) -> RunWarning:
    """A record in a schema that others come before."""
    return RunWarning(
        f"the record in the schema {schema} is passed over: another comes before it in search_path, "
        "and has none",
        f"Each schema has a record of its own. If {schema} is meant, put it first in search_path.",
    )


def _unknown(app: str, rows: list[Applied], kept: bool) -> RunWarning:
    """An app's migrations that are applied and unknown here. kept: all their sources are."""
    named = ", ".join(f"{label_of(each.id)} ({each.at:%Y-%m-%d %H:%M:%S} UTC)" for each in rows)
    what = "is applied and has no file" if len(rows) == 1 else "are applied and have no files"
    them = "it" if len(rows) == 1 else "them"
    hint = f"Another branch may have {them}: go there and undo {them} there, or bring {them} here."
    if kept:
        hint += f" Or undo {them} by what the record kept: whimbrel migrate {app} --recorded"
    return RunWarning(f"{named} {what} here", hint)


def unknown_apps(unknown: Iterable[Key], apps: Collection[str]) -> dict[str, RunWarning]:
    """Return a warning for each app of unknown migrations that is not among these, by its name.

    It is one line, since those who share a database see it in every run.
    """
    found = {}
    for app, count in sorted(Counter(app for app, _ in unknown if app not in apps).items()):
        rows = "1 migration" if count == 1 else f"{count} migrations"
        found[app] = RunWarning(
            f"the record has {rows} of the app {app!r}, which is not among the apps",
            "If it has another name now, its tables and its record have the old one: give the old "
            f'label back (a table [tool.whimbrel.app.{app}] with models = "..." and migrations = '
            '"..."), or move its models with makemigrations (MoveModel) from an app that is still '
            "there. If another project shares the database, leave it. If it is gone for good, take "
            f"its rows out: whimbrel migrate {app} --prune",
        )
    return found

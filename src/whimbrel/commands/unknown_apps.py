"""Rows of apps that the configuration does not have: renamed, taken out, or another project's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from whimbrel.history.node import Key


@dataclass(frozen=True)
class UnknownApp:
    """An app that has migrations in the record, and is not configured. ``count``: how many."""

    app: str
    count: int

    @property
    def message(self) -> str:
        rows = "1 migration" if self.count == 1 else f"{self.count} migrations"
        return f"the record has {rows} of the app {self.app!r}, which is not among the apps"

    @property
    def hint(self) -> str:
        """One line, since those who share a database see it in every run."""
        return (
            "If it has another name now, its tables and its record have the old one: give the old "
            f'label back (a table [tool.whimbrel.app.{self.app}] with models = "..." and migrations = '
            '"..."), or move its '
            "models with makemigrations (MoveModel) from an app that is still there. If another "
            "project shares the database, leave it. If it is gone for good, take its rows out: "
            f"whimbrel migrate {self.app} --prune"
        )


def unknown_apps(unknown: Iterable[Key], apps: Collection[str]) -> list[UnknownApp]:
    """The apps of unknown migrations that are not among these, by name."""
    counts = Counter(app for app, _ in unknown if app not in apps)
    return [UnknownApp(app, counts[app]) for app in sorted(counts)]

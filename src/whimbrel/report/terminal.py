"""Progress on a terminal: what is being done, and for how long. Rich is imported here alone."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from whimbrel.report.migrate import Lines, progress_text
from whimbrel.report.text import one_line, title
from whimbrel.run.events import (
    BackfillMoved,
    DataStarted,
    Event,
    MigrationDone,
    MigrationStarted,
    StepStarted,
)


class TerminalProgress:
    """Shows the migration at work with its elapsed time; what is done stays as a line above."""

    def __init__(self, verbose: bool = False) -> None:
        self._lines = Lines(verbose)
        console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", visible=False)

    def __enter__(self) -> TerminalProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        line = self._lines.of(event)
        if line is not None:
            colour = "green" if isinstance(event, MigrationDone) else "yellow"
            self._progress.console.print(f"[{colour}]{escape(line)}[/]", highlight=False)
        match event:
            case MigrationStarted():
                self._title = title(event.labels)
                self._progress.reset(self._task, description=escape(self._title), visible=True)
            case StepStarted():
                self._show(f"{event.number}/{event.steps} {one_line(event.sql, 60)}")
            case DataStarted():
                self._show(f"{event.number}/{event.parts} {one_line(event.title, 60)}")
            case BackfillMoved():
                self._show(progress_text(event))
            case MigrationDone():
                self._progress.update(self._task, visible=False)

    def _show(self, part: str) -> None:
        shown = f"{escape(self._title)}  [dim]{escape(part)}[/]"
        self._progress.update(self._task, description=shown)

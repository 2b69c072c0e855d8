"""Models that are found no more, though nothing says that they were meant to go."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from whimbrel.config import AppConfig, Config
from whimbrel.errors import place
from whimbrel.state.state import State

#: No more files than this are looked through for a class.
_MANY = 5_000
_NO_MODELS = frozenset({"migrations", "tests", "node_modules", "site-packages"})


def doubtful(config: Config, before: State, live: State) -> dict[str, str]:
    """Return, by label (or by app, for all of its models), why models that are gone may not be.

    An app has no model left; or a file that nothing imports any more has a class of that name.
    """
    found: dict[str, str] = {}
    for app in config.apps:
        gone = [model for model in before.of_app(app.label) if model.label not in live]
        if not gone:
            continue
        if not live.of_app(app.label):
            found[app.label] = f"no model is found in {app.models or f'{app.package}.models'}"
        files = list(_not_imported(app))
        for model in gone:
            where = next(_classes(files, model.name), None)
            if where is not None:
                found[model.label.lower()] = (
                    f"{where} has a class of that name, and is not imported"
                )
    return found


def _not_imported(app: AppConfig) -> Iterator[Path]:
    """The Python files of an app's package that no module was made of."""
    imported = {
        str(Path(file).resolve())
        for module in list(sys.modules.values())
        if isinstance(file := getattr(module, "__file__", None), str)
    }
    name = (app.models or app.package or "").partition(":")[0]
    spec = find_spec(name.partition(".")[0] if app.models else name) if name else None
    folders = (spec.submodule_search_locations or ()) if spec else ()
    files = (file for folder in folders for file in sorted(Path(folder).rglob("*.py")))
    own = (file for file in files if _NO_MODELS.isdisjoint(file.parts))
    return (file for file in islice(own, _MANY) if str(file.resolve()) not in imported)


def _classes(files: list[Path], name: str) -> Iterator[str]:
    """The places of classes of a name."""
    pattern = re.compile(rf"^[ \t]*class {re.escape(name)}\b", re.MULTILINE)
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        match = pattern.search(text)
        if match is not None:
            yield place(file, text.count("\n", 0, match.start()) + 1)

"""An empty migration, ready to be filled in: a function for each direction, sketched."""

from __future__ import annotations

from collections.abc import Iterable

from whimbrel.history.node import Key
from whimbrel.history.writer import render_migration

_FUNCTIONS = """

def forwards(apps, schema_editor):
    # The model as it is at this point of history, whatever becomes of it later:
    # {model} = apps.get_model("{app}", "{model}")
    # {model}.objects.filter(...).update(...)
    pass


def backwards(apps, schema_editor):
    # What undoes it. If nothing has to be undone, put migrations.RunPython.noop in its place below.
    pass
"""

_OPERATIONS = """\
    operations = [
        migrations.RunPython(forwards, backwards),
    ]"""


def render_sketch(app: str, name: str, dependencies: Iterable[Key], model: str | None) -> str:
    """The text of an empty migration. ``model``: the name of one of the app's models, for the sketch."""
    text = render_migration(app, name, dependencies, []).replace("    operations = []", _OPERATIONS)
    head, _, tail = text.partition("\n\n\nclass ")
    return f"{head}\n{_FUNCTIONS.format(app=app, model=model or 'Model')}\n\nclass {tail}"

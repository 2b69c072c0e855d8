"""Models in short, for the tables of the tests."""

from __future__ import annotations

from typing import Any

from whimbrel import models
from whimbrel.detect import AppMigration, FlagQuestioner, Flags, detect
from whimbrel.state.state import State

ID = models.BigAutoField(primary_key=True)


def state(**declared: Any) -> State:
    """``state(blog_Post={"title": TextField(), "Meta": {...}})``: each model gets an id."""
    made = State()
    for label, given in declared.items():
        app, _, name = label.partition("_")
        fields = {"id": ID, **given}
        options = fields.pop("Meta", None)
        bases = fields.pop("bases", ())
        kept = [(each, field) for each, field in fields.items() if field is not None]
        made = made.with_new_model(app, name, kept, options, bases)
    return made


def found(old: State, new: State, apps: Any = None, **flags: Any) -> list[AppMigration]:
    """What is detected, with answers by flags."""
    return detect(old, new, FlagQuestioner(Flags.parse(**flags)), apps)


def told(migrations: list[AppMigration]) -> list[str]:
    """Migrations as lines: "blog: Create model Post", and "---" between them."""
    lines: list[str] = []
    for each in migrations:
        lines += ["---"] if lines else []
        lines += [f"{each.app}: {operation.describe()}" for operation in each.operations]
    return lines

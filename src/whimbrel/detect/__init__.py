"""Two states, and the migrations that make one of the other.

`detect` compares what the migration files lead to with the models as they are, asks what only
a person can know, and gives operations, ordered and split so that they apply. It prints
nothing: questions go through one port, `Questioner`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from whimbrel.detect.check import assert_equal
from whimbrel.detect.enums import rename_enum_values
from whimbrel.detect.field_renames import rename_fields
from whimbrel.detect.fields import change_fields
from whimbrel.detect.flags import FlagQuestioner, Flags
from whimbrel.detect.items import change_items, rename_items
from whimbrel.detect.keys import exchange_keys
from whimbrel.detect.model_renames import rename_and_move_models
from whimbrel.detect.models import create_models, delete_models
from whimbrel.detect.options import change_options
from whimbrel.detect.ordering import sort_tasks
from whimbrel.detect.sanity import assert_sound, assert_types_stay
from whimbrel.detect.scope import limit_to_apps
from whimbrel.detect.splitting import split
from whimbrel.detect.tables import ask_for_doubtful, ask_for_taken_tables
from whimbrel.detect.tasks import AppMigration, Task
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import AlterField
from whimbrel.state.state import State

__all__ = ["AppMigration", "FlagQuestioner", "Flags", "detect"]


def detect(
    old: State,
    new: State,
    questioner: FlagQuestioner | None = None,
    apps: Iterable[str] | None = None,
    doubtful: Mapping[str, str] | None = None,
) -> list[AppMigration]:
    """The migrations that make ``new`` (the live models) of ``old`` (where the files lead).

    ``apps``: only these, and what they need of others. ``doubtful``: labels, or apps, of models
    that may have been forgotten, with why. Each migration comes after those that it
    depends on. Raises `QuestionError` where questions stay open, `UsageError` for a flag that
    answers nothing.
    """
    questioner = questioner or FlagQuestioner()
    assert_sound(new)
    assert_types_stay(old, new)
    wanted = new if apps is None else limit_to_apps(old, new, apps)
    work = WorkingState(old, wanted, questioner, old)
    _find_renames(work)
    ask_for_doubtful(work, doubtful or {})
    _find_changes(work)
    questioner.finish()
    # Where apps are entangled, whole apps one by one may take fewer migrations.
    changes = list(work.tasks)
    create_models(work)
    migrations = split(_apply_tasks(work), work.old)
    if max(Counter(each.app for each in migrations).values(), default=0) <= 2:
        return migrations
    work.tasks = changes
    create_models(work, app_by_app=True)
    return min(migrations, split(_apply_tasks(work), work.old), key=len)


def _find_renames(work: WorkingState) -> None:
    """Tables before columns, columns before what is made of them."""
    rename_and_move_models(work)
    rename_fields(work)
    rename_enum_values(work)
    rename_items(work)


def _find_changes(work: WorkingState) -> None:
    ask_for_taken_tables(work)
    change_items(work)
    change_fields(work)
    change_options(work)
    exchange_keys(work)
    delete_models(work)


def _apply_tasks(work: WorkingState) -> list[Task]:
    """All tasks in order, without those that turn out to change nothing; they keep the law."""
    state, tasks = work.state, list(work.renames)
    for task in sort_tasks(work.tasks):
        if isinstance(task.operation, AlterField) and _is_done(task, state):
            continue
        state = task.operation.apply(task.app, state)
        tasks.append(task)
    assert_equal(state, work.new)
    return tasks


def _is_done(task: Task, state: State) -> bool:
    """Fields that share an enum type change together: the first one's operation does it."""
    operation = task.operation
    assert isinstance(operation, AlterField)
    model = state.find(f"{task.app}.{operation.model_name}")
    if model is None or not operation.preserve_default:
        return False
    found = model.find(operation.name)
    return found is not None and found.field == operation.field

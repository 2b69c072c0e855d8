"""Models that have another name, or are in another app."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from whimbrel.detect.options import alterable_options
from whimbrel.detect.questions import MoveQuestion, RenameQuestion, Subject
from whimbrel.detect.similarity import Choice, Gone, model_score
from whimbrel.detect.takeovers import give_temporary_name, taken_names, unused_name
from whimbrel.detect.tasks import Token, has_field, has_key, has_model
from whimbrel.detect.working_state import WorkingState
from whimbrel.operations import AlterModelOptions, AlterModelTable, MoveModel, RenameModel
from whimbrel.state.model import Model


def rename_and_move_models(work: WorkingState) -> None:
    """Apply the renames and moves of models, after asking. Tables come before columns."""
    _rename_chained(work)
    for app in dict.fromkeys(old.app for old, _ in work.kept):
        _take_over(work, app)
    for old, new in _of_same_table(work):
        _rename(work, old, new)
    _ask(work)
    for old, new in work.kept:
        hand_over(work, old, new)
        if old.name != new.name:
            _rename(work, old, new)
    for old, new in work.kept:
        if old.at != new.at:
            _let_go_of_table(work, new.label)


def hand_over(work: WorkingState, old: Model, new: Model) -> None:
    """A model turns managed, or unmanaged, before all else.

    So what changes along with it is done in the database where the table is ours from now on,
    and is not where it is somebody else's.
    """
    now = work.state.model(old.label)
    if now.options.managed == new.options.managed:
        return
    options = replace(now.options, managed=new.options.managed)
    operation = AlterModelOptions(now.name, alterable_options(options))
    after = _apps_of_referrers(work, now)
    work.rename(now.app, operation, {has_model(now.label)}, after=after)


def _of_same_table(work: WorkingState) -> list[tuple[Model, Model]]:
    """A new model on the very table of one that is gone is that one: there is nothing to ask."""
    born = {(new.app, new.at): new for new in work.born}
    pairs = []
    for old in work.gone:
        new = born.pop((old.app, old.at), None)
        if new is not None and old.options.managed == new.options.managed:
            pairs.append((old, new))
    return pairs


def _ask(work: WorkingState) -> None:
    """Flags first, so that nobody is asked what they say; then moves, then renames."""
    renames = Choice(work.questioner.ask, partial(RenameQuestion, Subject.MODEL))
    moves = Choice(work.questioner.ask, MoveQuestion)
    for app in _apps(work):
        _apply_renames(work, app, renames.by_flags(_renameable(work, app), set()))
    _apply_moves(work, moves.by_flags(_movable(work), set()))
    _apply_moves(work, moves.by_asking(_movable(work), set()))
    for app in _apps(work):
        _apply_renames(work, app, renames.by_asking(_renameable(work, app), set()))


def _apps(work: WorkingState) -> list[str]:
    return list(dict.fromkeys(model.app for model in work.gone))


def _passing(work: WorkingState) -> frozenset[str]:
    return frozenset(model.label.lower() for model in (*work.gone, *work.born))


# -- renames


def _take_over(work: WorkingState, app: str) -> None:
    """Models that have the name of another that was there, which makes room for them."""
    olds = {model.name: model for model in work.state.of_app(app)}
    news = {model.name: model for model in work.new.of_app(app)}
    passing = frozenset(f"{app}.{name}".lower() for name in (*olds, *news)) | _passing(work)
    same = {name for name in olds if name in news and _is_same(olds[name], news[name])}

    def score(was: str, now: str) -> float:
        old, new = olds[was], news[now]
        is_same_table = was != now and old.at == new.at
        return is_same_table + model_score(replace(old, name=now), new, passing)

    for was, now in taken_names(work, Subject.MODEL, app, [*olds], [*news], score, same):
        if f"{app}.{now}" in work.state:
            _give_temporary_name(work, work.state.model(f"{app}.{now}"), {*olds, *news})
        _rename(work, work.state.model(work.whereabouts(f"{app}.{was}")), news[now])


def _is_same(old: Model, new: Model) -> bool:
    """Return True if a model has the fields and the table that it had."""
    fields = [{each.name: each.field for each in model.fields} for model in (old, new)]
    return old.at == new.at and fields[0] == fields[1]


def _give_temporary_name(work: WorkingState, model: Model, names: set[str]) -> None:
    aside = give_temporary_name(work, model.app, model.name, names)
    operation = RenameModel(model.name, aside)
    work.rename(
        model.app, operation, needs={has_model(model.label)}, after=_apps_of_referrers(work, model)
    )
    _let_go_of_table(work, f"{model.app}.{aside}")


def _let_go_of_table(work: WorkingState, label: str) -> None:
    """A table that a model has by name, and another is to have, is out of its way at once."""
    model, after = work.state.model(label), work.new.find(label)
    takers = [each for each in work.new if each is not after and each.at == model.at]
    if model.options.db_table is None or not model.options.managed or not takers:
        return
    there = {each.at for each in work.state}
    if after is not None and after.at not in there:
        name, schema = after.options.db_table, after.options.written_schema
    else:
        used = {each.name for each in there} | {each.db_table for each in work.new}
        name, schema = unused_name(model.db_table, used), model.options.written_schema
    work.rename(model.app, AlterModelTable(model.name, name, schema), needs={has_model(label)})


def _rename_chained(work: WorkingState) -> None:
    """Models that flags rename although a model has their name again: the last of a chain first."""
    born = work.born
    for old, _ in work.kept:
        names = [model.name for model in born if model.app == old.app]
        name = work.questioner.name_by_flag(old.label, names)
        if name is not None:
            _apply_renames(work, old.app, {old.label: name})
            return _rename_chained(work)


def _renameable(work: WorkingState, app: str) -> list[Gone]:
    """The models of an app that are gone, with those that are new in it."""
    passing = _passing(work)
    born = [model for model in work.born if model.app == app]
    return [
        Gone.of(work.origin(old.label), {new.name: model_score(old, new, passing) for new in born})
        for old in work.gone
        if old.app == app and born
    ]


def _apply_renames(work: WorkingState, app: str, renamed: dict[str, str]) -> None:
    for place, name in renamed.items():
        _rename(work, work.state.model(work.whereabouts(place)), work.new.model(f"{app}.{name}"))


def _rename(work: WorkingState, old: Model, new: Model) -> None:
    hand_over(work, old, new)
    operation = RenameModel(old.name, new.name)
    after = _apps_of_referrers(work, old)
    work.rename(old.app, operation, _provides(new), {has_model(old.label)}, after)
    _let_go_of_table(work, new.label)


def _provides(new: Model) -> set[Token]:
    fields = {has_field(new.label, each.name) for each in new.fields}
    return {has_model(new.label), has_key(new.label), *fields}


def _apps_of_referrers(work: WorkingState, model: Model) -> set[str]:
    """Apps whose files know the model by its old label, and must come before it has another."""
    return {other.app for other in work.state.referrers([model.label.lower()])}


# -- moves


def _movable(work: WorkingState) -> list[Gone]:
    """The models that are gone, with the apps that have a new one of the same name."""
    passing = _passing(work)
    found = []
    for old in work.gone:
        same = [new for new in work.born if new.name.lower() == old.name.lower()]
        scores = {new.app: model_score(old, new, passing) for new in same if new.app != old.app}
        if scores:
            found.append(Gone.of(old.label, scores))
    return found


def _apply_moves(work: WorkingState, moved: dict[str, str]) -> None:
    for place, app in moved.items():
        old = work.state.model(place)
        if f"{app}.{old.name}" not in work.state:
            new = work.new.model(f"{app}.{old.name}")
            hand_over(work, old, new)
            after = {old.app, *_apps_of_referrers(work, old)}
            operation = MoveModel(old.name, old.app)
            work.rename(app, operation, _provides(new), {has_model(old.label)}, after)

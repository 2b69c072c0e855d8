"""A stage that was begun and has not ended, as the journal has it; how to go on, and how to go back.

Steps that the journal holds are carried out as they stand there: neither an edited file nor another
version of Whimbrel changes them. Functions, and SQL of the user's that failed, are the file's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from whimbrel.engines import Engine
from whimbrel.engines.policy import SHORT, Policy
from whimbrel.engines.serializer import dumps, loads
from whimbrel.engines.step import Boundary, Step, UserStep
from whimbrel.errors import HistoryError, IrreversibleError, UnsupportedError
from whimbrel.history.graph import Graph
from whimbrel.history.loader import History
from whimbrel.history.node import Key, label_of
from whimbrel.operations.base import Operation
from whimbrel.operations.special import RunSQL, SeparateDatabaseAndState
from whimbrel.planning.items import DataOperation, PlanItem, is_marked_at_once, writes_rows
from whimbrel.planning.maker import StepMaker, without_lossy
from whimbrel.planning.plan import Plan, Stage, Target
from whimbrel.planning.work import Source, Work, build_work
from whimbrel.schema.changes import Change, apply_all
from whimbrel.schema.differ import diff
from whimbrel.state.lowering import lower


@dataclass(frozen=True)
class Entry:
    """A step in the journal. content: its JSON; of an operation that is the file's, its title and boundary.

    begun, done: what has come of it. undoing: True if it takes back what other entries have done.
    """

    id: str
    content: str
    begun: bool = False
    done: bool = False
    undoing: bool = False

    @classmethod
    def of(cls, item: PlanItem, dialect: str, *, undoing: bool = False) -> Entry:
        """The entry of an item that is to be done.

        SQL with parameters that JSON cannot say is kept by its title, and taken from the file again;
        with a transaction of its own as its boundary where it is committed with its mark.
        """
        if isinstance(item, DataOperation):
            content = dumps(("data", item.title, item.boundary))
        else:
            try:
                content = dumps(item)
            except TypeError as error:
                if not isinstance(item, UserStep):
                    raise UnsupportedError(
                        f"the steps of a migration that is not one transaction are kept as JSON: {error}",
                        place=item.operation,
                        hint="Write the value as one of Python's own: a number, a string, a list, a dictionary.",
                    ) from error
                boundary = Boundary.OWN if is_marked_at_once(item, dialect) else item.boundary
                content = dumps(("sql", item.operation, boundary))
        return cls(item.id, content, undoing=undoing)

    @property
    def step(self) -> Step | None:
        """The step; None for an operation that is the file's. Raises `HistoryError` where it cannot be read."""
        found = loads(self.content)
        if isinstance(found, Step):
            return found
        if isinstance(found, tuple) and len(found) == 3 and found[0] in ("data", "sql"):
            return None
        raise HistoryError(
            f"step {self.id} is neither a step nor the title of an operation on data",
            place="whimbrel_journal",
            hint="Put its content back as a run has written it.",
        )

    @property
    def may_have_happened(self) -> bool:
        """True if its operation is done; or was begun in no transaction, and nothing tells how far it came."""
        if self.done or not self.begun or self.step is not None:
            return self.done
        boundary: Boundary = loads(self.content)[2]
        return not boundary.is_transaction

    @property
    def number(self) -> str:
        """The number of its operation."""
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Unfinished:
    """Migrations that are half applied, or half undone. entries: in their order.

    keys: one migration, or those of a leap. sources: the digest of what each did when it was begun,
    and the text of its file.
    """

    keys: tuple[Key, ...]
    sources: tuple[Source, ...]
    backwards: bool
    atomic: bool
    entries: tuple[Entry, ...] = ()

    @property
    def label(self) -> str:
        """ "blog.0002_comment"; of a leap, the first and the last."""
        return " to ".join(dict.fromkeys((label_of(self.keys[0]), label_of(self.keys[-1]))))

    @property
    def state(self) -> str:
        """ "half applied", or "half undone"."""
        return f"half {'undone' if self.backwards else 'applied'}"

    @property
    def is_undoing(self) -> bool:
        """True if what was done of it is being taken back."""
        return any(entry.undoing for entry in self.entries)


@dataclass(frozen=True)
class WayOut:
    """An unfinished stage, and whether it is to be taken ``back``, or finished."""

    unfinished: Unfinished
    back: bool


def ways_out(
    graph: Graph,
    half_done: Mapping[Key, Unfinished],
    plan: Plan,
    target: Target,
    *,
    fake: bool = False,
) -> list[WayOut]:
    """Return how each unfinished stage comes to its end on the way to a target.

    A plan that does it is what it is finished by. One that leads elsewhere in the same apps takes
    it back; fake: nothing is done, so nothing can be. One of apps that have nothing to do with it
    leaves it as it is. Raises `HistoryError` for any other stage.
    """
    ways: list[WayOut] = []
    planned = {node.key for node in plan.nodes}
    for each in dict.fromkeys(half_done.values()):
        is_planned = planned.issuperset(each.keys) and each.backwards == plan.backwards
        is_near = target.app is None or target.app in {app for app, _ in each.keys}
        if is_planned and not each.is_undoing:
            ways.append(WayOut(each, back=False))
        elif is_near and not fake:
            ways.append(WayOut(each, back=True))
        elif is_near or not _is_apart(graph, each, planned):
            app, name = each.keys[-1]
            raise HistoryError(
                f"it is {each.state}",
                place=each.label,
                hint=f"Finish it first: whimbrel migrate {app} {name}. Or go back to what stands before it.",
            )
    return ways


def _is_apart(graph: Graph, unfinished: Unfinished, planned: Collection[Key]) -> bool:
    """True if a plan is of no app that a stage depends on, and depends on none of the stage's apps."""
    if not all(key in graph for key in unfinished.keys):
        return False
    needed = {app for app, _ in graph.ancestors(unfinished.keys)}
    is_needed = any(app in needed for app, _ in planned)
    own = {app for app, _ in unfinished.keys}
    return not is_needed and own.isdisjoint(app for app, _ in graph.ancestors(planned))


def work_out(
    history: History,
    engine: Engine,
    applied: Collection[Key],
    way: WayOut,
    policy: Policy = SHORT,
) -> Work:
    """Return the work of a way out: see `resume` and `undo`. policy: see `build_work`."""
    if way.back and not way.unfinished.is_undoing:
        return undo(history, engine, applied, way.unfinished, policy)
    return resume(history, engine, applied, way.unfinished, policy)


def resume(
    history: History,
    engine: Engine,
    applied: Collection[Key],
    unfinished: Unfinished,
    policy: Policy = SHORT,
) -> Work:
    """Return the work of a stage, with what of it is done. Raises `HistoryError`."""
    entries = [each for each in unfinished.entries if each.undoing == unfinished.is_undoing]
    steps = [each.step for each in entries]
    pairs = list(zip(entries, steps, strict=True))
    needs_file = any(
        step is None or isinstance(step, UserStep) for entry, step in pairs if not entry.done
    )
    backwards = unfinished.backwards != unfinished.is_undoing
    file: Mapping[str, PlanItem] = {}
    if needs_file:
        file = _of_file(history, engine, applied, unfinished, backwards, policy)
    if needs_file and not unfinished.is_undoing:
        _refuse_other_order(unfinished, entries, file)
    items = [_item(unfinished, entry, step, file) for entry, step in pairs]
    is_as_file = {each.id for each in entries} == file.keys() and all(
        Entry.of(file[entry.id], engine.dialect).content == entry.content
        for entry in entries
        if entry.done
    )
    return _work(history, unfinished, items, entries, is_as_file=is_as_file)


def _refuse_other_order(
    unfinished: Unfinished, entries: Sequence[Entry], file: Mapping[str, PlanItem]
) -> None:
    """Raises `HistoryError` where what is the user's stands elsewhere in the file by now.

    By its place in the journal another would be called in its stead, or none.
    """
    begun = {each.id: each for each in entries if not _is_ours(each)}
    now = {id: each for id, each in file.items() if isinstance(each, DataOperation | UserStep)}
    for id, entry in begun.items():
        item = now.pop(id, None)
        kind, title, _ = loads(entry.content) if entry.step is None else ("sql", "", None)
        named = item.title if isinstance(item, DataOperation) else ""
        is_code = kind == "data"
        if item is None or is_code != bool(named) or (is_code and entry.done and title != named):
            raise _other_file(unfinished, title)
    for item in now.values():
        raise _other_file(unfinished, added=_title(item))


def _item(
    unfinished: Unfinished, entry: Entry, step: Step | None, file: Mapping[str, PlanItem]
) -> PlanItem:
    """A step as the journal has it; what is the user's and has not succeeded, as the file has it."""
    if entry.done or (step is not None and not isinstance(step, UserStep)):
        return step or Step((), id=entry.id)
    found = file.get(entry.id.removeprefix(_UNDO))
    if found is not None and (step is None or isinstance(found, UserStep)):
        return replace(found, id=entry.id)
    if step is None:
        raise _other_file(unfinished, loads(entry.content)[1])
    return step


def undo(
    history: History,
    engine: Engine,
    applied: Collection[Key],
    unfinished: Unfinished,
    policy: Policy = SHORT,
) -> Work:
    """Return the work that takes back what has been done of a stage.

    That is the difference between what its steps have led to and the schema before them; what
    functions and SQL of the user's did, their own reverse takes back. Raises `IrreversibleError`
    where there is none, `HistoryError` where the file says something else by now.
    """
    there = [each for each in unfinished.entries if not each.undoing and each.may_have_happened]
    online = True
    if unfinished.keys[0] in history.graph:
        migration = history.migration(unfinished.keys[0])
        online = migration.online
        if unfinished.backwards:
            there = _with_silent(migration.operations, unfinished, there)
    file: Mapping[str, PlanItem] = {}
    if not all(map(_is_ours, there)):
        file = _of_file(history, engine, applied, unfinished, not unfinished.backwards, policy)
    known = [each for each in applied if each in history.graph]
    before = engine.effective(lower(history.states_of(known).database))
    ways: list[list[PlanItem]] = []
    for is_ours, group in groupby(there, _is_ours):
        if is_ours:
            after = apply_all(before, _changes(list(group)))
            back = [without_lossy(each) for each in diff(after, before)]
            steps, _ = StepMaker(engine, policy).of_changes(back, after, online=online)
            ways.append(list(steps))
            before = after
        else:
            for number in dict.fromkeys(each.number for each in group):
                ways.append(_reverse(history, unfinished, number, file))
    items: list[PlanItem] = []
    for way in filter(None, reversed(ways)):
        if items and writes_rows(items[-1]) and not writes_rows(way[0]):
            items += [Step((sql,)) for sql in engine.flush_deferred()]
        items += way
    named = [
        replace(item, id=f"{_UNDO}{item.id or f'0.{position}'}")
        for position, item in enumerate(items, start=1)
    ]
    return _work(history, unfinished, named, [], undoing=True)


def _with_silent(
    operations: Sequence[Operation], unfinished: Unfinished, there: Sequence[Entry]
) -> list[Entry]:
    """Entries of a way back, with SQL that it has passed and whose reverse is nothing to do."""
    known, found = {each.number for each in unfinished.entries}, list(there)
    for number, operation in enumerate(operations, start=1):
        past = [at for at, each in enumerate(found) if int(each.number) < number]
        if past and _runs_sql(operation) and str(number) not in known:
            content = dumps(("sql", operation.describe(), Boundary.SHARED))
            found.insert(past[0], Entry(f"{number}.1", content, begun=True, done=True))
    return found


def _runs_sql(operation: Operation) -> bool:
    inside = (
        operation.database_operations if isinstance(operation, SeparateDatabaseAndState) else ()
    )
    return isinstance(operation, RunSQL) or any(map(_runs_sql, inside))


#: What the ids of steps begin with that take others back.
_UNDO = "undo."


def _is_ours(entry: Entry) -> bool:
    step = entry.step
    return step is not None and not isinstance(step, UserStep)


def _changes(entries: Sequence[Entry]) -> list[Change]:
    """The changes that steps of ours have made, or begun to make, each once."""
    changes: list[Change] = []
    current: list[Change] = []
    for step in filter(None, (each.step for each in entries)):
        # A change of several steps is in each of them, one after the other.
        current += [each for each in step.changes if each not in current[-1:]]
        if step.covers:
            changes, current = [*changes, *step.covers], []
    return changes + current


def _reverse(
    history: History, unfinished: Unfinished, number: str, file: Mapping[str, PlanItem]
) -> list[PlanItem]:
    """The way back of an operation on data, or of SQL of the user's, by what the file says."""
    operations = history.migration(unfinished.keys[0]).operations
    if int(number) > len(operations):
        raise _other_file(unfinished)
    operation = operations[int(number) - 1]
    missing = None if unfinished.backwards else operation.missing_reverse()
    if missing is not None:
        raise IrreversibleError(
            "it cannot be undone; nothing was changed",
            place=f"{unfinished.label}: {operation.describe()}",
            hint=missing,
        )
    if not operation.barrier:
        raise _other_file(unfinished, operation.describe())
    if isinstance(operation, SeparateDatabaseAndState):
        inside = operation.database_operations
        if sum(each.barrier for each in inside) > 1:  # each would have to be taken back alone
            raise HistoryError(
                f"it is {unfinished.state}, and cannot be taken back from half way; nothing was changed",
                place=f"{unfinished.label}: {operation.describe()}",
                hint="Finish it first, with the command that began it; then take it back.",
            )
    own = (item for id, item in file.items() if id.partition(".")[0] == number)
    return [item for item in own if writes_rows(item)]


def _of_file(
    history: History,
    engine: Engine,
    applied: Collection[Key],
    unfinished: Unfinished,
    backwards: bool,
    policy: Policy,
) -> dict[str, PlanItem]:
    """The items of a migration by what its file says now, by their ids."""
    key = unfinished.keys[0]
    if key not in history.graph:
        raise _no_file(unfinished)
    plan = Plan((Stage((history.graph.node(key),)),), backwards)
    there = [each for each in applied if each != key]
    (work,) = build_work(history, engine, plan, [*there, key] if backwards else there, policy)
    return {item.id: item for item in work.items}


def _no_file(unfinished: Unfinished) -> HistoryError:
    return HistoryError(
        f"it is {unfinished.state}, and there is no file of it",
        place=unfinished.label,
        hint="Bring its file back, and run the command again.",
    )


def _other_file(unfinished: Unfinished, title: str = "", added: str = "") -> HistoryError:
    what = f"; {title!r} is not in it any more, or elsewhere" if title else ""
    what = f"; {added!r} has more in it" if added else what
    return HistoryError(
        f"it is {unfinished.state}, and its file says something else now{what}",
        place=unfinished.label,
        hint="Bring the file back as it was when the migration began, and run the command again: "
        "on to its end, or to what stood before it and here again with another file.",
    )


def _work(
    history: History,
    unfinished: Unfinished,
    items: Sequence[PlanItem],
    entries: Sequence[Entry],
    *,
    undoing: bool | None = None,
    is_as_file: bool = False,
) -> Work:
    if any(key not in history.graph for key in unfinished.keys):
        raise _no_file(unfinished)
    nodes = map(history.graph.node, unfinished.keys)
    return Work(
        stage=Stage(tuple(nodes)),
        backwards=unfinished.backwards,
        atomic=unfinished.atomic,
        operations=tuple(dict.fromkeys(filter(None, map(_title, items)))),
        items=tuple(items),
        undoing=unfinished.is_undoing if undoing is None else undoing,
        is_resumed=undoing is None,
        done=frozenset(each.id for each in entries if each.done),
        begun=frozenset(each.id for each in entries if each.begun),
        sources={} if is_as_file else dict(zip(unfinished.keys, unfinished.sources, strict=True)),
    )


def _title(item: PlanItem) -> str:
    return item.operation.describe() if isinstance(item, DataOperation) else item.operation

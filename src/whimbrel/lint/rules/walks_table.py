"""Code that works on all rows of a large table in one transaction."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from whimbrel.lint.effects import operation_of
from whimbrel.lint.functions import Query, code_of, queries_of
from whimbrel.lint.rule import Problem, Rule, migration
from whimbrel.lint.scope import LintScope
from whimbrel.lint.statements import Write
from whimbrel.planning.items import DataOperation
from whimbrel.state.model import Model

#: Methods that give one row, or a few.
_FEW = frozenset({"get", "first", "last", "earliest", "latest", "none", "[:]"})
_FEW |= {f"a{each}" for each in _FEW}


def _check(scope: LintScope) -> Iterator[Problem]:
    for item in scope.items:
        if isinstance(item, DataOperation) and not item.operation.batched:
            yield from _of_function(item, scope)
    for step, reading in scope.statements:
        for write in reading.writes:
            keys = scope.keys(write.table)
            if not scope.is_new(write.table) and not any(key <= write.asked for key in keys):
                number = operation_of(step)
                message = f"it is about all rows of {write.table} in one transaction"
                fix = _fix_of_sql(write, scope)
                yield Problem(f"{scope.title(number)}: {message}", number, fix=fix)


def _fix_of_sql(write: Write, scope: LintScope) -> str:
    """The operation that does the same in batches, where a model has the table and fields the columns."""
    models = scope.transitions[-1].after.models if scope.transitions else ()
    model = next((each for each in models if str(each.at) == write.table), None)
    if model is None or write.values is None:
        return ""
    names = {each.field.column_name(each.name): each.name for each in model.fields}
    if not all(column in names for column, _ in write.values):
        return ""
    values = ", ".join(f'"{names[column]}": models.SQL({sql!r})' for column, sql in write.values)
    where = f", where=models.SQL({write.where!r})" if write.where else ""
    return f'migrations.Backfill("{model.name.lower()}", set={{{values}}}{where})'


def _of_function(item: DataOperation, scope: LintScope) -> Iterator[Problem]:
    function = item.operation.get_function(backwards=False)
    code = code_of(function) if function is not None else None
    number = operation_of(item)
    for query in queries_of(code) if code is not None else ():
        model = item.state.find(query.model) or item.state.find(f"{item.app}.{query.model}")
        is_long = query.is_write or item.transactional
        if is_long and not _is_small(query, model, scope):
            line = query.node.lineno if code is not None and scope.is_own(code.file) else None
            table = f" of {model.at}" if model is not None else ""
            message = (
                f"{scope.title(number)}: {query.text} is about all rows{table} in one transaction"
            )
            yield Problem(message, number, line, _fix(query))


def _is_small(query: Query, model: Model | None, scope: LintScope) -> bool:
    if any(name in _FEW for name, _ in query.calls):
        return True
    if model is None:
        return False
    return scope.is_new(str(model.at)) or any(
        name in ("filter", "get") and call is not None and _asks_for_one(call, model)
        for name, call in query.calls
    )


def _asks_for_one(call: ast.Call, model: Model) -> bool:
    """True if the conditions name a value of the key, or of a field that is unique."""
    unique = {each.name for each in model.fields if each.field.unique or each.field.primary_key}
    unique |= {"pk", *(f"{name}__in" for name in (*unique, "pk"))}
    return any(each.arg in unique for each in call.keywords)


def _fix(query: Query) -> str:
    """The operation that does the same in batches, where it is a simple update."""
    name = query.model.rpartition(".")[2].lower()
    methods = [each for each, _ in query.calls]
    last = query.calls[-1][1]
    if methods[-1] != "update" or last is None or last.args or set(methods) - _SIMPLE:
        return ""
    given = [(each.arg, ast.unparse(each.value)) for each in last.keywords]
    where = [
        f"models.Q({', '.join(map(ast.unparse, [*call.args, *call.keywords]))})"
        for method, call in query.calls
        if method == "filter" and call is not None
    ]
    values = ", ".join(f'"{key}": {value}' for key, value in given)
    condition = f", where={' & '.join(where)}" if where else ""
    return f'migrations.Backfill("{name}", set={{{values}}}{condition})'


_SIMPLE = {"all", "filter", "update"}

RULE = Rule(
    code="walks-table",
    level="warning",
    title="code works on all rows of a table in one transaction",
    happens="Every row that it writes stays locked until the whole migration is committed, and whoever writes "
    "one of them waits for that. One that goes through rows in Python also holds them all in memory.",
    why="On a large table that takes minutes or hours; dead rows are kept meanwhile, replicas fall behind, and "
    "if it fails, all of it was for nothing.",
    instead="Use Backfill, which walks the table in small transactions, and goes on where it was.",
    check=_check,
    bad=migration(
        "migrations.RunPython(forwards, migrations.RunPython.noop)",
        above="""\
def forwards(apps, schema_editor):
    Post = apps.get_model("blog", "Post")
    Post.objects.filter(rating=None).update(rating=0)
""",
    ),
    good=migration(
        'migrations.Backfill("post", set={"rating": 0}, where=Q(rating=None))',
        more="from whimbrel.models import Q",
    ),
)

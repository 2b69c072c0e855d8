"""Rules over models: what they say that a database cannot do, found before anything is written.

A rule is a function that yields problems; each file ends with the table of its rules.
"""

from __future__ import annotations

from collections.abc import Iterable

from whimbrel.errors import ModelError, WhimbrelError
from whimbrel.findings import Finding, finding_of, split_place
from whimbrel.schema.table import Schema, Table
from whimbrel.sources.checks.model_rules import MODEL_RULES
from whimbrel.sources.checks.scope import CheckScope
from whimbrel.sources.checks.shared_rules import SHARED_RULES
from whimbrel.sources.checks.table_rules import TABLE_RULES
from whimbrel.sources.expressions import DIALECTS
from whimbrel.state.lowering import tables_of
from whimbrel.state.model import Model
from whimbrel.state.state import State


def check_state(
    state: State,
    dialects: Iterable[str] = ("postgresql", "sqlite"),
    attached: frozenset[str] | None = None,
) -> None:
    """Refuse models that these databases could not hold. Raises `ModelError`, naming all of them.

    attached: the schemas that SQLite has; None: they are not known.
    """
    errors = [
        ModelError(each.text, place=each.place, hint=each.hint)
        for each in findings(state, dialects, attached)
    ]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        rest = "\n".join(map(str, errors))
        raise ModelError(f"{len(errors)} things in the models that a database cannot do:\n{rest}")


def findings(
    state: State, dialects: Iterable[str], attached: frozenset[str] | None = None
) -> list[Finding]:
    """Return all that these databases could not do, in the order of the models."""
    chosen = frozenset(dialects) & frozenset(DIALECTS)
    tables: list[tuple[Model, Table]] = []
    found: list[Finding] = []
    for model in state:
        try:
            tables += [(model, table) for table in tables_of(state, model)]
        except WhimbrelError as error:
            placed = finding_of("model", error, app=model.app)
            found.append(placed if error.place else _finding(model, error.message, error.hint))
    scope = CheckScope(state, Schema.of(tuple(table for _, table in tables)), chosen, attached)
    scopes = [scope.on(dialect) for dialect in sorted(chosen)] or [scope]
    for model, table in tables:
        for each in scopes:
            seen = each.view(table)
            found += [_finding(model, *one) for rule in TABLE_RULES for one in rule(seen, each)]
    for model in state:
        found += [_finding(model, *one) for rule in MODEL_RULES for one in rule(model, scope)]
    for each in scopes:
        seen_tables = [(model, each.view(table)) for model, table in tables]
        for rule in SHARED_RULES:
            found += [_finding(model, *one) for model, one in rule(seen_tables, each)]
    return list(dict.fromkeys(found))


def _finding(model: Model, message: str, hint: str | None) -> Finding:
    file, line, rest = split_place(model.place or "")
    message = f"{rest}: {message}" if rest else message
    return Finding("model", message, hint, model.app, model.label, file, line)

"""A migration judged by the rules: its findings, without those that are not wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from whimbrel.findings import Finding, Level, finding_of
from whimbrel.history.line_numbers import line_of_name, lines_of_operations
from whimbrel.history.node import Node
from whimbrel.lint.rule import Problem, Rule
from whimbrel.lint.rules import RULES, unused_ignore
from whimbrel.lint.scope import LintScope


@dataclass(frozen=True)
class LintOptions:
    """The choice of rules. ignore: codes that are left out. levels: of codes, instead of the rules' own."""

    ignore: frozenset[str] = frozenset()
    levels: Mapping[str, Level] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """The findings of one migration. ignored: how many it leaves out, with reasons."""

    findings: tuple[Finding, ...]
    ignored: int = 0


def judge(scopes: Sequence[LintScope], options: LintOptions) -> Judged:
    """Return what rules find in one migration, on each of the databases that it is for.

    scopes: of the same migration. Raises `StateError` and others where it cannot be applied.
    """
    first = scopes[0]
    reasons = first.migration.lint_ignore
    rules = [each for each in RULES if each.code not in options.ignore]
    found = [pair for scope in scopes for pair in _check(scope, rules)]
    kept = [(rule, problem) for rule, problem in found if rule.code not in reasons]
    broken = {rule.code for rule, _ in found}
    unused = tuple(code for code in reasons if code not in broken | options.ignore)
    # Of what a database cannot do, or nobody can read, no reason is known to be needed by nothing.
    is_judged = not any(scope.error for scope in scopes) and "unread-sql" not in broken
    if unused_ignore.RULE in rules and is_judged:
        kept += [(unused_ignore.RULE, each) for each in unused_ignore.problems(unused)]
    findings = _findings(first.node, _in_order(dict.fromkeys(kept)), options.levels)
    ignored = {pair for pair in found if pair[0].code in reasons}
    return Judged((*findings, *dict.fromkeys(_unplanned(scopes))), len(ignored))


def _unplanned(scopes: Iterable[LintScope]) -> Iterator[Finding]:
    """The reasons for which databases cannot do it, as `check` finds them too."""
    for scope in scopes:
        if scope.error is not None:
            node = scope.node
            yield finding_of(
                "state", scope.error, app=node.app, subject=node.label, file=node.place
            )


def _check(scope: LintScope, rules: Iterable[Rule]) -> Iterator[tuple[Rule, Problem]]:
    for rule in rules:
        try:
            found = list(rule.check(scope))
        except Exception:
            if scope.error is None:
                raise
            continue  # why is said once, as what the database cannot do
        yield from ((rule, problem) for problem in found)


def _in_order(found: Iterable[tuple[Rule, Problem]]) -> list[tuple[Rule, Problem]]:
    """Return problems in the order of the operations; of one operation in that of the rules."""
    return sorted(found, key=lambda pair: (pair[1].operation, RULES.index(pair[0])))


def _findings(
    node: Node, found: Sequence[tuple[Rule, Problem]], levels: Mapping[str, Level]
) -> Iterator[Finding]:
    file = node.file if found else None
    lines: list[int | None] = [None] * (node.operations + 1)
    if file is not None:
        lines = [line_of_name(file, "operations"), *lines_of_operations(file, node.operations)]
    for rule, problem in found:
        yield Finding(
            code=rule.code,
            message=problem.message,
            hint="\n".join(filter(None, (problem.instead or rule.instead, problem.fix))),
            app=node.app,
            subject=node.label,
            file=node.place,
            line=problem.line or lines[problem.operation],
            level=levels.get(rule.code, rule.level),
        )

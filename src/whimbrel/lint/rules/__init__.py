"""The rules, each in a file of its own, in the order in which the documentation has them."""

from __future__ import annotations

from whimbrel.lint.rule import Rule
from whimbrel.lint.rules import dropped, renamed, rewrites_table, scans_table, unused_ignore

RULES: tuple[Rule, ...] = (
    rewrites_table.RULE,
    scans_table.RULE,
    dropped.RULE,
    renamed.RULE,
    unused_ignore.RULE,
)

#: The codes of all rules.
CODES = tuple(rule.code for rule in RULES)

"""The rules, each in a file of its own, in the order in which the documentation has them."""

from __future__ import annotations

from whimbrel.lint.rule import Rule
from whimbrel.lint.rules import (
    covered_index,
    dropped,
    long_name,
    naive_timestamp,
    padded_char,
    renamed,
    rewrites_table,
    scans_table,
    small_key,
    unindexed_key,
    unused_ignore,
)

RULES: tuple[Rule, ...] = (
    rewrites_table.RULE,
    scans_table.RULE,
    dropped.RULE,
    renamed.RULE,
    unindexed_key.RULE,
    covered_index.RULE,
    small_key.RULE,
    naive_timestamp.RULE,
    padded_char.RULE,
    long_name.RULE,
    unused_ignore.RULE,
)

#: The codes of all rules.
CODES = tuple(rule.code for rule in RULES)

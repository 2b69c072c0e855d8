"""The rules, each in a file of its own, in the order in which the documentation has them."""

from __future__ import annotations

from whimbrel.lint.rule import Rule
from whimbrel.lint.rules import (
    covered_index,
    dropped,
    in_transaction,
    irreversible,
    label,
    live_models,
    long_name,
    loses_data,
    mixed_phases,
    naive_timestamp,
    no_default,
    padded_char,
    renamed,
    rewrites_table,
    scans_table,
    small_key,
    unindexed_key,
    unread_sql,
    unused_ignore,
    walks_table,
)

RULES: tuple[Rule, ...] = (
    rewrites_table.RULE,
    scans_table.RULE,
    dropped.RULE,
    renamed.RULE,
    no_default.RULE,
    label.RULE,
    mixed_phases.RULE,
    loses_data.RULE,
    walks_table.RULE,
    live_models.RULE,
    irreversible.RULE,
    in_transaction.RULE,
    unread_sql.RULE,
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

"""Obstacles of a swap: what depends on a column in the database at hand, and would not follow to another one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from whimbrel.engines.postgresql.steps import probes
from whimbrel.engines.sql.literals import text
from whimbrel.schema.table import Name


def query(columns: Iterable[tuple[Name, str, str, Iterable[str]]]) -> str:
    """Return the query for the obstacles of columns, in words; a row for each.

    Of each: its table, its name, the trigger that must be the last to fire, and the names of the
    constraints and indexes on it that come along.
    """
    return _QUERY.format(rows=", ".join(_row(*each) for each in columns))


def _row(at: Name, name: str, trigger: str, known: Iterable[str]) -> str:
    word = rf"\m{re.escape(name)}\M"
    parts = ", ".join(map(text, known))
    return (
        f"({probes.oid(at)}, {text(name)}, {text(word)}, {text(trigger)}, ARRAY[{parts}]::text[])"
    )


#: `word` finds the column's name in text. What depends on it is in pg_depend, but for what names it.
_QUERY = """
    WITH it AS (
        SELECT r.*, a.attnum AS number
        FROM (VALUES {rows}) AS r (of, name, word, last_trigger, known)
        JOIN pg_attribute a ON a.attrelid = r.of AND a.attname = r.name
    )
    SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS what FROM it
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass
        AND (d.refobjid, d.refobjsubid) = (it.of, it.number)
    LEFT JOIN pg_constraint k ON (d.classid, d.objid) = ('pg_constraint'::regclass, k.oid)
    LEFT JOIN pg_class c ON (d.classid, d.objid) = ('pg_class'::regclass, c.oid)
    LEFT JOIN pg_attrdef v ON (d.classid, d.objid) = ('pg_attrdef'::regclass, v.oid)
    LEFT JOIN pg_publication_rel r ON (d.classid, d.objid) = (to_regclass('pg_publication_rel'), r.oid)
    WHERE NOT coalesce(
        k.contype = 'n' OR k.conname = ANY(it.known) OR c.relkind = 'S'
        OR (c.relkind = 'i' AND c.relname = ANY(it.known)) OR v.adnum = it.number
        OR d.classid = 'pg_statistic_ext'::regclass OR NOT EXISTS (
            SELECT 1 FROM pg_publication p JOIN pg_publication_tables t ON t.pubname = p.pubname
            WHERE p.oid = r.prpubid AND to_jsonb(t) ->> 'rowfilter' ~ it.word
            AND format('%I.%I', t.schemaname, t.tablename)::regclass = r.prrelid)
            AND r.oid IS NOT NULL, false)
    UNION SELECT 'a parent or child by inheritance of ' || it.of::text FROM it
    JOIN pg_inherits i ON it.of IN (i.inhrelid, i.inhparent)
    UNION SELECT 'row security of ' || it.of::text || ', which hides rows from whoever runs this' FROM it
    WHERE row_security_active(it.of)
    UNION SELECT 'the type of ' || it.of::text FROM it
    JOIN pg_class c ON c.oid = it.of AND c.reloftype <> 0
    UNION SELECT 'replica identity ' || i.indexrelid::regclass FROM it
    JOIN pg_class c ON c.oid = it.of AND c.relreplident = 'i'
    JOIN pg_index i ON i.indrelid = it.of AND i.indisreplident AND it.number = ANY(i.indkey)
    UNION SELECT format('trigger %I, which fires later than Whimbrel''s', g.tgname) FROM it
    JOIN pg_trigger g ON g.tgrelid = it.of AND NOT g.tgisinternal AND g.tgtype & 3 = 3
        AND g.tgname > it.last_trigger
    UNION SELECT format('trigger %I, whose function names %s', g.tgname, it.name) FROM it
    JOIN pg_trigger g ON g.tgrelid = it.of AND NOT g.tgisinternal
    JOIN pg_proc f ON f.oid = g.tgfoid AND f.prosrc ~ it.word
    """

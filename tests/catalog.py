"""What PostgreSQL's catalog tells of a database, as a value: two databases compare by it.

The order of columns, the names of the sequences behind identity and serial columns, and the
NOT NULL constraints that version 18 names, are left out: none is part of a schema.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

QUERIES = {
    "schemas": f"SELECT n.nspname FROM pg_namespace n WHERE {OURS}",
    "tables": f"""
        SELECT n.nspname, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class'),
               c.reloptions::text, am.amname, pg_get_partkeydef(c.oid), c.relpersistence::text,
               (SELECT array_agg(inhparent::regclass::text ORDER BY inhseqno)::text
                  FROM pg_inherits WHERE inhrelid = c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_am am ON am.oid = c.relam
        WHERE c.relkind IN ('r', 'p', 'v', 'm') AND {OURS}""",
    # A default that draws from an owned sequence is told as such: the sequence's name is not ours.
    "columns": f"""
        SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               CASE WHEN owned.relname IS NULL OR a.attidentity <> '' THEN
                   pg_get_expr(d.adbin, d.adrelid) ELSE 'serial' END,
               a.attidentity::text, a.attgenerated::text,
               CASE WHEN a.attcollation <> t.typcollation THEN l.collname END,
               col_description(c.oid, a.attnum),
               s.seqtypid::regtype::text, s.seqstart, s.seqincrement, s.seqmax, s.seqmin,
               s.seqcache, s.seqcycle
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_depend w ON w.refclassid = 'pg_class'::regclass AND w.refobjid = c.oid
             AND w.refobjsubid = a.attnum AND w.classid = 'pg_class'::regclass
             AND w.deptype IN ('a', 'i')
             AND w.objid IN (SELECT seqrelid FROM pg_sequence)
        LEFT JOIN pg_class owned ON owned.oid = w.objid
        LEFT JOIN pg_sequence s ON s.seqrelid = owned.oid
        WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND {OURS}""",
    "constraints": f"""
        SELECT n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype <> 'n' AND {OURS}""",
    "indexes": f"""
        SELECT n.nspname, t.relname, c.relname, pg_get_indexdef(c.oid), i.indisvalid
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_class t ON t.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS}""",
    "enums": f"""
        SELECT n.nspname, t.typname, array_agg(e.enumlabel ORDER BY e.enumsortorder)::text
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typtype = 'e' AND {OURS}
        GROUP BY n.nspname, t.typname""",
    "sequences": f"""
        SELECT n.nspname, c.relname, s.seqtypid::regtype::text, s.seqstart, s.seqincrement,
               s.seqmax, s.seqmin, s.seqcache, s.seqcycle
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {OURS} AND NOT EXISTS (
            SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))""",
}

Catalog = dict[str, list[tuple[Any, ...]]]


def catalog(connection: Connection) -> Catalog:
    """Everything that a schema can say of the database behind a PostgreSQL connection."""
    return {
        what: sorted((tuple(row) for row in connection.exec_driver_sql(query)), key=repr)
        for what, query in QUERIES.items()
    }

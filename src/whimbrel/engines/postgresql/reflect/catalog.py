"""Queries of PostgreSQL's catalog about tables: one for each kind of thing, for all tables.

Every query works from 13 on, for everybody: the catalog is open to all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from sqlalchemy.engine import Connection, RowMapping

from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text

Row: TypeAlias = RowMapping | Mapping[str, Any]

_NOT_OF_AN_EXTENSION = """NOT EXISTS (
    SELECT 1 FROM pg_depend d WHERE d.classid = '{kind}'::regclass AND d.objid = {oid}
    AND d.deptype = 'e')"""


def _asked(connection: Connection, sql: str) -> list[RowMapping]:
    return list(execute(connection, sql).mappings())


def listed(names: Iterable[str]) -> str:
    """Names as an array of SQL."""
    return f"ARRAY[{', '.join(map(text, names))}]::text[]"


def oids(of: Iterable[int]) -> str:
    return f"'{{{','.join(map(str, of))}}}'::oid[]"


# -- the database ----------------------------------------------------------------------------------


def surroundings(connection: Connection) -> Row:
    """The default schema, the server's version, its usual access method and tablespace, and all schemas."""
    sql = """SELECT current_schema()::text AS "default",
        current_setting('server_version_num')::int / 10000 AS version,
        current_setting('default_table_access_method') AS method,
        (SELECT s.spcname::text FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace
         WHERE d.datname = current_database()) AS tablespace,
        ARRAY(SELECT nspname::text FROM pg_namespace) AS schemas"""
    return _asked(connection, sql)[0]


# -- tables ----------------------------------------------------------------------------------------

#: Tables that are there for everybody, and are neither a partition nor an extension's.
LASTING = (
    "c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND "
    + _NOT_OF_AN_EXTENSION.format(kind="pg_class", oid="c.oid")
)
#: The temporary tables of this session.
SCRATCH = "c.relnamespace = pg_my_temp_schema()"


def tables(connection: Connection, which: str) -> list[RowMapping]:
    """``which``: a condition on pg_class c and pg_namespace n."""
    sql = f"""
        SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name,
               obj_description(c.oid, 'pg_class') AS comment,
               c.reloptions AS parameters, o.reloptions AS toasted, m.amname::text AS method,
               c.relpersistence = 'u' AS unlogged,
               s.spcname::text AS tablespace, pg_get_partkeydef(c.oid) AS partition_by,
               ARRAY(SELECT ARRAY[pn.nspname::text, p.relname::text]
                     FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent
                     JOIN pg_namespace pn ON pn.oid = p.relnamespace
                     WHERE h.inhrelid = c.oid ORDER BY h.inhseqno) AS parents
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_class o ON o.oid = c.reltoastrelid
        LEFT JOIN pg_am m ON m.oid = c.relam
        LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {which}
        ORDER BY n.nspname, c.relname"""
    return _asked(connection, sql)


# A locale with its encoding ("en_US.utf8") is told from a schema's name and another by its looks.
_LOCALE = "^(C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)[.](utf|iso|euc|koi|cp|gb|big)"


def _collation(alias: str) -> str:
    """A collation's name: with its schema where it is not found by itself, or has a dot."""
    alone = f"({alias}.collname !~ '[.]' OR {alias}.collname ~* '{_LOCALE}')"
    return f"""CASE WHEN pg_collation_is_visible({alias}.oid) AND {alone}
        THEN {alias}.collname::text
        ELSE (SELECT cn.nspname FROM pg_namespace cn WHERE cn.oid = {alias}.collnamespace)
             || '.' || {alias}.collname END"""


_CHECKS = "FROM pg_constraint k WHERE k.contypid = b.oid AND k.contype = 'c'"
#: What a domain b says of itself; u is the type that it is made of, bl its collation.
_DOMAIN = f"""bn.nspname::text AS base_schema, b.typname::text AS base_name,
               format_type(nullif(b.typbasetype, 0), b.typtypmod) AS under,
               b.typnotnull AS domain_required, b.typdefault AS domain_default,
               CASE WHEN b.typcollation <> u.typcollation THEN {_collation("bl")} END
                   AS domain_collation,
               (SELECT string_agg(pg_get_expr(k.conbin, 0), ' AND ' ORDER BY k.conname) {_CHECKS})
                   AS domain_check,
               (SELECT min(k.conname::text) {_CHECKS} HAVING count(*) = 1) AS domain_constraint"""
_OF_DOMAIN = """JOIN pg_namespace bn ON bn.oid = b.typnamespace
        LEFT JOIN pg_type u ON u.oid = nullif(b.typbasetype, 0)
        LEFT JOIN pg_collation bl ON bl.oid = b.typcollation"""


#: The domains that are in this session's temporary schema.
SCRATCH_DOMAINS = "bn.oid = pg_my_temp_schema()"


def domains(connection: Connection, which: str) -> list[RowMapping]:
    """The domains but those of extensions. ``which``: a condition on their pg_namespace bn."""
    sql = f"""
        SELECT {_DOMAIN} FROM pg_type b {_OF_DOMAIN}
        WHERE b.typtype = 'd' AND {which}
          AND {_NOT_OF_AN_EXTENSION.format(kind="pg_type", oid="b.oid")}
        ORDER BY b.oid"""
    return _asked(connection, sql)


def columns(connection: Connection, tables: str) -> list[RowMapping]:
    """A column with its type, its default, and the sequence that it owns.

    ``base`` is its type, or that of its array's items; ``under`` is what a domain is made of, and
    what begins with ``domain_`` says the rest of it.
    """
    sql = f"""
        SELECT a.attrelid AS table, a.attname::text AS name, NOT a.attnotnull AS null,
               a.attidentity::text AS identity, a.attgenerated::text AS generated,
               pg_get_expr(e.adbin, e.adrelid) AS default,
               CASE WHEN a.attcollation <> t.typcollation THEN {_collation("l")} END AS collation,
               col_description(a.attrelid, a.attnum) AS comment,
               format_type(a.atttypid, a.atttypmod) AS spelled, b.oid <> t.oid AS is_array,
               b.oid AS base, b.typtype::text AS kind, {_DOMAIN},
               s.seqstart AS start, s.seqincrement AS increment, s.seqmin AS minvalue,
               s.seqmax AS maxvalue, s.seqcycle AS cycle, s.seqcache AS cache,
               format_type(s.seqtypid, NULL) AS counted,
               coalesce(w.deptype = 'a' AND EXISTS (
                   SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_attrdef'::regclass
                   AND x.objid = e.oid AND x.refobjid = s.seqrelid), false) AS is_serial
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_type i ON i.oid = t.typelem AND i.typarray = t.oid
        JOIN pg_type b ON b.oid = coalesce(i.oid, t.oid)
        {_OF_DOMAIN}
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
        LEFT JOIN (pg_depend w JOIN pg_sequence s ON s.seqrelid = w.objid)
             ON w.refclassid = 'pg_class'::regclass AND w.refobjid = a.attrelid
             AND w.refobjsubid = a.attnum AND w.classid = 'pg_class'::regclass
             AND w.deptype = CASE WHEN a.attidentity = '' THEN 'a' ELSE 'i' END::"char"
        WHERE a.attrelid = ANY({tables}) AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attrelid, a.attnum, s.seqrelid"""
    return _asked(connection, sql)


# -- constraints and indexes -----------------------------------------------------------------------


def constraints(connection: Connection, tables: str, version: int) -> list[RowMapping]:
    """Those that hold for every row: NOT VALID ones only of NOT NULL, which must be known."""
    set_columns = _names("k.confdelsetcols", "k.conrelid") if version >= 15 else "ARRAY[]::text[]"
    operators = """ARRAY(SELECT CASE WHEN pg_operator_is_visible(o.oid) THEN o.oprname::text
            ELSE 'OPERATOR(' || quote_ident(ns.nspname) || '.' || o.oprname || ')' END
        FROM unnest(k.conexclop) WITH ORDINALITY AS u(oid, i) JOIN pg_operator o ON o.oid = u.oid
        JOIN pg_namespace ns ON ns.oid = o.oprnamespace ORDER BY u.i)"""
    sql = f"""
        SELECT k.conrelid AS table, k.conname::text AS name, k.contype::text AS kind,
               k.condeferrable AS deferrable, k.condeferred AS deferred, k.conindid AS index,
               {_names("k.conkey", "k.conrelid")} AS columns,
               CASE WHEN k.contype = 'c' THEN pg_get_expr(k.conbin, k.conrelid) END AS expression,
               fn.nspname::text AS target_schema, f.relname::text AS target,
               {_names("k.confkey", "k.confrelid")} AS target_columns,
               k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update,
               k.confmatchtype::text AS match, {set_columns} AS set_columns,
               CASE WHEN k.contype = 'x' THEN {operators} END AS operators
        FROM pg_constraint k
        LEFT JOIN pg_class f ON f.oid = k.confrelid
        LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
        WHERE k.conrelid = ANY({tables}) AND k.conparentid = 0
          AND (k.contype IN ('p', 'u', 'x') OR (k.contype IN ('c', 'f') AND k.convalidated)
               OR (k.contype = 'n' AND NOT k.convalidated))
          AND (k.contype <> 'c' OR k.conislocal)
        ORDER BY k.conrelid, position(k.contype::text IN 'puxcf'), k.conname"""
    return _asked(connection, sql)


def _names(numbers: str, table: str) -> str:
    """The names of columns by their numbers, in order."""
    return f"""ARRAY(SELECT a.attname::text FROM unnest({numbers}) WITH ORDINALITY AS u(number, i)
        JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = u.number ORDER BY u.i)"""


def index_parts(connection: Connection, tables: str, version: int) -> list[RowMapping]:
    """The elements of all indexes, in order, each with what its index is. Invalid ones are not there.

    ``constraint`` is whether a constraint stands on it.
    """
    nulls = "i.indnullsnotdistinct" if version >= 15 else "false"
    sql = f"""
        SELECT i.indexrelid AS index, i.indrelid AS table, x.relname::text AS name,
               i.indisunique AS unique, m.amname::text AS method, p.n > i.indnkeyatts AS included,
               pg_get_expr(i.indpred, i.indrelid) AS where, {nulls} AS nulls_not_distinct,
               x.reloptions AS parameters, s.spcname::text AS tablespace,
               EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid
                       AND k.contype IN ('p', 'u', 'x')) AS constraint,
               a.attname::text AS column,
               CASE WHEN a.attname IS NULL THEN pg_get_indexdef(i.indexrelid, p.n, false) END
                   AS expression,
               i.indoption[p.n - 1] AS option, ia.attoptions AS opclass_parameters,
               CASE WHEN pg_opclass_is_visible(o.oid) THEN quote_ident(o.opcname)
                    ELSE quote_ident(os.nspname) || '.' || quote_ident(o.opcname) END AS opclass,
               CASE WHEN l.oid IS NOT NULL THEN {_collation("l")} END AS collation,
               CASE WHEN ia.attoptions IS NOT NULL THEN quote_ident(dc.opcname) END AS usual_opclass
        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
        LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
        CROSS JOIN LATERAL generate_series(1, i.indnatts) AS p(n)
        JOIN pg_attribute ia ON ia.attrelid = i.indexrelid AND ia.attnum = p.n
        JOIN pg_type t ON t.oid = ia.atttypid
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p.n - 1]
             AND i.indkey[p.n - 1] <> 0
        LEFT JOIN pg_opclass dc ON dc.oid = i.indclass[p.n - 1] AND p.n <= i.indnkeyatts
        LEFT JOIN pg_opclass o ON o.oid = dc.oid AND NOT dc.opcdefault
        LEFT JOIN pg_namespace os ON os.oid = o.opcnamespace
        LEFT JOIN pg_collation l ON p.n <= i.indnkeyatts AND l.oid = i.indcollation[p.n - 1]
             AND l.oid <> coalesce(a.attcollation, t.typcollation)
        WHERE i.indrelid = ANY({tables}) AND i.indisvalid AND i.indislive
        ORDER BY i.indrelid, x.relname, p.n"""
    return _asked(connection, sql)


def invalid(connection: Connection) -> list[RowMapping]:
    """Foreign keys and checks that are NOT VALID, and indexes whose building failed or goes on."""
    sql = """
        SELECT n.nspname::text AS schema, c.relname::text AS table, found.name
        FROM (SELECT conrelid AS oid, conname::text AS name FROM pg_constraint
              WHERE contype IN ('c', 'f') AND NOT convalidated
              UNION ALL
              SELECT i.indrelid, x.relname::text FROM pg_index i
              JOIN pg_class x ON x.oid = i.indexrelid WHERE NOT i.indisvalid) AS found
        JOIN pg_class c ON c.oid = found.oid JOIN pg_namespace n ON n.oid = c.relnamespace
        ORDER BY 1, 2, 3"""
    return _asked(connection, sql)


# -- types and sequences ---------------------------------------------------------------------------


def enums(connection: Connection) -> list[RowMapping]:
    """All enum types but those of extensions."""
    sql = f"""
        SELECT t.oid, n.nspname::text AS schema, t.typname::text AS name,
               ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid
                     ORDER BY e.enumsortorder) AS labels
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typtype = 'e' AND {_NOT_OF_AN_EXTENSION.format(kind="pg_type", oid="t.oid")}
        ORDER BY n.nspname, t.typname"""
    return _asked(connection, sql)


def sequences(connection: Connection, schemas: Iterable[str]) -> list[RowMapping]:
    """The sequences that no column owns."""
    sql = f"""
        SELECT n.nspname::text AS schema, c.relname::text AS name, s.seqstart AS start,
               s.seqincrement AS increment, s.seqmin AS minvalue, s.seqmax AS maxvalue,
               s.seqcycle AS cycle, s.seqcache AS cache
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY({listed(schemas)}) AND c.relpersistence <> 't'
          AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                          AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e')
                          AND d.refclassid <> 'pg_namespace'::regclass)
        ORDER BY n.nspname, c.relname"""
    return _asked(connection, sql)


def by_table(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Rows by the table that they are of."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["table"], []).append(row)
    return found

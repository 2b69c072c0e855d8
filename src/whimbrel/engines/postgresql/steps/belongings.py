"""Belongings of a column that no model knows: read in the database at hand, and given to another one.

Grants, a comment, statistics, storage, publications, and where the sequence of an identity stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import probes
from whimbrel.engines.sql import execute
from whimbrel.engines.sql.literals import text
from whimbrel.schema.table import Identity, Name


@dataclass(frozen=True)
class Belongings:
    """The belongings of the column ``old``, for ``new``, which is called ``old`` then.

    constraints, indexes: those on it that come again, by name. identity: of both.
    """

    table: Name
    old: str
    new: str
    constraints: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    identity: Identity | None = None

    def read(self, connection: Connection, version: int) -> tuple[list[str], list[str]]:
        """Return the statements before the old column goes, and those after the new one has its name."""
        said = " UNION ALL ".join(
            self._with_names(query) for since, query in _QUERIES if version >= since
        )
        rows = execute(connection, f"SELECT * FROM ({said}) it ORDER BY place").all()
        before = [row.sql for row in rows if row.place == 0]
        return before, [row.sql for row in rows if row.place > 0]

    def _with_names(self, query: str) -> str:
        known = {
            "at": text(COMPILER.at(self.table).replace("%", "%%")),
            "table": f"{probes.oid(self.table)}",
            "old": text(self.old),
            "new": text(self.new),
            "constraints": _array(self.constraints),
            "indexes": _array(self.indexes),
            "its": probes.number_of(self.table, self.old),
        }
        return query.format(**known)

    def counter(self, connection: Connection) -> list[str]:
        """Return the statements for a sequence that goes on where the old one stands, which is locked."""
        if self.identity is None:
            return []
        at = COMPILER.at(self.table)
        owned = f"pg_get_serial_sequence({text(at)}, {text(self.old)})"
        row = execute(connection, _SEQUENCE.format(owned=owned)).one()
        # As it is; but nobody draws a number from now on.
        execute(connection, f"ALTER SEQUENCE {row.name} INCREMENT BY {row.seqincrement}")
        stand = execute(connection, f"SELECT last_value, is_called FROM {row.name}").one()
        options = (
            f"SEQUENCE NAME {row.name} START WITH {row.seqstart} INCREMENT BY {row.seqincrement}"
            f"{row.low}{row.high} CACHE {row.seqcache}{' CYCLE' if row.seqcycle else ''}"
        )
        strict = COMPILER.strictness(self.identity)
        return [
            f"ALTER TABLE {at} ALTER COLUMN {COMPILER.quote(self.old)} "
            f"ADD GENERATED {strict} AS IDENTITY ({options})",
            f"SELECT setval({text(row.name)}, {stand.last_value}, {str(stand.is_called).lower()})",
            *(row.grants or ()),
        ]

    def offline(self) -> list[str]:
        """The statements for whoever runs them without Whimbrel: the counter goes on after the rows."""
        at, name = COMPILER.at(self.table), COMPILER.quote(self.old)
        # Version 18 has called NOT NULL by the name that the column had then.
        was, now = (
            COMPILER.make_name(self.table.name, each, "not_null") for each in (self.new, self.old)
        )
        renamed = (
            f"DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = {probes.oid(self.table)} "
            f"AND contype = 'n' AND conname = {text(was)}) THEN EXECUTE "
            f"{text(f'ALTER TABLE {at} RENAME CONSTRAINT {COMPILER.quote(was)} TO {COMPILER.quote(now)}')}; "
            "END IF; END $$"
        )
        if self.identity is None:
            return [renamed]
        end = "max" if (self.identity.increment or 1) > 0 else "min"
        return [
            renamed,
            f"ALTER TABLE {at} ALTER COLUMN {name} ADD {COMPILER.identity(self.identity)}",
            f"SELECT setval(pg_get_serial_sequence({text(at)}, {text(self.old)}), {end}({name})) "
            f"FROM {at} HAVING {end}({name}) IS NOT NULL",
        ]


def _array(names: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(map(text, names))}]::text[]"


#: The bounds of a sequence are said where they are not those of its type.
_SEQUENCE = """
    SELECT s.oid::regclass::text AS name, q.*,
        CASE WHEN q.seqmin <> CASE WHEN q.seqincrement > 0 THEN 1 ELSE t.low END
             THEN ' MINVALUE ' || q.seqmin ELSE '' END AS low,
        CASE WHEN q.seqmax <> CASE WHEN q.seqincrement > 0 THEN t.high ELSE -1 END
             THEN ' MAXVALUE ' || q.seqmax ELSE '' END AS high,
        (SELECT array_agg(format('GRANT %s ON SEQUENCE %s TO %s%s', g.privilege_type, s.oid::regclass,
            CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
            CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END))
         FROM aclexplode(s.relacl) g WHERE g.grantee <> s.relowner) AS grants
    FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid
    JOIN (VALUES ('int2'::regtype, -32768::bigint, 32767::bigint),
                 ('int4', -2147483648, 2147483647),
                 ('int8', -9223372036854775808, 9223372036854775807)) t (of, low, high)
        ON t.of = q.seqtypid
    WHERE s.oid = {owned}::regclass"""

_ATTRIBUTE = "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
_IS_OLD = "WHERE a.attrelid = {table} AND a.attname = {old}"
_WORDS = """CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
    CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"""
_ALTER = "'ALTER TABLE ' || {at} || ' ALTER COLUMN %I"

#: From which version on there is such a thing; and a query for statements: place 0 is before the old
#: column goes, any other after the new one has its name.
_QUERIES = (
    (
        13,
        f"""SELECT 1 AS place, format('GRANT %s (%I) ON ' || {{at}} || ' TO %s%s',
        g.privilege_type, a.attname, {_WORDS}) AS sql {_ATTRIBUTE}, aclexplode(a.attacl) g {_IS_OLD}""",
    ),
    (
        13,
        f"""SELECT 1, format('COMMENT ON COLUMN ' || {{at}} || '.%I IS %L', a.attname,
        col_description(a.attrelid, a.attnum)) {_ATTRIBUTE} {_IS_OLD}
        AND col_description(a.attrelid, a.attnum) IS NOT NULL""",
    ),
    (
        13,
        f"""SELECT 1, format({_ALTER} SET STATISTICS %s', a.attname, a.attstattarget)
        {_ATTRIBUTE} {_IS_OLD} AND a.attstattarget >= 0""",
    ),
    (
        13,
        f"""SELECT 1, format({_ALTER} SET (%s)', a.attname, string_agg(each, ', '))
        {_ATTRIBUTE}, unnest(a.attoptions) each {_IS_OLD} AND each ~ '^n_distinct'
        GROUP BY a.attname""",
    ),
    # How a value is stored: only where it differs from what its type says, and the new one has a say.
    (
        13,
        f"""SELECT 1, format({_ALTER} SET STORAGE %s', a.attname, CASE a.attstorage
            WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
        {_ATTRIBUTE} {_IS_OLD} AND a.attstorage <> t.typstorage AND EXISTS (
            SELECT 1 FROM pg_attribute b JOIN pg_type u ON u.oid = b.atttypid
            WHERE b.attrelid = a.attrelid AND b.attname = {{new}} AND u.typstorage <> 'p')""",
    ),
    (
        14,
        f"""SELECT 1, format({_ALTER} SET COMPRESSION %s', a.attname,
            CASE a.attcompression WHEN 'l' THEN 'lz4' ELSE 'pglz' END)
        {_ATTRIBUTE} {_IS_OLD} AND a.attcompression <> '' AND EXISTS (
            SELECT 1 FROM pg_attribute b JOIN pg_type u ON u.oid = b.atttypid
            WHERE b.attrelid = a.attrelid AND b.attname = {{new}} AND u.typstorage <> 'p')""",
    ),
    # Statistics objects go with a column of theirs, and come again.
    (
        13,
        """SELECT 2, pg_get_statisticsobjdef(d.objid) FROM pg_depend d
        WHERE d.classid = 'pg_statistic_ext'::regclass AND d.refclassid = 'pg_class'::regclass
        AND d.refobjid = {table} AND d.refobjsubid = ({its})""",
    ),
    (
        15,
        """SELECT 0, format('ALTER PUBLICATION %I DROP TABLE ONLY ' || {at}, p.pubname)
        FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
        WHERE r.prrelid = {table} AND ({its}) = ANY(r.prattrs::int2[])""",
    ),
    (
        15,
        """SELECT 3, format('ALTER PUBLICATION %I ADD TABLE ONLY ' || {at} || ' (%s)%s', p.pubname,
            (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
             WHERE attrelid = r.prrelid AND attnum = ANY(r.prattrs::int2[])),
            ' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')')
        FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
        WHERE r.prrelid = {table} AND ({its}) = ANY(r.prattrs::int2[])""",
    ),
    (
        13,
        """SELECT 4, format('COMMENT ON CONSTRAINT %I ON ' || {at} || ' IS %L', k.conname,
            obj_description(k.oid, 'pg_constraint')) FROM pg_constraint k
        WHERE k.conrelid = {table} AND k.conname = ANY({constraints})
        AND obj_description(k.oid, 'pg_constraint') IS NOT NULL""",
    ),
    (
        13,
        """SELECT 4, format('COMMENT ON INDEX %s IS %L', i.indexrelid::regclass,
            obj_description(i.indexrelid, 'pg_class')) FROM pg_index i
        JOIN pg_class k ON k.oid = i.indexrelid
        WHERE i.indrelid = {table} AND k.relname = ANY({indexes})
        AND obj_description(i.indexrelid, 'pg_class') IS NOT NULL""",
    ),
    (
        13,
        """SELECT 4, format('ALTER TABLE ' || {at} || ' CLUSTER ON %I', k.relname) FROM pg_index i
        JOIN pg_class k ON k.oid = i.indexrelid
        WHERE i.indrelid = {table} AND k.relname = ANY({indexes}) AND i.indisclustered""",
    ),
    # NOT NULL has a name of its own since 18, which it got of the new column.
    (
        18,
        """SELECT 1, format('ALTER TABLE ' || {at} || ' RENAME CONSTRAINT %I TO %I', n.conname, o.conname)
        FROM pg_constraint o JOIN pg_attribute a ON a.attrelid = o.conrelid AND o.conkey = ARRAY[a.attnum]
        JOIN pg_constraint n ON n.conrelid = o.conrelid AND n.contype = 'n'
        JOIN pg_attribute b ON b.attrelid = n.conrelid AND n.conkey = ARRAY[b.attnum]
        WHERE o.conrelid = {table} AND o.contype = 'n' AND a.attname = {old} AND b.attname = {new}""",
    ),
)

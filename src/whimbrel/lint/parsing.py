"""Statements taken apart by sqlglot; what it does not take apart is read by its words.

sqlglot is an extra of the package (``whimbrel[lint]``): nothing else imports it, nor this file at its top.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from typing import Any

import sqlglot
from sqlglot import exp

from whimbrel.engines import engine_for
from whimbrel.engines.postgresql.steps.columns import is_volatile
from whimbrel.engines.step import HazardCode
from whimbrel.lint.statements import Breaks, Consequence, Reading, Write

_REWRITES, _SCANS = HazardCode.REWRITES_TABLE, HazardCode.SCANS_TABLE
_BLOCKS, _LOSES = HazardCode.BLOCKS_WRITES, HazardCode.LOSES_DATA
_BREAKS = HazardCode.BREAKS_OLD_CODE
#: What others wait for, on a database that knows locks of tables.
_LOCKS = (_REWRITES, _SCANS, _BLOCKS)

#: sqlglot's names of dialects, where they are others than SQLAlchemy's.
_NAMES = {"postgresql": "postgres"}

# It says on stderr what it does not take apart, which is a finding here.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


def parse(sql: str, dialect: str) -> Reading:
    """Return what a statement does; see `whimbrel.lint.effects.read`."""
    named = _NAMES.get(dialect, dialect)
    try:
        tree: Any = sqlglot.parse_one(sql, read=named)
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError):
        tree = exp.Command(this=sql)  # its words may tell more
    return _Reader(dialect, tree, _WORD.findall(_COMMENT.sub(" ", sql))).reading()


_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\w+|[^\s\w]")


class _Reader:
    """One statement: its tree, and its words."""

    def __init__(self, dialect: str, tree: Any, words: list[str]) -> None:
        self.tree, self.given = tree, words
        self.named = _NAMES.get(dialect, dialect)
        self.has_locks = engine_for(dialect).capabilities.shows_locks
        # No word has a blank in it, so that one can be found by the blanks before it.
        self.words = tuple(each.upper().replace(" ", "_") for each in words)

    def reading(self) -> Reading:
        tree, found = self.tree, tuple[Consequence, ...]()
        unread, creates = None, frozenset[str]()
        match tree:
            case exp.Alter():
                found = tuple(self._altered())
            case exp.Create():
                found, creates = tuple(self._created()), self._new_tables()
            case exp.Drop():
                found = tuple(self._dropped())
            case exp.TruncateTable():
                found = tuple(Consequence(_LOSES, self._name(each)) for each in tree.expressions)
            case exp.Command() | exp.Alias() | exp.Column():
                found, is_known = self._by_words()
                unread = None if is_known else f"nobody can tell what {self.words[0]} does here"
        if not self.has_locks:
            found = tuple(each for each in found if each.code not in _LOCKS)
        is_alone = self.has_locks and self._needs_autocommit()
        return Reading(found, tuple(self._writes()), creates, is_alone, unread)

    # -- what it is about

    def _name(self, table: Any) -> str:
        """A table as people write it; PostgreSQL folds what is not quoted."""
        parts = [part for part in (table.args.get("db"), table.this) if part is not None]
        if len(parts) == 2 and parts[0].name.lower() == "public":
            parts = parts[1:]
        return ".".join(
            each.name if each.args.get("quoted") else each.name.lower() for each in parts
        )

    # -- ALTER TABLE

    def _altered(self) -> Iterator[Consequence]:
        if self.tree.args.get("kind") != "TABLE":
            return
        table = self._name(self.tree.this)
        actions: list[Any] = list(self.tree.args.get("actions") or ())
        for action in actions:
            # What is parsed of NOT VALID stands at the end, and speaks of the last action alone.
            is_checked = not self.tree.args.get("not_valid") or action is not actions[-1]
            match action:
                case exp.ColumnDef():
                    yield from self._column_added(table, action)
                case exp.AlterColumn():
                    yield from self._column_altered(table, action)
                case exp.AddConstraint() if is_checked:
                    yield Consequence(_SCANS, table)
                case exp.Drop(kind="COLUMN"):
                    for each in action.args.get("tables") or ():
                        yield Consequence(_LOSES, table, each.name)
                        yield Consequence(_BREAKS, table, each.name)
                case exp.RenameColumn():
                    yield Consequence(_BREAKS, table, action.this.name, "renamed")
                case exp.AlterRename():
                    yield Consequence(_BREAKS, table, breaks="renamed")
                case exp.AlterSet() if _MOVES & set(self.words):
                    yield Consequence(_REWRITES, table)

    def _column_added(self, table: str, column: Any) -> Iterator[Consequence]:
        kinds = [each.args.get("kind") for each in column.args.get("constraints") or ()]
        is_counted = "SERIAL" in str(column.args.get("kind")).upper()
        default = next(
            (each for each in kinds if isinstance(each, exp.DefaultColumnConstraint)), None
        )
        written = default is not None and is_volatile(default.this.sql("postgres"))
        stored = any(isinstance(each, exp.ComputedColumnConstraint) for each in kinds)
        counted = any(isinstance(each, exp.GeneratedAsIdentityColumnConstraint) for each in kinds)
        if is_counted or written or counted or (stored and "VIRTUAL" not in self.words):
            yield Consequence(_REWRITES, table)
        checked = (
            exp.UniqueColumnConstraint,
            exp.PrimaryKeyColumnConstraint,
            exp.CheckColumnConstraint,
        )
        is_pointing = default is not None and any(isinstance(each, exp.Reference) for each in kinds)
        if is_pointing or any(isinstance(each, checked) for each in kinds):
            yield Consequence(_SCANS, table)
        strict = any(
            isinstance(each, exp.NotNullColumnConstraint) and not each.args.get("allow_null")
            for each in kinds
        )
        if strict and default is None and not (stored or counted or is_counted):
            yield Consequence(_SCANS, table)
            yield Consequence(_BREAKS, table, column.name, "required")

    def _column_altered(self, table: str, action: Any) -> Iterator[Consequence]:
        kind = action.args.get("dtype")
        if kind is not None:
            is_text = str(kind).upper() in ("TEXT", "VARCHAR")
            yield Consequence(_REWRITES, table, to_text=action.name if is_text else None)
        if action.args.get("allow_null") is False:
            yield Consequence(_SCANS, table)

    # -- CREATE and DROP

    def _created(self) -> Iterator[Consequence]:
        if self.tree.args.get("kind") == "INDEX" and not self.tree.args.get("concurrently"):
            table = self.tree.this.args.get("table")
            if table is not None:
                yield Consequence(_SCANS, self._name(table))

    def _new_tables(self) -> frozenset[str]:
        if self.tree.args.get("kind") != "TABLE":
            return frozenset()
        made = self.tree.this
        return frozenset(
            {self._name(made.this if hasattr(made.this, "this") and made.key == "schema" else made)}
        )

    def _dropped(self) -> Iterator[Consequence]:
        kind = self.tree.args.get("kind")
        for each in self.tree.args.get("tables") or ():
            name = self._name(each)
            if kind in ("TABLE", "SCHEMA", "SEQUENCE"):
                yield Consequence(_LOSES, name)
            if kind in ("TABLE", "SCHEMA", "VIEW", "TYPE"):
                yield Consequence(_BREAKS, name)

    # -- rows

    def _writes(self) -> Iterator[Write]:
        if isinstance(self.tree, exp.Merge):
            yield Write(self._name(self.tree.this), frozenset())
        for each in self.tree.find_all(exp.Update, exp.Delete):
            if isinstance(each.this, exp.Table):
                where = each.args.get("where")
                is_joined = any(each.args.get(word) for word in ("from_", "from", "using"))
                names = {each.this.alias_or_name, *(() if is_joined else ("",))}
                yield Write(
                    self._name(each.this),
                    frozenset(_asked_for(where, names)),
                    self._values(each) if each is self.tree else None,
                    where and where.this.sql(self.named),
                )

    def _values(self, update: Any) -> tuple[tuple[str, str], ...] | None:
        """The values of a plain UPDATE: of one table, each column from an expression of its own."""
        pairs = update.expressions if isinstance(update, exp.Update) else []
        if update.args.get("from_") or update.args.get("from") or update.find(exp.Placeholder):
            return None
        if not all(isinstance(of, exp.EQ) and isinstance(of.this, exp.Column) for of in pairs):
            return None
        return tuple((of.this.name, of.expression.sql(self.named)) for of in pairs) or None

    # -- what is read by its words

    def _by_words(self) -> tuple[tuple[Consequence, ...], bool]:
        """What a statement does that the parser does not take apart, and whether it is a known one."""
        text = " ".join(self.words)
        for pattern, code in _BY_WORDS:
            found = pattern.match(text)
            if found is not None and code is None:
                return (), True
            if found is not None and code is not None:
                table = (
                    self._word_at(text, found.start("table"))
                    if "table" in found.groupdict()
                    else ""
                )
                breaks: Breaks = "renamed" if code is _BREAKS else "gone"
                return (Consequence(code, table, breaks=breaks),), True
        return (), False

    def _word_at(self, text: str, start: int) -> str:
        """The name at a place of the joined words, with its schema."""
        first, *rest = self.given[text[:start].count(" ") :][:3]
        parts = [first, rest[1]] if rest[:1] == ["."] else [first]
        named = ".".join(each.strip('"') if each[:1] == '"' else each.lower() for each in parts)
        return named.removeprefix("public.")

    def _needs_autocommit(self) -> bool:
        first = self.words[:1]
        pair = self.words[:2]
        of_index = (
            self.words[0] in ("CREATE", "DROP", "REINDEX") and "CONCURRENTLY" in self.words[:5]
        )
        of_partition = "DETACH" in self.words and self.words[-1] == "CONCURRENTLY"
        return of_index or of_partition or first == ("VACUUM",) or pair in _OUTSIDE


_OUTSIDE = {
    ("CREATE", "DATABASE"),
    ("DROP", "DATABASE"),
    ("ALTER", "SYSTEM"),
    ("CREATE", "TABLESPACE"),
}
_MOVES = {"UNLOGGED", "LOGGED", "TABLESPACE", "METHOD"}
_NAME = r"(?:ONLY )?(?:IF EXISTS )?(?:ONLY )?(?P<table>[^ ]+)(?: \. [^ ]+)?"

#: Statements by their first words, and what they do; None: nothing that others feel for long.
_BY_WORDS: tuple[tuple[re.Pattern[str], HazardCode | None], ...] = tuple(
    (re.compile(pattern), code)
    for pattern, code in (
        (r"REINDEX .*\bCONCURRENTLY\b", None),
        (rf"REINDEX (?:\(.*\) )?(?:TABLE|INDEX) {_NAME}", _SCANS),
        (rf"VACUUM (?:FULL|\( (?:[^)]* )?FULL\b[^)]*\)) {_NAME}", _REWRITES),
        (r"VACUUM|ANALYZE", None),
        (rf"CLUSTER {_NAME}", _REWRITES),
        (r"REFRESH MATERIALIZED VIEW CONCURRENTLY", None),
        (rf"REFRESH MATERIALIZED VIEW {_NAME}", _BLOCKS),
        (
            rf"LOCK (?:TABLE )?{_NAME} IN (?:ACCESS SHARE|ROW SHARE|ROW EXCLUSIVE|SHARE UPDATE EXCLUSIVE)",
            None,
        ),
        (rf"LOCK (?:TABLE )?{_NAME}", _BLOCKS),
        (rf"ALTER TABLE .* ATTACH PARTITION {_NAME}", _SCANS),
        (rf"ALTER TABLE {_NAME} .*\bEXCLUDE\b", _SCANS),
        (rf"ALTER TABLE {_NAME} .*\bADD GENERATED\b", None),
        (rf"ALTER TABLE {_NAME} ADD .*\) VIRTUAL$", None),
        (rf"ALTER TABLE {_NAME} .*\bSET SCHEMA\b", _BREAKS),
        (rf"ALTER TABLE {_NAME} .*\bUSING INDEX\b", None),
        (
            rf"ALTER TABLE {_NAME} (?:VALIDATE|ENABLE|DISABLE|FORCE|NO FORCE|OWNER|REPLICA|DETACH|SET STATISTICS|RESET|ALTER CONSTRAINT|RENAME CONSTRAINT|CLUSTER|ALTER (?:COLUMN )?[^ ]+ (?:SET|RESET|DROP))\b",
            None,
        ),
        (rf"ALTER TYPE {_NAME} RENAME", _BREAKS),
        (r"ALTER TYPE .* ADD VALUE", None),
        (
            r"(?:CREATE|ALTER|DROP) (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|EXTENSION|TYPE|DOMAIN|POLICY|STATISTICS|AGGREGATE|OPERATOR|RULE|ROLE|USER|EVENT TRIGGER|PUBLICATION|COLLATION|TRIGGER|SEQUENCE|SCHEMA|VIEW|INDEX)\b",
            None,
        ),
        (
            r"GRANT|REVOKE|COMMENT|SET|RESET|SHOW|SECURITY LABEL|NOTIFY|EXPLAIN|PRAGMA|REASSIGN|ALTER DEFAULT",
            None,
        ),
    )
)


def _asked_for(where: Any, names: Collection[str]) -> Iterator[str]:
    """The columns that a condition compares with values, each of which must be met."""
    if where is None:
        return
    conditions = where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
    for condition in (each.unnest() for each in conditions):
        if isinstance(condition, exp.EQ | exp.In) and isinstance(condition.this, exp.Column):
            is_in = isinstance(condition, exp.In)
            values = condition.expressions if is_in else [condition.expression]
            is_own = condition.this.table in names
            if is_own and values and all(isinstance(each, _VALUES) for each in values):
                column = condition.this
                yield column.name if column.this.args.get("quoted") else column.name.lower()


_VALUES = (exp.Literal, exp.Placeholder, exp.Parameter)

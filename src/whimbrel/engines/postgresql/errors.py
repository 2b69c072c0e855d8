"""Explains PostgreSQL's errors, with the hint that fixes them."""

from __future__ import annotations

import re
from typing import Any

from whimbrel.engines.step import Boundary, Step
from whimbrel.schema import changes as c
from whimbrel.schema.expressions import SQL
from whimbrel.schema.table import Check, Constraint

#: Names by their extension: those of PostgreSQL 18, appendix F, and of pgvector and PostGIS.
_NAMES = {
    "citext": "citext",
    "cube": "cube",
    "hstore": "hstore gin_hstore_ops gist_hstore_ops",
    "intarray": "gin__int_ops gist__int_ops gist__intbig_ops query_int",
    "isn": "ean13 isbn isbn13 ismn ismn13 issn issn13 upc",
    "ltree": "lquery ltree ltxtquery gist_ltree_ops",
    "pg_trgm": "gin_trgm_ops gist_trgm_ops",
    "postgis": "box2d box3d geography geometry",
    "postgis_raster": "raster",
    "seg": "seg",
    "vector": "halfvec sparsevec vector halfvec_cosine_ops halfvec_ip_ops halfvec_l2_ops "
    "vector_cosine_ops vector_ip_ops vector_l2_ops",
}
_EXTENSIONS = {name: owner for owner, names in _NAMES.items() for name in names.split()}

_MISSING = re.compile(r'^(?:type|operator class) "(?:[^"]*\.)?(?P<name>[^".\[]+)(?:\[\])?"')

#: SQLSTATE to the hint that fixes it (PostgreSQL 18, appendix A).
_HINTS = {
    "23502": "Give the field a default for the rows that are there (or null=True), or fill them "
    "in a migration of their own first.",
    "23505": "Make the rows differ first (a RunPython before this migration), then migrate again.",
    "23503": "Fix or delete the rows that point at nothing first, then migrate again.",
    "23514": "Fix the rows that break the check first, then migrate again.",
    "23P01": "Fix the rows that exclude each other first, then migrate again.",
    "22P02": "Fix the values that do not fit the new type first, then migrate again.",
    "22001": "Shorten the values that are too long first, or give the field more room.",
    "22003": "Fix the values that are out of range first, or take a larger type.",
    "22007": "Fix the values that are no dates or times first, then migrate again.",
    "22008": "Fix the values that are out of range first, then migrate again.",
    **dict.fromkeys(
        ("42804", "42846"),
        "Change the type in two steps: a new field, a RunPython that fills it, and the removal of the "
        "old one.",
    ),
    **dict.fromkeys(
        ("42P07", "42710", "42701"),
        "It was made outside of the migrations: drop or rename it, or record this migration as "
        "applied with --fake.",
    ),
    "42P01": "The table is not there: it was dropped or renamed outside of the migrations. "
    "Bring it back as the migrations left it.",
    "42703": "The column is not there: it was dropped or renamed outside of the migrations. "
    "Bring it back as the migrations left it.",
    "42704": "It is not there: it was dropped or renamed outside of the migrations, or an "
    "extension is missing (CREATE EXTENSION).",
    "42883": "A function or operator is missing: an extension may be (CREATE EXTENSION), or an "
    "expression does not fit its column's type.",
    "42830": "A foreign key needs a primary key or a unique constraint on what it points at.",
    "42501": "Migrate as the owner of the tables, or have the right granted.",
    "3F000": "Create the schema first.",
    "55P03": "Another transaction holds the table. Try again, or end it.",
    "40P01": "The server ended a deadlock with another transaction. Try again.",
    "55P04": "A new label of an enum cannot be used before the commit: use it in a migration "
    "of its own, after the one that adds it.",
    "55006": "A row of this table still has something to be checked at the commit: split the "
    "migration in two.",
    "2BP01": "Something that the migrations do not know (a view, a function) depends on it: "
    "drop that first, and create it anew afterwards.",
    "0A000": "This server cannot do it in this way: a view, rule, trigger or partition stands in the "
    "way, or its version is too old.",
    "25001": "It runs in no transaction: write atomic = False in the class of its migration.",
    "25P02": "A statement before it failed, and the function went on: put what may fail into "
    "`with schema_editor.transaction():`.",
    "25006": "The database only lets itself be read: connect to the primary server.",
    "53100": "The server's disk is full.",
    "57014": "The statement ran longer than statement_timeout allows, or somebody cancelled it.",
}

#: Errors of NOT NULL and CHECK, whose detail is all that a row has: it belongs in nobody's log.
_WHOLE_ROWS = frozenset({"23502", "23514"})
_LOST = frozenset({"57P01", "57P02", "57P03", "57P05"})


def state_of(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's error, or of SQLAlchemy's around it."""
    inner = getattr(error, "orig", None) or error
    found = getattr(inner, "sqlstate", None) or getattr(inner, "pgcode", None)
    return str(found) if found else None


def is_lock_timeout(error: BaseException) -> bool:
    return state_of(error) in ("55P03", "40P01")


def is_disconnect(error: BaseException) -> bool:
    """Return True if the server ended the connection, or it broke."""
    state = state_of(error)
    if getattr(error, "connection_invalidated", False):
        return True
    return state is not None and (state.startswith("08") or state in _LOST)


def explain(error: BaseException, step: Step | None) -> tuple[str, str | None]:
    """Return what is wrong, and the hint that fixes it."""
    inner: Any = getattr(error, "orig", None) or error
    diagnosis = getattr(inner, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or str(inner).strip()
    state = state_of(error)
    detail = None if state in _WHOLE_ROWS else getattr(diagnosis, "message_detail", None)
    if state == "23514" and step is not None and isinstance(step.change, c.ValidateConstraint):
        is_null = _column_with_null(step.change.constraint)
        if is_null is not None:
            # As it is said where no check is needed to prove it, from version 18 on.
            state = "23502"
            message = f'column {is_null} of relation "{step.change.table}" contains null values'
    said = f"{message} ({detail.rstrip('.')})" if detail else message
    missing = _hint_for_missing(str(message)) if state == "42704" else None
    return said, missing or _hint(state, step, str(message))


def _column_with_null(constraint: Constraint) -> str | None:
    """Return the column, quoted, of a check that it is not NULL."""
    if not isinstance(constraint, Check) or not isinstance(constraint.expression, SQL):
        return None
    column, words, rest = constraint.expression.on("postgresql").partition(" IS NOT NULL")
    is_one = words and not rest and re.fullmatch(r'\w+|"(?:[^"]|"")+"', column)
    return f'"{column.strip(chr(34))}"' if is_one else None


def _hint_for_missing(message: str) -> str | None:
    found = _MISSING.match(message)
    extension = _EXTENSIONS.get(found["name"]) if found else None
    if extension is None:
        return None
    return (
        f"It is of the extension {extension}. Make that in a migration of its own, before this one:\n"
        f"migrations.RunSQL('CREATE EXTENSION IF NOT EXISTS {extension}', migrations.RunSQL.noop)\n"
        "Where it is there, the schema that it is in is not in the search_path."
    )


def _hint(state: str | None, step: Step | None, message: str) -> str | None:
    change = step.change if step is not None else None
    is_timeout = state == "57014" and "statement timeout" in message
    if is_timeout and step is not None and step.boundary is Boundary.BRIEF:
        return (
            "It was taken to need an instant, and was stopped since others wait for what it locks. In a "
            "maintenance window: migrate --short, which sets no limit."
        )
    if state == "42804" and "default expression" in message:
        return "Write the default as a value of the column's type: true or false of a boolean, for one."
    if state == "23502" and isinstance(change, c.AddColumn):
        return (
            f"Rows are there already, and {change.table}.{change.column.name} takes no NULL: give "
            "it a default, a one-off default, or null=True."
        )
    if state == "0A000" and isinstance(change, c.AlterDomain):
        return (
            "Arrays are made of the domain, or other types, and PostgreSQL looks into none of them. Give "
            "the domain another name: its columns are converted to the new one."
        )
    return _HINTS.get(state or "")

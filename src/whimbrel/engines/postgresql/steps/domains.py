"""Steps for domains: made before the columns that use them, altered in place, dropped after the last one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whimbrel.engines.postgresql.compiler import COMPILER
from whimbrel.engines.postgresql.steps import probes
from whimbrel.engines.postgresql.steps.builder import Builder, Makers
from whimbrel.engines.sql.literals import text
from whimbrel.engines.step import Hazard, HazardCode, Lock, Step
from whimbrel.errors import UnsupportedError
from whimbrel.schema import changes as c
from whimbrel.schema.domains import domain_arguments
from whimbrel.schema.types import Type


def create_domain(change: c.CreateDomain, builder: Builder) -> Iterator[Step]:
    name = COMPILER.type(change.domain)
    yield Step((COMPILER.create_domain(change.domain),), change, done=probes.has_type(name))


def drop_domain(change: c.DropDomain, builder: Builder) -> Iterator[Step]:
    name = COMPILER.type(change.domain)
    yield Step((f"DROP DOMAIN {name}",), change, done=probes.is_false(probes.has_type(name)))


def alter_domain(change: c.AlterDomain, builder: Builder) -> Iterator[Step]:
    """Another default, NOT NULL or CHECK. Raises `UnsupportedError` for another type."""
    old, new = domain_arguments(change.old), domain_arguments(change.new)
    name = COMPILER.type(change.new)
    differing = {key for key in (*old, *new) if old.get(key) != new.get(key)}
    if differing - {"check", "constraint_name", "default", "not_null"}:
        raise UnsupportedError(
            f"the domain {name} gets another type or collation, which PostgreSQL cannot do in place",
            hint="Give the domain another name: its columns are converted to the new one.",
        )
    if differing & {"check", "constraint_name"}:
        yield from _check(change, name, old, new, builder)
    if "default" in differing:
        of = new.get("default")
        default = of.args[0] if isinstance(of, Type) else text(str(of))
        action = "DROP DEFAULT" if of is None else f"SET DEFAULT {default}"
        yield Step((f"ALTER DOMAIN {name} {action}",), change)
    if "not_null" in differing:
        if new.get("not_null"):
            yield _strict(f"ALTER DOMAIN {name} SET NOT NULL", change, name, builder)
        else:
            yield Step((f"ALTER DOMAIN {name} DROP NOT NULL",), change)


def _strict(sql: str, change: c.AlterDomain, name: str, builder: Builder) -> Step:
    """Return a step that looks at all rows of the tables that use the domain, and locks them."""
    users = [
        table.at
        for table in builder.tracker.tables()
        if change.old in table.domains and table.at not in builder.fresh
    ]
    return Step(
        (sql,),
        change,
        tables=tuple((at, Lock.SHARE) for at in users),
        scans=bool(users),
        hazards=(
            *(Hazard(HazardCode.SCANS_TABLE, str(at)) for at in users),
            Hazard(HazardCode.MAY_FAIL_ON_ROWS, name),
        ),
    )


def _check(
    change: c.AlterDomain,
    name: str,
    old: dict[str, Any],
    new: dict[str, Any],
    builder: Builder,
) -> Iterator[Step]:
    if old.get("check") is not None:
        check, named = old["check"].args[0], old.get("constraint_name")
        own = named or f"{old['name']}_check"  # PostgreSQL's own name for one without a name.
        sql = f"ALTER DOMAIN {name} DROP CONSTRAINT {COMPILER.quote(own)}"
        if not named and " AND " in check:
            sql = _CHECKS_TOLD_AS_ONE.format(text(name), text(own), text(check))
        yield Step((sql,), change)
    if new.get("check") is not None:
        words = COMPILER.named(new.get("constraint_name"))
        sql = f"ALTER DOMAIN {name} ADD {words}CHECK ({new['check'].args[0]})"
        yield _strict(sql, change, name, builder)


# Several checks of a database are told as one. Of any others, which somebody added to the one of a
# model, none goes. A tag of its own, since a name may have $$.
_CHECKS_TOLD_AS_ONE = """DO $checks$ DECLARE one text; BEGIN
    FOR one IN WITH k AS (SELECT * FROM pg_constraint WHERE contypid = {0}::regtype AND contype = 'c')
        SELECT conname FROM k WHERE conname = {1} OR {2} =
            (SELECT string_agg(pg_get_expr(conbin, 0), ' AND ' ORDER BY conname) FROM k)
    LOOP
        EXECUTE format('ALTER DOMAIN %s DROP CONSTRAINT %I', {0}::regtype, one);
    END LOOP;
END $checks$"""


STEPS: Makers = {
    c.CreateDomain: create_domain,
    c.DropDomain: drop_domain,
    c.AlterDomain: alter_domain,
}

"""An adoption: what was written, and what became of each database."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from whimbrel.commands.adopt.alembic import Adopted
from whimbrel.commands.adopt.databases import AdoptedDatabase, Outcome
from whimbrel.errors import place
from whimbrel.report.drift import deviation_lines, deviations_json, exclusions_text
from whimbrel.report.files import files_json


def adopted_text(adopted: Adopted) -> str:
    """Return what was written, or would be, and each database in a line, with its differences below."""
    return "\n".join(_lines(adopted))


def _lines(adopted: Adopted) -> Iterator[str]:
    would = "would write" if adopted.dry_run else "wrote"
    if adopted.configured:
        yield f"{would}  {place(adopted.file)}"
        yield from (f"  {line}" for line in adopted.configured.splitlines() if line)
    if adopted.written:
        yield f"{would}  {place(adopted.written[0])}"
    for file in adopted.files:
        yield f"{would}  {place(file.path)}"
        yield from (f"  {operation.describe()}" for operation in file.operations)
    for database in adopted.databases:
        yield f"{database.alias}: {_database_line(database, adopted.project.heads)}"
        if not database.outcome.is_well:
            yield from deviation_lines(database.deviations, " (--rename takes the models' names)")


def _database_line(database: AdoptedDatabase, heads: tuple[str, ...]) -> str:
    labels = ", ".join(database.labels)
    at = f"at Alembic's head ({', '.join(database.versions)})"
    match database.outcome:
        case Outcome.RECORDED:
            if database.deviations:
                return f"{at}, and only names differed: renamed them, and recorded {labels}"
            return f"{at}, and it has what the initial migration makes: recorded {labels}"
        case Outcome.FITS:
            if database.deviations:
                return f"{at}, and only names differ: would rename them, and record {labels}"
            return f"{at}, and it has what the initial migration makes: would record {labels}"
        case Outcome.ALREADY:
            return "recorded already"
        case Outcome.BEHIND:
            there = "head is" if len(heads) == 1 else "heads are"
            return f"at {', '.join(database.versions)}, and Alembic's {there} {', '.join(heads)}"
        case Outcome.DIFFERS:
            return f"{at}, and it differs: nothing was recorded"
        case Outcome.UNVERSIONED:
            return "Alembic has recorded no version here"
        case Outcome.WAITS:
            return f"{labels} comes first, and is not applied"
        case Outcome.MISSING:
            return "there is no database yet"
    return str(database.error)


def next_steps(adopted: Adopted) -> list[str]:
    """Return the next steps, a line or more for each kind of thing that is left."""
    steps: list[str] = []
    if adopted.unrun:
        steps.append(adopted.unrun)
    for database in adopted.databases:
        for said in (_next(adopted, database), _leaving_strangers(database)):
            if said and said not in steps:
                steps.append(said)
    if adopted.dry_run or not all(each.outcome.is_well for each in adopted.databases):
        return steps
    return [
        *steps,
        "From now on: whimbrel makemigrations and migrate. Alembic's files may stay.",
    ]


def _leaving_strangers(database: AdoptedDatabase) -> str | None:
    leave = exclusions_text([str(at) for at in database.strangers])
    if leave is None:
        return None
    return (
        f"{database.alias}: it has tables that no model has, and drift will show them.\n  {leave}"
    )


def _next(adopted: Adopted, database: AdoptedDatabase) -> str | None:
    option = "" if database.alias == "default" else f" --database {shlex.quote(database.alias)}"
    again, migrate = f"{_again(adopted)}{option}", f"{_whimbrel(adopted)} migrate"
    match database.outcome:
        case Outcome.BEHIND:
            return f"{database.alias}: {_upgrade(adopted)}, then {again}"
        case Outcome.UNVERSIONED:
            return (
                f"{database.alias}: if it is empty: {migrate}{option}; "
                f"if it has the tables: {migrate}{option} --fake-initial; "
                f"if Alembic keeps its version in another table than {adopted.project.version_table}: "
                f"{again} --version-table TABLE"
            )
        case Outcome.MISSING:
            return f"{database.alias}: {migrate}{option} makes it"
        case Outcome.WAITS:
            return f"{database.alias}: {migrate}{option}, up to those, then {again}"
        case Outcome.DIFFERS:
            return _ways_on(adopted, database, option, again)
    return None


def _whimbrel(adopted: Adopted) -> str:
    """The program, told where the project is if it was told now."""
    directory = adopted.wanted.directory
    return f"whimbrel --project {shlex.quote(str(directory))}" if directory else "whimbrel"


def _again(adopted: Adopted) -> str:
    """The command, with what was said to it, so that it can be pasted."""
    wanted = adopted.wanted
    said = (
        ("--config", wanted.config and str(wanted.config)),
        ("--models", wanted.models),
        ("--app", wanted.app),
        ("--version-table", wanted.version_table),
    )
    options = [f" {option} {shlex.quote(value)}" for option, value in said if value]
    return f"{_whimbrel(adopted)} adopt alembic{''.join(options)}"


def _upgrade(adopted: Adopted) -> str:
    if adopted.project.is_of_flask:
        return "flask db upgrade"
    config = adopted.wanted.config
    of = f" -c {shlex.quote(str(config))}" if config else ""
    return f"alembic{of} upgrade {'head' if len(adopted.project.heads) == 1 else 'heads'}"


def _ways_on(adopted: Adopted, database: AdoptedDatabase, option: str, again: str) -> str:
    if all(each.is_of_names for each in database.deviations):
        return f"{database.alias}: only names differ. {again} --rename renames them, at once."
    program = _whimbrel(adopted)
    fix_text = (
        "  Fix the database by the SQL that brings it to the models:\n"
        + "".join(
            f"    {program} migrate {label.replace('.', ' ', 1)}{option} --fake\n"
            for label in database.labels
        )
        + f"    {program} drift{option} --sql    # and without --sql, to see that it is done"
    )
    if any(each.outcome in (Outcome.RECORDED, Outcome.ALREADY) for each in adopted.databases):
        # Another one has the initial migration as it is.
        return f"{database.alias}:\n{fix_text}"
    names = " --rename" if any(each.is_of_names for each in database.deviations) else ""
    return (
        f"{database.alias}: there are two ways on.\n{fix_text}\n"
        "  Or start from what it has; what differs is the next migration:\n"
        f"    {again} --from-database{names}\n"
        f"    {program} makemigrations"
    )


def adopted_json(adopted: Adopted) -> dict[str, Any]:
    """The adoption for machines."""
    return {
        "alembic": {
            "config": str(adopted.project.config),
            "script": str(adopted.project.script),
            "heads": list(adopted.project.heads),
            "version_table": str(adopted.project.version_table),
        },
        "apps": list(adopted.apps),
        "configured": adopted.configured or None,
        "written": str(adopted.written[0]) if adopted.written else None,
        **files_json(adopted.files),
        "databases": [_database_json(each) for each in adopted.databases],
        "dry_run": adopted.dry_run,
    }


def _database_json(database: AdoptedDatabase) -> dict[str, Any]:
    return {
        "alias": database.alias,
        "database": database.shown,
        "outcome": database.outcome.value,
        "versions": list(database.versions),
        "missing": list(database.missing),
        "migrations": list(database.labels),
        "drift": deviations_json(database.deviations),
        "strangers": [str(at) for at in database.strangers],
        "error": database.error.as_dict() if database.error else None,
    }

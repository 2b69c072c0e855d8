"""`whimbrel drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from whimbrel.cli.call import Call, data, database_option, json_option, pass_call, print_json, talk

if TYPE_CHECKING:
    from whimbrel.commands.drift import Drift
    from whimbrel.config import Config


@click.command("drift")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option("--write", is_flag=True, help="Write the migrations that the database is ahead by.")
@click.option("--name", "-n", metavar="NAME", help="What they are called after their number.")
@click.option("--sql", is_flag=True, help="Print the SQL that brings the database back.")
@click.option(
    "--drop",
    "dropping",
    multiple=True,
    metavar="TABLE",
    help="With --sql: this table goes too, which no model has; may be given several times.",
)
@database_option
@json_option
@pass_call
def command(
    call: Call,
    apps: tuple[str, ...],
    write: bool,
    name: str | None,
    sql: bool,
    dropping: tuple[str, ...],
    alias: str,
    as_json: bool,
) -> int:
    """Show how a database differs from what its applied migrations lead to.

    Ends with exit code 1 where it does. The database is only looked at.
    """
    from whimbrel.commands.drift import find_drift
    from whimbrel.errors import UsageError

    if write and sql:
        raise UsageError("--write and --sql do not go together", hint="Give one of them.")
    if name is not None and not write:
        raise UsageError("--name is for the file that --write makes", hint="Add --write.")
    if dropping and not sql:
        raise UsageError("--drop is for the script that --sql prints", hint="Add --sql.")
    config = call.config()
    drift = find_drift(config, apps, alias=alias)
    for label in drift.unknown:
        talk(f"warning: {label} is applied and has no file: what it did shows as drift")
    if write:
        return _write(call, config, drift, apps, name)
    if sql:
        return _sql(call, config, drift, alias, dropping)
    return _show(call, drift)


def _show(call: Call, drift: Drift) -> int:
    from whimbrel.report.drift import drift_json, drift_text, of_others

    if call.json:
        print_json(drift_json(drift))
    elif drift:
        data(drift_text(drift))
        talk(_NEXT if drift.applied else _NOTHING_RECORDED)
        leave = of_others(drift.deviations) if drift.applied else None
        if leave is not None:
            talk(f"{leave}\n--sql drops only those of them that --drop TABLE names.")
    else:
        talk("No drift." if drift.applied else _NOTHING_THERE)
    return 1 if drift else 0


_NEXT = (
    "Next: --sql prints what brings the database back; --write makes the migration that says "
    "what it has."
)
_NOTHING_THERE = "No drift: the database is empty, and nothing is recorded as applied."
_NOTHING_RECORDED = (
    "Nothing is recorded as applied here. Where the tables are those of the models: "
    "whimbrel migrate --fake-initial."
)


def _sql(call: Call, config: Config, drift: Drift, alias: str, dropping: tuple[str, ...]) -> int:
    from whimbrel.commands.drift import script_back
    from whimbrel.report.script import script_json, script_text

    call.show(script_back(config, drift, alias, dropping), script_json, script_text)
    return 1 if drift else 0


def _write(
    call: Call, config: Config, drift: Drift, apps: tuple[str, ...], name: str | None
) -> int:
    from whimbrel.commands.drift import migrations_of
    from whimbrel.commands.make import write
    from whimbrel.report.files import files_json, files_text

    files = migrations_of(config, drift, apps, name=name)
    write(files)
    if call.json:
        print_json(files_json(files))
        return 1 if drift else 0
    if not files:
        talk("No drift." if not drift else "No operation says what differs: see whimbrel drift.")
        return 1 if drift else 0
    data(files_text(files))
    talk("Next: record them here, where they are done already:")
    for file in files:
        talk(f"  whimbrel migrate {file.app} {file.name} --fake")
    talk("and change the models: makemigrations would undo what they do not say.")
    return 1

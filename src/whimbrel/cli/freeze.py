"""`whimbrel freeze`."""

from __future__ import annotations

import click

from whimbrel.cli.call import Call, json_option, pass_call


@click.command("freeze")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option("--dry-run", is_flag=True, help="Say what would be rewritten, and write nothing.")
@json_option
@pass_call
def command(call: Call, apps: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Write types into old migrations as what they are to databases.

    Files that name classes of types or fields, of the project or of a library, are rewritten so that they
    name none; every other byte stays, and databases that have applied them see no edit. Opens no connection.
    """
    from whimbrel.commands.freeze import freeze, write
    from whimbrel.report.freeze import freeze_json, freeze_text

    found = freeze(call.config(), apps)
    if not dry_run:
        write(found)
    nothing = "No migration names a class of a type or a field."
    call.show(found, freeze_json, freeze_text, nothing)
    return 0

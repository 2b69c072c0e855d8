"""`whimbrel check`."""

from __future__ import annotations

import click

from whimbrel.cli.call import Call, data, database_option, json_option, pass_call, print_json, talk


@click.command("check")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option("--offline", is_flag=True, help="Ask no database: only models and files.")
@click.option(
    "--ignore", multiple=True, metavar="CODE", help="Leave findings of this code out; repeatable."
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How findings are printed; github: as annotations at their lines.",
)
@database_option
@json_option
@pass_call
def command(
    call: Call,
    apps: tuple[str, ...],
    offline: bool,
    ignore: tuple[str, ...],
    style: str,
    alias: str,
    as_json: bool,
) -> int:
    """Find everything that is wrong with models, migrations and their record.

    Whatever is broken, the rest is asked too, and nothing is changed. For CI.
    """
    from whimbrel.commands.check import check
    from whimbrel.report.check import check_json, summary, unasked_text
    from whimbrel.report.findings import findings_github, findings_text

    call.json = as_json or style == "json"
    checked = check(call.config(), apps, alias=alias, offline=offline, ignore=ignore)
    if call.json:
        print_json(check_json(checked))
    elif checked.findings:
        data((findings_github if style == "github" else findings_text)(checked.findings))
    for each in checked.unasked:
        talk(unasked_text(each))
    talk(f"{summary(checked)}.")
    return checked.exit_code

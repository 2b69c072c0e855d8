"""`whimbrel lint`."""

from __future__ import annotations

import click

from whimbrel.cli.call import Call, data, database_option, json_option, pass_call, print_json, talk


@click.command("lint")
@click.argument("app", required=False)
@click.argument("name", required=False)
@click.option("--since", metavar="REV", help="Those whose files differ from a revision of git.")
@click.option("--all", "every", is_flag=True, help="All migrations.")
@click.option("--unapplied", is_flag=True, help="Those that the database does not have.")
@click.option(
    "--dialect",
    metavar="NAME",
    help="For postgresql or sqlite. Left out, for all databases of the configuration.",
)
@click.option(
    "--trace",
    "trace_url",
    metavar="URL",
    help="Run them on this server, in a database that is dropped again, and watch what they do.",
)
@click.option("--ignore", multiple=True, metavar="CODE", help="Leave a rule out; repeatable.")
@click.option("--select", multiple=True, metavar="CODE", help="This rule alone; repeatable.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="How findings are printed; github: as annotations at their lines.",
)
@database_option
@json_option
@pass_call
def command(
    call: Call,
    app: str | None,
    name: str | None,
    since: str | None,
    every: bool,
    unapplied: bool,
    dialect: str | None,
    trace_url: str | None,
    ignore: tuple[str, ...],
    select: tuple[str, ...],
    strict: bool,
    style: str,
    alias: str,
    as_json: bool,
) -> int:
    """Find what migrations would do to a running application, before it happens.

    Without APP and options, those migrations are judged that git's last commit does not have.
    """
    from whimbrel.commands.lint import LintChoice, lint
    from whimbrel.report.findings import findings_github, findings_text
    from whimbrel.report.lint import lint_json, lint_sarif, summary

    call.json = as_json or style == "json"
    choice = LintChoice(app, name, since, every, unapplied, alias)
    linted = lint(
        call.config(),
        choice,
        dialect=dialect,
        trace_url=trace_url,
        ignore=ignore,
        select=select,
        strict=strict,
    )
    if call.json:
        print_json(lint_json(linted))
    elif style == "sarif":
        print_json(lint_sarif(linted))
    elif linted.findings:
        data((findings_github if style == "github" else findings_text)(linted.findings))
    talk(f"{summary(linted)}.")
    return linted.exit_code

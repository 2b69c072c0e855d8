"""`whimbrel rebase`."""

from __future__ import annotations

import click

from whimbrel.cli.call import Call, database_option, json_option, pass_call, print_json, talk


@click.command("rebase")
@click.argument("app")
@click.argument("name", required=False)
@click.option(
    "--onto", metavar="LEAF", help="The leaf that it comes after, where several are left."
)
@click.option("--offline", is_flag=True, help="Ask no database what is applied; needs NAME.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@database_option
@json_option
@pass_call
def command(
    call: Call,
    app: str,
    name: str | None,
    onto: str | None,
    offline: bool,
    dry_run: bool,
    alias: str,
    as_json: bool,
) -> int:
    """Put one branch of an app after the other, so that history stays a line.

    NAME is a migration of the branch that moves; without it git is asked which one is new here, that
    is, not in origin/main, or main. Its files get the next numbers, and depend on the other leaf.
    """
    from whimbrel.commands.rebase import plan_rebase, rebase
    from whimbrel.report.rebase import NEXT, STOPPED, rebase_json, rebase_text, words_text

    plan = plan_rebase(call.config(), app, name, onto=onto, alias=alias, offline=offline)
    if plan is None:
        if call.json:
            print_json({"app": app, "onto": None, "moved": [], "rewritten": []})
        talk(f"Nothing to rebase: {app} has no two leaves.")
        return 0
    if not dry_run:
        try:
            rebase(plan)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(STOPPED) from None
    call.show(plan, rebase_json, rebase_text)
    if words := words_text(plan):
        talk(words)
    if not dry_run:
        talk(NEXT)
    return 0

"""`whimbrel migrate`."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whimbrel.cli.call import (
    NO_APPS,
    Call,
    data,
    database_option,
    json_option,
    pass_call,
    print_json,
    talk,
)

if TYPE_CHECKING:
    from whimbrel.planning.plan import Target
    from whimbrel.run.events import Listener


@click.command("migrate")
@click.argument("app", required=False)
@click.argument("name", required=False)
@click.option("--plan", "only_plan", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--check", is_flag=True, help="End with exit code 1 if anything is unapplied.")
@click.option("--fake", is_flag=True, help="Record only; the database is left as it is.")
@click.option(
    "--fake-initial",
    is_flag=True,
    help="Record initial migrations whose tables are there already; apply the rest.",
)
@click.option(
    "--rename",
    is_flag=True,
    help="With --fake-initial: where only names of constraints and indexes differ, rename them.",
)
@click.option(
    "--accept-edit",
    is_flag=True,
    help="Record what edited files do now (of APP, or NAME alone), and do nothing else.",
)
@click.option(
    "--accept-rename",
    is_flag=True,
    help="Record the new names of applied migrations whose files were renamed (of APP, or NAME "
    "alone), and do nothing else.",
)
@click.option(
    "--recorded",
    is_flag=True,
    help="Undo what has no file here (of APP, down to NAME) by the sources that the record kept; "
    "that runs code from the database.",
)
@click.option(
    "--prune",
    is_flag=True,
    help="Take what has no file (of APP, or NAME alone) out of the record, and do nothing else.",
)
@click.option(
    "--short",
    is_flag=True,
    help="Take the short form of every change, as in a maintenance window: others wait while large "
    "tables are read or written.",
)
@click.option("--merge", is_flag=True, help="Make one leaf of several first, and apply it too.")
@click.option("--no-leap", is_flag=True, help="Apply one by one, on an empty database too.")
@click.option(
    "--backup",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Make a consistent copy first; an existing file is never overwritten.",
)
@click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long another runner, or a locked table, is waited for.",
)
@click.option(
    "--end-process",
    type=click.IntRange(min=1),
    metavar="PID",
    help="End this process of the server's first, if it is still at work for a runner that was killed.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the queries of who holds a lock, too.")
@database_option
@json_option
@pass_call
def command(
    call: Call,
    app: str | None,
    name: str | None,
    only_plan: bool,
    check: bool,
    fake: bool,
    fake_initial: bool,
    rename: bool,
    accept_edit: bool,
    accept_rename: bool,
    recorded: bool,
    prune: bool,
    short: bool,
    merge: bool,
    no_leap: bool,
    backup: Path | None,
    lock_timeout: float,
    end_process: int | None,
    verbose: bool,
    alias: str,
    as_json: bool,
) -> int:
    """Bring a database to a migration.

    Without APP all apps go to their newest migration. NAME may be the beginning of a name, or
    "zero", which undoes all of the app's; what depends on what is undone is undone too.
    """
    from whimbrel.planning.plan import Target

    target = Target(app, name)
    if fake and fake_initial:
        raise click.UsageError("--fake records everything, --fake-initial what is there: give one.")
    if rename and not fake_initial:
        raise click.UsageError("--rename is for --fake-initial: give both.")
    if merge:
        _merge(call, app, any((accept_edit, accept_rename, prune, check, only_plan, recorded)))
    others = check or fake or fake_initial or recorded
    if accept_edit or accept_rename:
        flag = "--accept-edit" if accept_edit else "--accept-rename"
        if others or only_plan or prune or (accept_edit and accept_rename):
            raise click.UsageError(f"{flag} records, and does nothing else: give it alone.")
        return (_accept if accept_edit else _accept_renames)(call, target, alias, lock_timeout)
    if prune:
        return _prune(call, target, alias, lock_timeout, has_others=others, only_plan=only_plan)
    if check:
        return _check(call, target, alias, recorded=recorded)
    options: dict[str, Any] = {
        "fake": fake,
        "fake_initial": fake_initial,
        "rename": rename,
        "recorded": recorded,
        "leap": not no_leap,
        "short": short,
    }
    if only_plan:
        return _plan(call, target, alias, options, is_run=end_process is not None)
    options |= {"backup": backup, "lock_timeout": lock_timeout, "end_process": end_process}
    return _migrate(call, target, alias, options, verbose=verbose)


def _merge(call: Call, app: str | None, has_others: bool) -> None:
    if has_others:
        raise click.UsageError("--merge writes files and applies them: give it without the others.")
    from whimbrel.cli.merging import merge_first

    merge_first(call.config(), app)


def _accept(call: Call, target: Target, alias: str, limit: float) -> int:
    from whimbrel.commands.accept import accept_edits

    with _progress() as emit:
        accepted = accept_edits(call.config(), target, alias=alias, lock_timeout=limit, emit=emit)
    if call.json:
        print_json({"database": accepted.database, "accepted": list(accepted.labels)})
    for label in accepted.labels:
        talk(f"Accepted {label} as its file is now")
    if not accepted.labels:
        talk("Nothing to accept: nothing that is applied was edited.")
    return 0


def _accept_renames(call: Call, target: Target, alias: str, limit: float) -> int:
    from whimbrel.commands.accept import accept_renames

    with _progress() as emit:
        made = accept_renames(call.config(), target, alias=alias, lock_timeout=limit, emit=emit)
    if call.json:
        print_json({"database": made.database, "renamed": dict(made.labels)})
    for old, new in made.labels.items():
        talk(f"Recorded {old} as {new}")
    if not made.labels:
        talk("Nothing to accept: no file does what is recorded under a name without a file.")
    return 0


def _prune(
    call: Call, target: Target, alias: str, limit: float, *, has_others: bool, only_plan: bool
) -> int:
    if has_others:
        raise click.UsageError("--prune removes rows of the record: give it alone, or with --plan.")
    from whimbrel.commands.prune import prune_unknown

    config = call.config()
    with _progress() as emit:
        pruned = prune_unknown(
            config,
            target.app,
            target.name,
            alias=alias,
            only_plan=only_plan,
            lock_timeout=limit,
            emit=emit,
        )
    if call.json:
        print_json({"database": pruned.database, "pruned": list(pruned.labels)})
    for label in pruned.labels:
        talk(f"{'Would remove' if only_plan else 'Removed'} the row of {label}")
    if not pruned.labels:
        talk("Nothing to remove: all that is recorded has its file, or is part of a squash.")
    return 0


def _check(call: Call, target: Target, alias: str, *, recorded: bool) -> int:
    from whimbrel.commands.migrate import find_unapplied

    with _progress() as emit:
        labels = find_unapplied(call.config(), target, alias=alias, recorded=recorded, emit=emit)
    if call.json:
        print_json({"unapplied": labels})
    else:
        for label in labels:
            data(label)
    return 1 if labels else 0


def _plan(call: Call, target: Target, alias: str, options: dict[str, Any], *, is_run: bool) -> int:
    if is_run:
        raise click.UsageError("--end-process is for a run: leave --plan out.")
    from whimbrel.commands.preview import plan_migrate
    from whimbrel.report.migrate import plan_json, plan_text

    with _progress() as emit:
        plan = plan_migrate(call.config(), target, alias=alias, emit=emit, **options)
    if call.json:
        print_json(plan_json(plan))
    elif plan.stages:
        data(plan_text(plan))
    else:
        talk("Nothing to do.")
    return 0


def _migrate(
    call: Call, target: Target, alias: str, options: dict[str, Any], *, verbose: bool
) -> int:
    from whimbrel.commands.migrate import migrate
    from whimbrel.commands.results import Interrupted
    from whimbrel.report.migrate import result_json, stopped_text

    config = call.config()
    try:
        with _progress(verbose) as emit:
            result = migrate(config, target, alias=alias, emit=emit, **options)
    except Interrupted as error:
        raise KeyboardInterrupt(stopped_text(error.result)) from None
    if call.json:
        print_json(result_json(result))
    elif not result.done:
        talk("Nothing to do." if config.apps else NO_APPS)
    return 0


def _progress(verbose: bool = False) -> AbstractContextManager[Listener]:
    """Lines, or on a terminal what is being done. ``verbose``: with the queries of others."""
    if sys.stderr.isatty():
        from whimbrel.report.terminal import TerminalProgress

        return TerminalProgress(verbose)
    from whimbrel.report.migrate import PlainProgress

    return PlainProgress(talk, verbose)

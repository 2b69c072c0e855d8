"""`whimbrel makemigrations`."""

from __future__ import annotations

from functools import partial

import click

from whimbrel.cli.call import NO_APPS, Call, F, is_answerable, json_option, pass_call, talk

#: The flags that answer a question, with what they say and an example.
_ANSWERS = {
    "rename": ("PLACE:NEW", "It was renamed: blog.Post.title:headline"),
    "no-rename": ("PLACE", "It was not renamed; it is gone."),
    "move": ("MODEL:APP", "The model moved to that app: blog.Post:news"),
    "no-move": ("MODEL", "The model did not move; it is gone."),
    "one-off": ("FIELD=VALUE", "What existing rows get: blog.Post.slug=\"''\""),
    "safe-steps": ("FIELD", "Nullable first, a backfill, then NOT NULL."),
    "no-nulls": ("FIELD", "No row has NULL in it."),
    "no-loss": ("FIELD", "No row has more than its new type holds."),
    "lossy": ("FIELD", "What rows have may be cut to its new type."),
}


def _answer_options(function: F) -> F:
    for flag, (metavar, text) in reversed(_ANSWERS.items()):
        option = click.option(f"--{flag}", multiple=True, metavar=metavar, help=text)
        function = option(function)
    return function


@click.command("makemigrations")
@click.argument("apps", nargs=-1, metavar="[APP]...")
@click.option("--dry-run", is_flag=True, help="Print the files, and write none.")
@click.option("--check", is_flag=True, help="End with exit code 1 if changes are missing.")
@click.option("--empty", is_flag=True, help="Write an empty migration, to be filled by hand.")
@click.option("--merge", is_flag=True, help="Make one leaf of several, if they do not collide.")
@click.option("--force-merge", is_flag=True, help="Merge branches that collide; asks first.")
@click.option("--yes", is_flag=True, help="Merge what collides without asking.")
@click.option("--name", "-n", metavar="NAME", help="What the file is called after its number.")
@click.option("--update", is_flag=True, help="Put the changes into the app's last migration.")
@click.option("--no-input", "--noinput", is_flag=True, help="Ask nothing, on a terminal too.")
@_answer_options
@json_option
@pass_call
def command(
    call: Call,
    /,
    apps: tuple[str, ...],
    dry_run: bool,
    check: bool,
    empty: bool,
    merge: bool,
    force_merge: bool,
    yes: bool,
    name: str | None,
    update: bool,
    no_input: bool,
    as_json: bool,
    **answers: tuple[str, ...],
) -> int:
    """Write migrations for what changed in the models.

    Opens no connection. What only a person can know is asked on a terminal, or answered by
    flags; without either the run ends with exit code 3 and lists the questions.
    """
    from whimbrel.cli.questions import Asker
    from whimbrel.commands.make import make_empty, make_migrations, write
    from whimbrel.detect import FlagQuestioner, Flags
    from whimbrel.errors import QuestionError
    from whimbrel.report.files import files_json, files_text

    merge_flag = "--force-merge" if force_merge else "--merge"
    _refuse_together(**{"--empty": empty, merge_flag: merge or force_merge, "--update": update})
    if merge or force_merge:
        from whimbrel.cli.merging import merge_leaves

        options = {"dry_run": dry_run, "check": check, "force": force_merge, "is_agreed": yes}
        return merge_leaves(call, apps, name=name, **options)
    config = call.config()
    asker = Asker() if is_answerable() and not (no_input or check) else None
    questioner = FlagQuestioner(Flags.parse(**answers), asker)
    try:
        if empty:
            files = make_empty(config, apps, name=name)
        else:
            files = make_migrations(config, apps, questioner, name=name, update=update)
    except QuestionError as error:
        if not check:
            raise
        talk(str(error))
        return 1
    if not (check or dry_run):
        write(files)
    made = partial(files_json, with_text=dry_run), partial(files_text, with_text=dry_run)
    call.show(files, *made, "No changes." if config.apps else NO_APPS)
    return 1 if check and files else 0


def _refuse_together(**flags: bool) -> None:
    """Each of them makes something else. Raises `UsageError` for more than one."""
    from whimbrel.errors import UsageError

    given = [flag for flag, is_given in flags.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} do not go together", hint="Give one of them.")

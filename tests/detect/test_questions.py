"""What is asked, which flag answers it, and what happens when nobody does."""

from __future__ import annotations

import datetime
import decimal
import os
import shlex
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from detect.declared import found, state, told
from whimbrel import models
from whimbrel.detect import FlagQuestioner, Flags, detect
from whimbrel.detect.flags import value_of
from whimbrel.detect.questions import (
    Answer,
    FillQuestion,
    Question,
    Renamed,
    RenameQuestion,
    SafeSteps,
    Subject,
    Why,
)
from whimbrel.errors import QuestionError, UsageError
from whimbrel.schema.expressions import SQL
from whimbrel.state.state import State

CHAR = models.CharField(max_length=10)
TEXT = models.TextField(null=True)
ENUM = models.EnumField(["draft", "live"], null=True)
LINK = {
    "post": models.ForeignKey("Post", models.CASCADE),
    "tag": models.ForeignKey("Tag", models.CASCADE),
    "Meta": {"db_table": "blog_post_tags"},
}

#: By name: models before, models after, and the flags of the one open question.
OPEN: dict[str, tuple[State, State, list[str]]] = {
    "a new field that takes no NULL": (
        state(blog_Post={}),
        state(blog_Post={"slug": CHAR}),
        ["--one-off blog.Post.slug=VALUE", "--safe-steps blog.Post.slug"],
    ),
    "a new key that takes no NULL": (
        state(blog_Post={}),
        state(blog_Post={"next": models.ForeignKey("Post")}),
        ["--one-off blog.Post.next=VALUE", "--safe-steps blog.Post.next"],
    ),
    "a new field with the time": (
        state(blog_Post={}),
        state(blog_Post={"made": models.DateTimeField(auto_now_add=True)}),
        ["--one-off blog.Post.made=now", "--safe-steps blog.Post.made"],
    ),
    "a new unique field with a callable": (
        state(blog_Post={}),
        state(blog_Post={"key": models.UUIDField(default=uuid.uuid4, unique=True)}),
        ["--safe-steps blog.Post.key"],
    ),
    "NULL no more": (
        state(blog_Post={"a": models.TextField(null=True)}),
        state(blog_Post={"a": models.TextField()}),
        ["--one-off blog.Post.a=VALUE", "--safe-steps blog.Post.a", "--no-nulls blog.Post.a"],
    ),
    "a field of another name": (
        state(blog_Post={"title": CHAR, "n": TEXT}),
        state(blog_Post={"headline": models.CharField(max_length=90), "n": TEXT}),
        ["--rename blog.Post.title:headline", "--no-rename blog.Post.title"],
    ),
    "a field of another name and type, at the same place": (
        state(blog_Post={"publish_date": models.DateField(null=True)}),
        state(blog_Post={"published_date": models.DateTimeField(null=True)}),
        ["--rename blog.Post.publish_date:published_date", "--no-rename blog.Post.publish_date"],
    ),
    "two candidates": (
        state(blog_Post={"title": TEXT}),
        state(blog_Post={"note": TEXT, "titles": TEXT}),
        [
            "--rename blog.Post.title:titles",
            "--rename blog.Post.title:note",
            "--no-rename blog.Post.title",
        ],
    ),
    "a model of another name": (
        state(blog_Post={"title": CHAR, "body": TEXT}),
        state(blog_Article={"title": CHAR, "text": TEXT}),
        ["--rename blog.Post:Article", "--no-rename blog.Post"],
    ),
    "a model of another name that points at itself": (
        state(blog_Post={"next": models.ForeignKey("Post", null=True)}),
        state(blog_Article={"next": models.ForeignKey("Article", null=True)}),
        ["--rename blog.Post:Article", "--no-rename blog.Post"],
    ),
    "a model in another app": (
        state(blog_Post={"title": CHAR}),
        state(news_Post={"title": CHAR}),
        ["--move blog.Post:news", "--no-move blog.Post"],
    ),
    "a table between that another takes the place of": (
        state(blog_Post={"tags": models.ManyToManyField("Tag")}, blog_Tag={}),
        state(
            blog_Post={"tags": models.ManyToManyField("Tag", through="Tagging")},
            blog_Tag={},
            blog_Tagging={"post": models.ForeignKey("Post"), "tag": models.ForeignKey("Tag")},
        ),
        ["--no-rename blog.Post.tags"],
    ),
    "a model whose table a many-to-many field has now": (
        state(blog_Post={}, blog_Tag={}, blog_PostTags=LINK),
        state(blog_Post={"tags": models.ManyToManyField("Tag")}, blog_Tag={}),
        ["--no-rename blog.PostTags"],
    ),
    "a many-to-many field whose table a model has now": (
        state(blog_Post={"tags": models.ManyToManyField("Tag")}, blog_Tag={}),
        state(blog_Post={}, blog_Tag={}, blog_PostTags=LINK),
        ["--no-rename blog.Post.tags"],
    ),
    "a model whose table one of another app has now": (
        state(blog_Post={"Meta": {"db_table": "t"}}),
        state(news_Item={"n": models.IntegerField(default=0), "Meta": {"db_table": "t"}}),
        ["--no-rename blog.Post"],
    ),
    "a model whose table one that stays has now": (
        state(blog_Post={"Meta": {"db_table": "t"}}, blog_Item={"a": CHAR}),
        state(blog_Item={"a": CHAR, "Meta": {"db_table": "t"}}),
        ["--rename blog.Post:Item", "--no-rename blog.Post"],
    ),
    "a table between other models": (
        state(blog_Post={"tags": models.ManyToManyField("Tag")}, blog_Tag={}, blog_Topic={}),
        state(blog_Post={"tags": models.ManyToManyField("Topic")}, blog_Tag={}, blog_Topic={}),
        ["--no-rename blog.Post.tags"],
    ),
    "a column that a table takes the place of": (
        state(blog_Post={"tag": models.ForeignKey("Tag")}, blog_Tag={}),
        state(blog_Post={"tag": models.ManyToManyField("Tag")}, blog_Tag={}),
        ["--no-rename blog.Post.tag"],
    ),
    "a field that takes the name of one that goes": (
        state(blog_Post={"a": CHAR, "b": TEXT}),
        state(blog_Post={"a": TEXT}),
        ["--rename blog.Post.b:a", "--no-rename blog.Post.b"],
    ),
    "fields that swap their names": (
        state(blog_Post={"a": CHAR, "b": TEXT}),
        state(blog_Post={"a": TEXT, "b": CHAR}),
        ["--rename blog.Post.a:b", "--no-rename blog.Post.a"],
    ),
    "fields of which one has the other's name, and that has a new one": (
        state(blog_Post={"a": CHAR, "b": TEXT}),
        state(blog_Post={"a": models.IntegerField(null=True), "b": CHAR, "c": TEXT}),
        ["--rename blog.Post.a:b", "--no-rename blog.Post.a"],
    ),
    "a field on the column of one that goes, which keeps its own name": (
        state(blog_Post={"a": CHAR, "b": CHAR}),
        state(blog_Post={"a": models.CharField(max_length=10, db_column="b")}),
        ["--rename blog.Post.b:a", "--no-rename blog.Post.b"],
    ),
    "a model that takes the name of one that goes": (
        state(blog_Post={"title": CHAR}, blog_Entry={"text": TEXT}),
        state(blog_Post={"text": TEXT}),
        ["--rename blog.Entry:Post", "--no-rename blog.Entry"],
    ),
    "models that swap their names": (
        state(blog_Post={"title": CHAR}, blog_Entry={"text": TEXT}),
        state(blog_Post={"text": TEXT}, blog_Entry={"title": CHAR}),
        ["--rename blog.Post:Entry", "--no-rename blog.Post"],
    ),
    "a label that takes the name of one that goes": (
        state(blog_Post={"s": models.EnumField(["a", "x", "b"], null=True)}),
        state(blog_Post={"s": models.EnumField(["x", "a"], null=True)}),
        ["--rename blog.Post.s.b:a", "--no-rename blog.Post.s.b"],
    ),
    "a label of another name": (
        state(blog_Post={"s": models.EnumField(["draft", "live"], null=True)}),
        state(blog_Post={"s": models.EnumField(["wip", "live"], null=True)}),
        ["--rename blog.Post.s.draft:wip", "--no-rename blog.Post.s.draft"],
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_open_questions_end_the_run_with_their_flags(case: str) -> None:
    old, new, flags = OPEN[case]
    first = FlagQuestioner()
    with pytest.raises(QuestionError) as caught:
        detect(old, new, first)
    assert list(first.open[0].flags) == flags
    assert all(flag in str(caught.value) for flag in flags)


def parsed(flag: str) -> dict[str, list[str]]:
    name, _, value = flag.removeprefix("--").partition(" ")
    return {name.replace("-", "_"): [value.replace("VALUE", "'1'")]}


@pytest.mark.parametrize(
    ("case", "flag"), [(case, flag) for case, (_, _, flags) in OPEN.items() for flag in flags]
)
def test_each_flag_that_is_listed_answers(case: str, flag: str) -> None:
    old, new, _ = OPEN[case]
    questioner = FlagQuestioner(Flags.parse(**parsed(flag)))
    try:
        assert detect(old, new, questioner)
    except QuestionError:
        place = flag.split(" ")[1].partition("=")[0].partition(":")[0]
        # The answer may lead to another question, about something else.
        assert place not in [question.place for question in questioner.open]


#: Pairs of models about which there is nothing to ask.
SILENT: dict[str, tuple[State, State]] = {
    "a default": (state(blog_Post={}), state(blog_Post={"n": models.IntegerField(default=0)})),
    "a callable default": (
        state(blog_Post={}),
        state(blog_Post={"j": models.JSONField(default=dict)}),
    ),
    "a default of the database": (
        state(blog_Post={}),
        state(blog_Post={"n": models.DateTimeField(db_default=SQL("CURRENT_TIMESTAMP"))}),
    ),
    "computed": (
        state(blog_Post={}),
        state(blog_Post={"n": models.GeneratedField(SQL("id + 1"), models.IntegerField())}),
    ),
    "a table between": (
        state(blog_Post={}),
        state(blog_Post={"m": models.ManyToManyField("Post")}),
    ),
    "a new model": (state(), state(blog_Post={"slug": CHAR})),
    "a table of somebody else": (
        state(blog_Post={"Meta": {"managed": False}}),
        state(blog_Post={"slug": CHAR, "Meta": {"managed": False}}),
    ),
    "a model between, that stays, makes room for a table": (
        state(
            blog_Post={"tags": models.ManyToManyField("Tag", through="Tagging")},
            blog_Tag={},
            blog_Tagging={"post": models.ForeignKey("Post"), "tag": models.ForeignKey("Tag")},
        ),
        state(
            blog_Post={"tags": models.ManyToManyField("Tag")},
            blog_Tag={},
            blog_Tagging={"post": models.ForeignKey("Post"), "tag": models.ForeignKey("Tag")},
        ),
    ),
    "a field that is nothing like the other": (
        state(blog_Post={"stock": models.IntegerField(default=0)}),
        state(blog_Post={"m": models.ManyToManyField("Post")}),
    ),
    "a field goes, and another is altered to what it is not": (
        state(blog_Post={"a": CHAR, "b": models.IntegerField(null=True)}),
        state(blog_Post={"a": models.CharField(max_length=50)}),
    ),
    "fields that were altered, one to what the other was": (
        state(blog_Post={"a": models.IntegerField(), "b": models.SmallIntegerField()}),
        state(blog_Post={"a": models.BigIntegerField(), "b": models.IntegerField()}),
    ),
    "fields that were altered, each to what the next one was": (
        state(blog_Post={"a": CHAR, "b": models.CharField(max_length=20), "c": TEXT}),
        state(
            blog_Post={
                "a": models.CharField(max_length=20),
                "b": models.CharField(max_length=40),
                "c": models.TextField(null=True, db_comment="longer"),
            }
        ),
    ),
    "a model that is nothing like the other": (
        state(blog_Post={"stock": models.IntegerField(), "of": models.ForeignKey("Post")}),
        state(blog_Visitor={"seen": models.DateField(), "address": models.GenericIPAddressField()}),
    ),
}


@pytest.mark.parametrize("case", SILENT)
def test_nothing_is_asked(case: str) -> None:
    assert found(*SILENT[case])


#: What flags say where nothing can be seen: names before, names after, flags, operations.
SAID: dict[str, tuple[str, str, list[str], list[str]]] = {
    "one takes the name of one that goes": (
        "a b", "a", ["b:a"], ["Rename field a of Post to a_old", "Rename field b of Post to a", "Remove field a_old from Post"]
    ),
    "two swap": (
        "a b", "a b", ["a:b", "b:a"],
        ["Rename field b of Post to b_old", "Rename field a of Post to b", "Rename field b_old of Post to a"],
    ),
    "three go round": (
        "a b c", "a b c", ["a:b", "b:c", "c:a"],
        ["Rename field b of Post to b_old", "Rename field a of Post to b", "Rename field c of Post to c_old", "Rename field b_old of Post to c", "Rename field c_old of Post to a"],
    ),
    "a chain": ("a b", "a c", ["a:c", "b:a"], ["Rename field a of Post to c", "Rename field b of Post to a"]),
    "a name for room is taken": (
        "a b a_old", "a a_old", ["b:a"],
        ["Rename field a of Post to a_old2", "Rename field b of Post to a", "Remove field a_old2 from Post"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_flags_say_who_has_the_name_of_another(case: str) -> None:
    before, after, flags, told_as = SAID[case]
    old, new = (state(blog_Post=dict.fromkeys(each.split(), TEXT)) for each in (before, after))
    renames = [f"blog.Post.{each}" for each in flags]
    ours = [each.removeprefix("blog: ") for each in told(found(old, new, rename=renames))]
    assert ours == told_as


def test_all_questions_are_listed_at_once() -> None:
    old = state(blog_Post={"title": CHAR}, shop_Item={})
    new = state(blog_Post={"headline": CHAR}, shop_Item={"a": CHAR, "b": CHAR})
    with pytest.raises(QuestionError) as caught:
        found(old, new)
    assert caught.value.exit_code == 3
    assert caught.value.message == "3 questions need an answer, and there is no terminal to ask on"


class Person:
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        return self.answers.pop(0)


def test_tables_are_asked_before_columns_and_flags_are_not_asked() -> None:
    old = state(blog_Post={"title": CHAR, "body": TEXT, "s": ENUM}, blog_User={"a": TEXT})
    new = state(
        blog_Article={"title": CHAR, "text": TEXT, "s": ENUM}, blog_User={"b": TEXT, "c": CHAR}
    )
    person = Person(Renamed("Article"), Renamed("text"), SafeSteps())
    detect(old, new, FlagQuestioner(Flags.parse(rename=["blog.User.a:b"]), person))
    assert [(type(each), each.place) for each in person.asked] == [
        (RenameQuestion, "blog.Post"),
        (RenameQuestion, "blog.Article.body"),
        (FillQuestion, "blog.User.c"),
    ]


def test_no_name_is_given_twice_and_no_thing_asked_twice() -> None:
    old = state(blog_Post={"title": TEXT, "titel": TEXT})
    new = state(blog_Post={"titles": TEXT})
    person = Person(Renamed("titles"))
    detect(old, new, FlagQuestioner(then=person))
    assert [each.place for each in person.asked] == ["blog.Post.title"]


def test_a_question_knows_what_it_is_about() -> None:
    old, new, _ = OPEN["a label of another name"]
    person = Person(Renamed(None))
    detect(old, new, FlagQuestioner(then=person))
    (question,) = person.asked
    assert isinstance(question, RenameQuestion)
    assert question.subject is Subject.ENUM_VALUE
    assert question.text == "Was the enum value blog.Post.s.draft renamed to wip?"


@pytest.mark.parametrize(
    ("flags", "wrong", "near"),
    [
        ({"rename": ["blog.Post.titel:headline"]}, "--rename blog.Post.titel", "blog.Post.title"),
        ({"rename": ["blog.Post.title:headlin"]}, "--rename blog.Post.title", "title:headline"),
        ({"one_off": ["blog.Post.headline=1"]}, "--one-off blog.Post.headline", ""),
        ({"no_nulls": ["x"]}, "--no-nulls x", "nothing to ask"),
        ({"no_move": ["blog.Post"]}, "--no-move blog.Post", ""),
    ],
)
def test_a_flag_that_answers_nothing(flags: dict[str, Any], wrong: str, near: str) -> None:
    old, new, _ = OPEN["a field of another name"]
    person = Person(Renamed("headline"))
    with pytest.raises(UsageError, match=wrong) as caught:
        detect(old, new, FlagQuestioner(Flags.parse(**flags), person))
    assert near in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("''", ""),
        ("-1", -1),
        ("[1, {'a': None}]", [1, {"a": None}]),
        ("Decimal('1.50')", decimal.Decimal("1.50")),
        ("datetime.date(2024, 1, 31)", datetime.date(2024, 1, 31)),
        (
            "datetime.datetime(2024, 1, 31, tzinfo=datetime.timezone.utc)",
            datetime.datetime(2024, 1, 31, tzinfo=datetime.UTC),
        ),
        ("timedelta(days=1)", datetime.timedelta(days=1)),
        ("UUID('12345678123456781234567812345678')", uuid.UUID("12345678" * 4)),
        ("SQL('lower(title)')", SQL("lower(title)")),
        ("now", SQL("CURRENT_TIMESTAMP")),
    ],
)
def test_values(text: str, value: object) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    "text", ["", "slug", "__import__('os')", "().__class__", "open('x')", "1 +", "Decimal('x')"]
)
def test_what_is_no_value(text: str) -> None:
    with pytest.raises(UsageError, match="is not a value"):
        value_of(text)


@pytest.mark.parametrize(
    "flags", [{"rename": ["blog.Post"]}, {"move": [":news"]}, {"one_off": ["blog.Post.slug"]}]
)
def test_a_flag_that_says_nothing(flags: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="says nothing"):
        Flags.parse(**flags)


def test_safe_steps_of_a_unique_field() -> None:
    old, new, _ = OPEN["a new unique field with a callable"]
    first, _backfill, last = found(old, new, safe_steps=["blog.Post.key"])
    loose = first.operations[0].deconstruct()[1][2]
    assert (loose.null, loose.unique, loose.has_default) == (True, False, False)
    assert last.operations[0].deconstruct()[1][2] == new.model("blog.Post").field("key").field


def test_why_says_what_is_wrong() -> None:
    question = FillQuestion("blog.Post.slug", Why.NEW)
    assert question.text == (
        "The field blog.Post.slug is new, takes no NULL and has no default: "
        "what do existing rows get?"
    )


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("a table between that another takes the place of", "may its table go"),
        ("a column that a table takes the place of", "may its column go"),
        ("a model whose table a many-to-many field has now", "the one of blog.Post.tags now"),
    ],
)
def test_what_goes_with_a_field_that_cannot_be_altered(case: str, text: str) -> None:
    old, new, _ = OPEN[case]
    person = Person(Renamed(None))
    detect(old, new, FlagQuestioner(then=person))
    (question,) = person.asked
    assert text in question.text


def test_flags_that_go_round_in_a_circle() -> None:
    old, new = state(blog_Post={"a": TEXT}), state(blog_Post={"a": TEXT, "b": TEXT})
    assert found(old, new, rename=["blog.Post.a:b", "blog.Post.b:a"])


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (models.IntegerField(), "'abc'", "'abc' is not an integer"),
        (CHAR, "0", "0 is not a string"),
        (CHAR, "'12345678901'", "longer than 10"),
        (models.EnumField(["a", "b"]), "'c'", "not among its labels"),
        (models.IntegerField(), "1099511627776", "does not fit into 32 bits"),
    ],
)
def test_a_one_off_that_does_not_suit(field: Any, value: str, why: str) -> None:
    with pytest.raises(UsageError, match="x cannot have this value") as caught:
        found(state(blog_Post={}), state(blog_Post={"x": field}), one_off=[f"blog.Post.x={value}"])
    assert why in caught.value.message


def test_a_one_off_that_is_null_where_null_cannot_be() -> None:
    with pytest.raises(UsageError, match="takes no NULL"):
        found(
            state(blog_Post={}),
            state(blog_Post={"x": models.IntegerField()}),
            one_off=["blog.Post.x=None"],
        )


def test_a_misspelt_flag_is_named_beside_an_open_question() -> None:
    old, new = state(blog_Post={}), state(blog_Post={"a": CHAR, "b": CHAR})
    with pytest.raises(QuestionError) as caught:
        found(old, new, one_off=["blog.Post.a=''", "blog.Post.bb=''"])
    assert "--one-off blog.Post.bb answers none of them" in str(caught.value.hint)
    assert "--one-off blog.Post.a answers" not in str(caught.value.hint)


@pytest.mark.parametrize("label", ["it's", "two words", "$HOME", "a;b"])
def test_flags_are_written_for_a_shell(label: str) -> None:
    old = state(blog_Post={"s": models.EnumField([label])})
    new = state(blog_Post={"s": models.EnumField(["other"])})
    with pytest.raises(QuestionError) as caught:
        found(old, new)
    (question,) = caught.value.questions
    first, *_ = [shlex.split(flag) for flag in question["flags"]]
    assert first == ["--rename", f"blog.Post.s.{label}:other"]


SCRIPT = """
import re
import shlex
from detect.test_changes import CASES
from detect.declared import found
for old, new, flags, _ in CASES.values():
    for each in found(old, new, **flags):
        shown = [one.deconstruct() for one in each.operations]
        print(each.app, each.dependencies, re.sub(" at 0x[0-9a-f]+", "", str(shown)))
"""


def test_the_same_under_any_hash_seed() -> None:
    tests = str(Path(__file__).parents[1])
    texts = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": os.pathsep.join([tests, *sys.path]),
            },
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1
    assert texts.pop()

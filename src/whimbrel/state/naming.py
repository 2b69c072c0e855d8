"""Identities, and the names that come from them.

A model's identity is the label that it was born with, a field's that of its model and its
own first name: "blog.Post", "blog.Post.title". A second birth under the same name gets a
number: "blog.Post#2". So names of constraints and indexes that the user did not name stay
through renames, and are the same on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

#: PostgreSQL cuts names after 63 bytes (NAMEDATALEN - 1; documentation 18, 4.1.1); MySQL
#: refuses more than 64 characters; SQLite has no limit.
LONGEST = 63


def identity(name: str, count: int) -> str:
    """The identity of a thing that is born for the nth time under a name."""
    return name if count == 1 else f"{name}#{count}"


def table_name(app: str, model: str) -> str:
    """The table's name where a model names none."""
    return shorten(f"{app}_{model.lower()}")


def through_table_name(table: str, field: str) -> str:
    """The name of a many-to-many field's own table."""
    return shorten(f"{table}_{field}")


def through_columns(model: str, target: str) -> tuple[str, str]:
    """The two columns of such a table, by the names of the models: the field's own, and its target."""
    own, other = model.lower(), target.lower()
    return (f"from_{own}_id", f"to_{other}_id") if own == other else (f"{own}_id", f"{other}_id")


def item_name(model_key: str, member_keys: Sequence[str], kind: str, number: int = 1) -> str:
    """The name of a constraint or an index. ``kind``: what of ("idx", "fk", ...).

    ``number`` tells those apart that are made of the same fields. Where the parts of a name
    could run together with those of another ("a_b" and "c", "a" and "b_c"), a hash tells.
    """
    members = [key.rpartition(".")[2] for key in member_keys]
    plain = "_".join([model_key.replace(".", "_"), *members, kind]).lower()
    if number > 1:
        plain += str(number)
    if "#" in plain or _runs_together(model_key, members, kind):
        plain = f"{plain.replace('#', '_')}_{_hash(model_key, *member_keys, kind)}"
    return shorten(plain)


def _runs_together(model_key: str, members: Sequence[str], kind: str) -> bool:
    app, _, model = model_key.partition(".")
    if "_" in app or "_" in model.partition(".")[0]:
        return True
    if len(members) > 1:
        return any("_" in member for member in members)
    return any(member.endswith("_unique") and kind == "index" for member in members)


def type_name(field_key: str) -> str:
    """The name of an enum type where a field names none.

    Not that of a many-to-many table: on PostgreSQL tables and types share their names.
    """
    plain = f"{field_key.replace('.', '_').lower()}_enum"
    return shorten(f"{plain.replace('#', '_')}_{_hash(field_key)}" if "#" in plain else plain)


def shorten(name: str) -> str:
    """A name of at most 63 bytes; what is cut off stands in a hash at the end."""
    raw = name.encode(errors="surrogatepass")
    if len(raw) <= LONGEST:
        return name
    return f"{raw[: LONGEST - 9].decode(errors='ignore')}_{_hash(name)}"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:8]

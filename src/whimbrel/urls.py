"""Variables in the URLs of databases, and what of a URL may be shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
#: What is escaped already stays as it is.
_ESCAPED = re.compile(r"(%[0-9A-Fa-f]{2})")
#: Where names and passwords end: what follows is written with a slash, a question mark or not at all.
_USER = re.compile(r"[\w+]+://(?P<user>.*)@", re.DOTALL)
_SECRET = re.compile(r"pass|pwd|secret|token", re.IGNORECASE)


def filled(text: str, value_of: Callable[[str], str]) -> str:
    """Return a URL with the value of each ``${VARIABLE}`` in its place.

    A value that stands for a user, for a password or for a value of the query may have any
    characters: those that mean something in a URL are escaped. Any other is put in as it is.
    """
    user = _USER.match(text)
    start, end = user.span("user") if user else (0, 0)
    # One variable may hold both: "user:password".
    colon = "" if ":" in text[start:end] else ":"

    def value(match: re.Match[str]) -> str:
        found = value_of(match[1])
        if start <= match.start() < end:
            return _escaped(found, colon)
        before = re.search(r"[?&]([^?&=]*)=$", text[: match.start()])
        if before:
            return _escaped(found, "/:" if is_secret(before[1]) else "/:+")
        return found

    return _VARIABLE.sub(value, text)


def _escaped(value: str, safe: str) -> str:
    parts = _ESCAPED.split(value)
    return "".join(
        part if index % 2 else quote(part, safe=safe) for index, part in enumerate(parts)
    )


def is_secret(key: str) -> bool:
    """Return whether a key of a URL's query speaks of what must not be shown."""
    return _SECRET.search(key) is not None


def has_stray_at(text: str) -> bool:
    """Return whether an "@" stands in a URL where it could be a part of a password.

    What comes before it and after it would then be taken for a host, and be shown.
    """
    rest = text.partition("://")[2]
    user = re.match(r"[^:/]*(?::[^@]*)?@", rest)
    return "@" in (rest[user.end() :] if user else rest.partition("?")[0])

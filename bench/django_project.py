"""A history as a project of Django."""

from __future__ import annotations

from pathlib import Path

from vocabulary import write_files

from history import History

SETTINGS = """\
import os
from urllib.parse import parse_qs, urlsplit

url = urlsplit(os.environ["DATABASE_URL"])
if url.scheme == "sqlite":
    DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": url.path[1:]}}}}
else:
    DATABASES = {{
        "default": {{
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "USER": url.username,
            "HOST": parse_qs(url.query)["host"][0],
        }}
    }}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "only a benchmark"
USE_TZ = True
INSTALLED_APPS = [
{apps}]
"""

MANAGE = """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""


def write_project(made: History, root: Path) -> None:
    """Write it into an empty directory."""
    write_files(made, root, imports="django.db", id_options="(primary_key=True, serialize=False)")
    apps = "".join(f'    "{app}",\n' for app in made.apps)
    (root / "settings.py").write_text(SETTINGS.format(apps=apps))
    (root / "manage.py").write_text(MANAGE)

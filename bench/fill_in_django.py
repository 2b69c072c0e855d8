"""Count every row once as a RunPython of Django does, in one transaction: "bulk" or "save"."""

from __future__ import annotations

import os
import sys
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.db import models, transaction

url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "USER": url.username,
            "HOST": parse_qs(url.query)["host"][0],
        }
    },
    USE_TZ=True,
)
django.setup()


class Row(models.Model):
    """The table that the bench has made."""

    id = models.BigAutoField(primary_key=True)
    title = models.CharField(max_length=100)
    body = models.TextField()
    number = models.IntegerField(default=0)
    made = models.DateTimeField()

    class Meta:
        app_label = "rows"
        db_table = "rows_row"


def bulk(size: int = 2000) -> None:
    """As Django's documentation of large data migrations and of bulk_update has it."""
    batch = []
    for row in Row.objects.iterator(chunk_size=size):
        row.number += 1
        batch.append(row)
        if len(batch) == size:
            Row.objects.bulk_update(batch, ["number"])
            batch = []
    Row.objects.bulk_update(batch, ["number"])


def save() -> None:
    """Row by row."""
    for row in Row.objects.iterator():
        row.number += 1
        row.save(update_fields=["number"])


with transaction.atomic():
    {"bulk": bulk, "save": save}[sys.argv[1]]()
